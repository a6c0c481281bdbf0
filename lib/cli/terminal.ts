/**
 * Text for a terminal: colours where they are wanted, columns that line up.
 *
 * @module
 */

/** Where a command writes. */
export interface Terminal {
  /** Standard output. */
  out(text: string): void;
  /** Standard error. */
  err(text: string): void;
  /** Whether colours may be used. */
  readonly color: boolean;
}

/** Meanings that have a colour. */
export type Tone = "good" | "warn" | "bad" | "quiet" | "strong";

/** Colours a text, or leaves it. */
export type Paint = (tone: Tone, text: string) => string;

const SGR: Readonly<Record<Tone, string>> = {
  good: "32",
  warn: "33",
  bad: "31",
  quiet: "2",
  strong: "1",
};

/** Paints with ANSI colours, or not at all. */
export function paintWith(color: boolean): Paint {
  return color
    ? (tone, text) => text === "" ? "" : `\x1b[${SGR[tone]}m${text}\x1b[0m`
    : (_tone, text) => text;
}

/**
 * Whether to use colours.
 *
 * @see https://no-color.org
 */
export function wantsColor(
  env: { get(name: string): string | undefined },
  isTerminal: boolean,
): boolean {
  return isTerminal && (env.get("NO_COLOR") ?? "") === "" &&
    env.get("TERM") !== "dumb";
}

/** A cell: a text, or one with a tone. */
export type Cell = string | readonly [Tone, string];

/**
 * Rows as columns, two blanks apart, without blanks at the ends of lines.
 * Columns whose head ends in `#` are numbers and go to the right; the sign is
 * not printed.
 */
export function renderColumns(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): string {
  const right = heads.map((head) => head.endsWith("#"));
  const titles: readonly Cell[] = heads.map((head) => [
    "quiet",
    head.replace(/#$/, ""),
  ]);
  const lines = [titles, ...rows];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((cells) => textOf(cells[column] ?? "").length))
  );
  return lines.map((cells) =>
    heads.map((_, column) => {
      const cell = cells[column] ?? "";
      const text = textOf(cell);
      const blanks = " ".repeat((widths[column] ?? 0) - text.length);
      const painted = typeof cell === "string" ? text : paint(cell[0], text);
      if (right[column]) return blanks + painted;
      return column === heads.length - 1 ? painted : painted + blanks;
    }).join("  ").replace(/\s+$/, "")
  ).join("\n") + "\n";
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell[1];
}
