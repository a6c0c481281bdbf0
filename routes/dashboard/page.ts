/**
 * The dashboard: one page, made here, kept fresh by `dashboard.js`. It says the
 * same without the script.
 *
 * @module
 */

import { html } from "hono/html";
import type { AgentState } from "../../lib/agent/state.ts";
import { formatAge } from "../../lib/base/age.ts";
import { renderGraph } from "./graph_view.ts";
import { type Html, plural } from "./html.ts";
import {
  renderEvents,
  renderIssues,
  renderPeers,
  renderPolicies,
  renderServices,
  renderTargets,
} from "./tables.ts";

/** What one look at the dashboard needs. */
export interface PageOptions {
  readonly nowMs: number;
  /** Shows only objects whose `namespace/name` or address holds this text; empty shows all. */
  readonly filter: string;
  /** Where metrics are served, if they are. */
  readonly metricsPath?: string | undefined;
}

/** Events on the page. */
const EVENTS = 30;

/** The whole page. */
export function renderPage(state: AgentState, options: PageOptions): Html {
  return html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${state.node} · Fairway</title>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/dashboard.css">
        <script src="/dashboard.js" type="module"></script>
      </head>
      <body>
        <a class="skip" href="#view">Skip to the content</a>
        <div class="bar">
          <div
            class="brand"><img src="/favicon.svg" alt="" width="26" height="26"><h1>Fairway</h1></div>
          <form role="search" method="get"
            action="/"><label class="hidden" for="filter">Filter by name or address</label><input id="filter" type="search" name="q" value="${options
              .filter}" placeholder="Filter by name or address" maxlength="200" autocomplete="off" spellcheck="false"></form>
          <p id="live" class="quiet" role="status">as of loading</p>
        </div>
        <main id="view">
    ${renderView(state, options)}
        </main>
        <footer
          class="quiet">The same as JSON: <a href="/api/v1/status">/api/v1/status</a>, described in <a href="/api/v1/openapi.json">openapi.json</a>.${options
              .metricsPath === undefined
            ? ""
            : html`
              Metrics: <a href="${options.metricsPath}">${options
                .metricsPath}</a>.
            `}</footer>
      </body>
    </html>
  `;
}

/** What changes: the sections of the page. */
export function renderView(state: AgentState, options: PageOptions): Html {
  const { nowMs } = options;
  const filter = options.filter.trim().toLowerCase();
  const holds = (...texts: readonly string[]): boolean =>
    filter === "" || texts.some((text) => text.toLowerCase().includes(filter));

  const allServices = state.services();
  const services = allServices.filter((it) =>
    holds(
      `${it.namespace}/${it.name}`,
      ...it.vips.map((vip) => vip.address),
      ...it.endpoints.map((endpoint) => endpoint.address),
    )
  );
  const allPolicies = state.policies();
  const policies = allPolicies.filter((it) =>
    holds(`${it.namespace}/${it.name}`)
  );
  const peers = state.peers();
  const issues = state.issues();
  return html`
    ${renderHead(state, nowMs)}
    ${section("graph", "Service graph", "", renderGraph(state.graph(), nowMs))}
    ${issues.length === 0
      ? html`<section id="issues" hidden></section>`
      : section("issues", "To mend", `${issues.length}`, renderIssues(issues))}
    ${section(
      "services",
      "Services",
      shown(services, allServices),
      renderServices(services),
    )}
    ${section(
      "policies",
      "Network policies",
      shown(policies, allPolicies),
      renderPolicies(policies),
    )}
    ${section(
      "peers",
      "BGP peers",
      `${peers.length}`,
      renderPeers(peers, nowMs),
    )}
    ${section("targets", "Kernel", "", renderTargets(state.targets(), nowMs))}
    ${section(
      "events",
      "Recent events",
      "",
      renderEvents(state.events.recent(EVENTS), nowMs),
    )}
  `;
}

function renderHead(state: AgentState, nowMs: number): Html {
  const { ready, reasons } = state.readiness();
  const peers = state.peers();
  const up = peers.filter((peer) => peer.state === "Established").length;
  const watcher = state.watcher();
  const objects = watcher.kinds.reduce((sum, kind) => sum + kind.objects, 0);
  return html`<section id="head" class="head" aria-label="Node">
<div class="node"><h2>${state.node}</h2><p class="pill ${
    ready ? "good" : "bad"
  }">${ready ? "● ready" : "✕ not ready"}</p></div>
<p class="quiet">version ${state.version} · up ${
    formatAge(nowMs - state.startedAtMs)
  } · ${plural(objects, "object")} from ${
    watcher.source === "manifests" ? "directory" : "API server"
  } <code>${watcher.location}</code>${
    watcher.synced ? "" : ", not yet read"
  } · ${up} of ${plural(peers.length, "BGP session")} up · ${
    plural(state.routes().length, "route")
  }</p>
${
    reasons.length === 0
      ? ""
      : html`<ul class="reasons">${
        reasons.map((it) => html`<li><b>${it.name}</b>: ${it.message}</li>`)
      }</ul>`
  }</section>`;
}

function section(id: string, title: string, count: string, body: Html): Html {
  return html`
    <section id="${id}"
      aria-labelledby="${id}-title"><h2 id="${id}-title">${title}${count === ""
        ? ""
        : html`
          <span class="count">${count}</span>
        `}</h2>${body}</section>
  `;
}

function shown(some: readonly unknown[], all: readonly unknown[]): string {
  return some.length === all.length
    ? `${all.length}`
    : `${some.length} of ${all.length}`;
}
