/**
 * The service graph as a drawing.
 *
 * @module
 */

import { html } from "hono/html";
import type { ModuleStatus } from "../../lib/agent/state.ts";
import { formatAge } from "../../lib/base/age.ts";
import { type Html, plural } from "./html.ts";
import { type GraphEdge, layoutGraph, type Placed } from "./graph_layout.ts";

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
  // A row is the middle of its slot.
  const y = (row: number): number =>
    Math.round(BOX.margin - BOX.gapY / 2 + row * (BOX.height + BOX.gapY));
  const width = x(layout.columns) - BOX.gapX + BOX.margin;
  const height = y(layout.rows) - BOX.gapY / 2 + BOX.margin;
  const tones = new Map(
    modules.map((module) => [module.name, conditionOf(module).tone]),
  );
  const ready =
    modules.filter((module) => conditionOf(module).tone === "good").length;
  return html`
    <div class="scroll">
      <svg class="graph" viewBox="0 0 ${width} ${height}" width="${width}"
        height="${height}" role="img"
        aria-label="${ready} of ${modules
          .length} modules are ready; the table below lists them">
    ${layout.edges.map((edge) =>
      line(edge, tones.get(edge.from) ?? "idle", x, y)
    )}
    ${layout.placed.map((at) =>
      box(at, x(at.column), y(at.row) - BOX.height / 2)
    )}
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

/** Lines bend between the columns and run straight through them. */
function line(
  edge: GraphEdge,
  tone: Tone,
  x: (column: number) => number,
  y: (row: number) => number,
): Html {
  const [first, ...rest] = edge.points;
  if (first === undefined) return "";
  let path = `M${x(first.column) + BOX.width} ${y(first.row)}`;
  let from = first;
  rest.forEach((to, at) => {
    const left = x(from.column) + BOX.width;
    const right = x(to.column);
    const middle = (left + right) / 2;
    path += `C${middle} ${y(from.row)} ${middle} ${y(to.row)} ${right} ${
      y(to.row)
    }`;
    if (at < rest.length - 1) path += `H${right + BOX.width}`;
    from = to;
  });
  return html`
    <path class="edge ${tone}" d="${path}" />
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
