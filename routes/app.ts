/**
 * The HTTP applications: one for health, one for everything.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { AgentState } from "../lib/agent/state.ts";
import type { Clock } from "../lib/base/clock.ts";
import { codeOf, messageOf } from "../lib/base/errors.ts";
import type { Logger } from "../lib/base/log.ts";
import { apiRoutes } from "./api.ts";
import { dashboardRoutes } from "./dashboard/routes.ts";
import { EventStream, type StreamOptions } from "./event_stream.ts";
import {
  type Access,
  browserHeaders,
  notStored,
  readOnly,
  requireAccess,
} from "./guard.ts";
import { type HealthOptions, healthRoutes } from "./health.ts";
import { problem } from "./problem.ts";

/** What every application needs. */
export interface AppOptions extends HealthOptions {
  readonly log: Logger;
}

/** What the state API and the dashboard need. */
export interface ApiAppOptions extends AppOptions {
  readonly clock: Clock;
  /** Ends event streams; abort it before the server is shut down. */
  readonly signal: AbortSignal;
  readonly access: Access;
  readonly streams?: Omit<StreamOptions, "clock" | "signal">;
}

/** `/healthz`, `/livez`, `/readyz` and metrics, for everyone. */
export function createHealthApp(
  state: AgentState,
  options: AppOptions,
): Hono {
  const app = base(options.log);
  app.use(notStored);
  app.route("/", healthRoutes(state, options));
  return app;
}

/**
 * The dashboard at `/`, the API under `/api/v1`, and what the health application
 * serves. Probes are answered to everyone, the rest to who may ask.
 *
 * @throws {RangeError} when the token is too short
 */
export function createApiApp(state: AgentState, options: ApiAppOptions): Hono {
  const app = base(options.log);
  const guard = requireAccess(options.access);
  const probes: ReadonlySet<string> = new Set([
    "/livez",
    "/readyz",
    "/healthz",
  ]);
  app.use(browserHeaders, notStored);
  app.use((c, next) => probes.has(c.req.path) ? next() : guard(c, next));
  app.route("/", healthRoutes(state, options));
  app.route(
    "/api/v1",
    apiRoutes(state, {
      clock: options.clock,
      stream: new EventStream(state.events, {
        clock: options.clock,
        signal: options.signal,
        ...options.streams,
      }),
    }),
  );
  app.route(
    "/",
    dashboardRoutes(state, {
      clock: options.clock,
      metricsPath: options.metricsPath,
    }),
  );
  return app;
}

function base(log: Logger): Hono {
  const app = new Hono();
  app.use(readOnly);
  app.notFound((c: Context) =>
    problem(c, 404, `nothing is served at ${c.req.path}`)
  );
  app.onError((error: Error, c: Context) => {
    log.error(
      "http.failed",
      `cannot answer ${c.req.path}: ${messageOf(error)}`,
      {
        code: codeOf(error),
        error,
      },
    );
    return problem(c, 500, messageOf(error), codeOf(error));
  });
  return app;
}
