/**
 * Health and metrics, for the kubelet, load balancers and Prometheus.
 *
 * `/livez`: the process answers. `/readyz`: the node is ready to carry traffic,
 * else 503 and the list of what is not. `/healthz`: no module has given up.
 * A module that waits or backs off mends itself, and an API server that is gone
 * leaves the data path as it is, so neither is a reason to have the agent
 * killed: probes made for kube-router ask `/healthz` for liveness.
 *
 * @module
 */

import { Hono } from "hono";
import type { AgentState, ModuleStatus } from "../lib/agent/state.ts";

/** Prometheus' text format. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What to serve. */
export interface HealthOptions {
  /** Path of the metrics; none are served without it. */
  readonly metricsPath?: string | undefined;
}

/** The health routes, alone. */
export function healthRoutes(
  state: AgentState,
  options: HealthOptions = {},
): Hono {
  const app = new Hono();

  app.get("/livez", (c) => c.text("OK"));

  app.get("/readyz", (c) => {
    const readiness = state.readiness();
    return c.json(readiness, readiness.ready ? 200 : 503);
  });

  app.get("/healthz", (c) => {
    const modules = state.graph();
    const failed = modules.filter((module) => module.phase === "failed");
    const status = failed.length === 0 ? 200 : 503;
    if (c.req.query("verbose") !== undefined) {
      const lines = modules.map(checkLine);
      lines.push(`healthz check ${status === 200 ? "passed" : "failed"}`);
      return c.text(lines.join("\n") + "\n", status);
    }
    return c.text(
      status === 200 ? "OK" : failed.map(checkLine).join("\n") + "\n",
      status,
    );
  });

  if (options.metricsPath !== undefined) {
    app.get(options.metricsPath, async (c) => {
      const text = await state.metricsText();
      return c.body(text, 200, { "content-type": METRICS_TYPE });
    });
  }
  return app;
}

/** As kube-apiserver prints its checks; `[!]` is not ready, but no failure. */
function checkLine(module: ModuleStatus): string {
  const { name, phase, health } = module;
  if (phase === "failed") {
    return `[-]${name} failed: ${module.lastError ?? health.message}`;
  }
  return health.ready && phase === "running"
    ? `[+]${name} ok`
    : `[!]${name} not ready: ${health.message || phase}`;
}
