/**
 * The dashboard's routes. Script, style and sign are files of their own, read
 * into the program when it is built.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { AgentState } from "../../lib/agent/state.ts";
import type { Clock } from "../../lib/base/clock.ts";
import script from "./dashboard.js" with { type: "text" };
import style from "./dashboard.css" with { type: "text" };
import sign from "./favicon.svg" with { type: "text" };
import { type PageOptions, renderPage, renderView } from "./page.ts";

/** What the dashboard works with. */
export interface DashboardOptions {
  readonly clock: Clock;
  /** Where metrics are served, if they are. */
  readonly metricsPath?: string | undefined;
}

/** The page at `/`, its sections at `/view`, and the files it loads. */
export function dashboardRoutes(
  state: AgentState,
  options: DashboardOptions,
): Hono {
  const app = new Hono();
  const optionsOf = (c: Context): PageOptions => ({
    nowMs: options.clock.now(),
    metricsPath: options.metricsPath,
    filter: (c.req.query("q") ?? "").slice(0, 200),
  });
  app.get("/", (c) => c.html(renderPage(state, optionsOf(c))));
  app.get("/view", (c) => c.html(renderView(state, optionsOf(c))));
  app.get("/dashboard.js", (c) => file(c, script, "text/javascript"));
  app.get("/dashboard.css", (c) => file(c, style, "text/css"));
  app.get("/favicon.svg", (c) => file(c, sign, "image/svg+xml"));
  return app;
}

function file(c: Context, text: string, type: string): Response {
  return c.body(text, 200, { "content-type": `${type}; charset=utf-8` });
}
