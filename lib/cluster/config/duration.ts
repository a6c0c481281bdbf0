/**
 * Durations as Go writes them, which is how Kubernetes flags do.
 *
 * @see https://pkg.go.dev/time#ParseDuration
 * @module
 */

/** Milliseconds in each unit. */
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ns: 1e-6,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|μs|ns|h|m|s)/y;

/**
 * Parses `1m30s`, `500ms`, `1.5h` or `0`.
 *
 * @returns milliseconds, or undefined when the text is no duration or is negative
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0" || text === "+0") return 0;
  PART.lastIndex = text.startsWith("+") ? 1 : 0;
  if (PART.lastIndex === text.length) return undefined;
  let ms = 0;
  while (PART.lastIndex < text.length) {
    const part = PART.exec(text);
    if (part === null) return undefined;
    ms += Number(part[1]) * (UNITS[part[2] ?? ""] ?? Number.NaN);
  }
  return Number.isFinite(ms) ? ms : undefined;
}

/** Writes milliseconds as a duration: `1m30s`, `500ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1000) {
    return ms >= 1 ? `${ms}ms` : `${Math.round(ms * 1e6)}ns`;
  }
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = (ms % 60_000) / 1000;
  return (hours > 0 ? `${hours}h` : "") +
    (minutes > 0 ? `${minutes}m` : "") +
    (seconds > 0 ? `${seconds}s` : "");
}
