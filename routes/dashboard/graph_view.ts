/**
 * The service graph as a drawing.
 *
 * @module
 */

import { html } from "hono/html";
import type { ModuleStatus } from "../../lib/agent/state.ts";
import { formatAge } from "../../lib/base/age.ts";
import { type Html, plural } from "./html.ts";
import { layoutGraph, type Placed } from "./graph_layout.ts";

/** Measures in the drawing's own units, which are pixels when there is room. */
const BOX = { width: 172, height: 50, gapX: 54, gapY: 16, margin: 4 };

/** How a module is, in a word, with a sign for those who do not see the colour. */
export function conditionOf(
  module: ModuleStatus,
): { readonly tone: Tone; readonly sign: string; readonly word: string } {
  switch (module.phase) {
    case "running":
      return module.health.ready
        ? { tone: "good", sign: "●", word: "ready" }
        : { tone: "warn", sign: "▲", word: "not ready" };
    case "waiting":
      return { tone: "idle", sign: "○", word: "waiting" };
    case "starting":
      return { tone: "busy", sign: "◐", word: "starting" };
    case "backing_off":
      return { tone: "warn", sign: "↻", word: "trying again" };
    case "stopping":
      return { tone: "idle", sign: "◌", word: "stopping" };
    case "stopped":
      return { tone: "idle", sign: "■", word: "stopped" };
    case "failed":
      return { tone: "bad", sign: "✕", word: "failed" };
  }
}

/** Meanings that have a colour. */
export type Tone = "good" | "warn" | "bad" | "busy" | "idle";

/** The drawing, and the same as a table. */
export function renderGraph(
  modules: readonly ModuleStatus[],
  nowMs: number,
): Html {
  const layout = layoutGraph(modules);
  const x = (column: number): number =>
    BOX.margin + column * (BOX.width + BOX.gapX);
  const y = (row: number): number => BOX.margin + row * (BOX.height + BOX.gapY);
  const width = x(layout.columns) - BOX.gapX + BOX.margin;
  const height = y(layout.rows) - BOX.gapY + BOX.margin;
  const places = new Map(layout.placed.map((at) => [at.node.name, at]));
  const ready =
    modules.filter((module) => conditionOf(module).tone === "good").length;
  return html`
    <div class="scroll">
      <svg class="graph" viewBox="0 0 ${width} ${height}" width="${width}"
        height="${height}" role="img"
        aria-label="${ready} of ${modules
          .length} modules are ready; the table below lists them">
    ${layout.edges.map((edge) =>
      line(places.get(edge.from), places.get(edge.to), x, y)
    )}
    ${layout.placed.map((at) => box(at, x(at.column), y(at.row)))}
      </svg>
    </div>
    <details data-key="modules">
      <summary data-key="modules-summary">${plural(
        modules.length,
        "module",
      )} as a table</summary>
      <div class="scroll">
        <table>
          <caption class="hidden">Modules of the service graph</caption>
          <thead>
            <tr>
              <th scope="col">Module</th>
              <th scope="col">State</th>
              <th scope="col">Since</th>
              <th scope="col">Needs</th>
              <th scope="col" class="number">Restarts</th>
              <th scope="col">What it says</th>
            </tr>
          </thead>
          <tbody>${modules.map((module) => tableRow(module, nowMs))}</tbody>
        </table>
      </div>
    </details>
  `;
}

function line(
  from: Placed<ModuleStatus> | undefined,
  to: Placed<ModuleStatus> | undefined,
  x: (column: number) => number,
  y: (row: number) => number,
): Html {
  if (from === undefined || to === undefined) return "";
  const x1 = x(from.column) + BOX.width;
  const y1 = y(from.row) + BOX.height / 2;
  const x2 = x(to.column);
  const y2 = y(to.row) + BOX.height / 2;
  const bend = x1 + BOX.gapX / 2;
  const tone = conditionOf(from.node).tone;
  // A line over several columns runs straight between the boxes before it bends.
  return html`
    <path class="edge ${tone}"
      d="M${x1} ${y1}C${bend} ${y1} ${x1 + 8} ${y2} ${x1 +
        BOX.gapX} ${y2}L${x2} ${y2}" />
  `;
}

function box(at: Placed<ModuleStatus>, x: number, y: number): Html {
  const { node } = at;
  const { tone, sign, word } = conditionOf(node);
  const detail = node.restarts > 0
    ? `${word}, ${plural(node.restarts, "restart")}`
    : word;
  const hover = [
    `${node.name}: ${node.purpose}`,
    node.health.message,
    node.lastError === null ? "" : `Last failure: ${node.lastError}`,
    node.needs.length === 0 ? "" : `Needs ${node.needs.join(", ")}`,
  ].filter((text) => text !== "").join("\n");
  return html`
    <g class="module ${tone}">
      <title>${hover}</title>
      <rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}"
        rx="9" />
      <rect class="mark" x="${x}" y="${y + 10}" width="4"
        height="${BOX.height - 20}" rx="2" />
      <text class="name" x="${x + 16}" y="${y + 21}">${cut(
        node.name,
        21,
      )}</text>
      <text class="word" x="${x + 16}"
        y="${y + 38}">${sign} ${cut(detail, 24)}</text>
    </g>
  `;
}

function tableRow(module: ModuleStatus, nowMs: number): Html {
  const { tone, sign, word } = conditionOf(module);
  return html`
    <tr>
      <th scope="row" title="${module.purpose}">${module.name}</th>
      <td class="${tone}">${sign} ${word}</td>
      <td>${formatAge(nowMs - module.sinceMs)}</td>
      <td>${module.needs.join(", ")}</td>
      <td class="number">${module.restarts}</td>
      <td>${module.health.message}${module.lastError === null
        ? ""
        : html`<div class="bad">${module.lastError}</div>`}</td>
    </tr>
  `;
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
