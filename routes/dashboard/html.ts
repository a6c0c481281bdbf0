/**
 * Pieces of markup that all views share. Everything put into `html` templates is
 * escaped there: names of objects are others' text.
 *
 * @module
 */

import { html } from "hono/html";
import { formatAge } from "../../lib/base/age.ts";
import type { Issue } from "../../lib/base/issue.ts";

/** Markup that is safe to put into markup. */
export type Html = ReturnType<typeof html> | "";

/** Rows of one table at once; who looks for more filters, or asks the API. */
export const MAX_ROWS = 100;

/** `1 service`, `3 services`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** How long ago, with the exact time to hover. */
export function ago(timeMs: number, nowMs: number): Html {
  const iso = new Date(timeMs).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${
    formatAge(nowMs - timeMs)
  }</time>`;
}

/** A table with a caption for screen readers, or a sentence when there is nothing. */
export function table<T>(options: {
  readonly caption: string;
  readonly empty: string;
  /** A name that ends in `#` is a column of numbers. */
  readonly columns: readonly string[];
  readonly rows: readonly T[];
  readonly render: (row: T) => Html;
}): Html {
  const { caption, empty, columns, rows, render } = options;
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  const heads = columns.map((column) =>
    column.endsWith("#")
      ? html`<th scope="col" class="number">${column.slice(0, -1)}</th>`
      : html`<th scope="col">${column}</th>`
  );
  const more = rows.length - MAX_ROWS;
  return html`
    <div class="scroll">
      <table>
        <caption class="hidden">${caption}</caption>
        <thead>
          <tr>${heads}</tr>
        </thead>
        <tbody>${rows.slice(0, MAX_ROWS).map(render)}</tbody>
      </table>
    </div>${more > 0
      ? html`<p class="empty">${more} more: narrow the filter, or ask the API.</p>`
      : ""}
  `;
}

/** Issues, each on a line. */
export function issueList(issues: readonly Issue[]): Html {
  if (issues.length === 0) return "";
  return html`<ul class="issues">${
    issues.map((issue) =>
      html`<li><span class="sign" aria-hidden="true">▲</span> ${
        issue.field === "" ? "" : html`
          <code>${issue.field}</code>
        `
      }${issue.problem}; ${issue.mend}</li>`
    )
  }</ul>`;
}
