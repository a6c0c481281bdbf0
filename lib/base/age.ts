/**
 * Durations for people.
 *
 * @module
 */

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], [
  "s",
  1000,
]] as const;

/**
 * A duration as its two largest units: `3d4h`, `5m12s`, `0s`. What is below a
 * second, and below zero (two clocks may differ), is `0s`.
 *
 * @param ms milliseconds
 */
export function formatAge(ms: number): string {
  let rest = Math.max(0, Math.floor(ms));
  let text = "";
  let parts = 0;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (parts > 0 || count > 0) parts++;
    if (count > 0) text += `${count}${unit}`;
    if (parts === 2) break;
  }
  return text === "" ? "0s" : text;
}
