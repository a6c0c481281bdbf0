/**
 * Figures from many measurements.
 *
 * @module
 */

/** The value below which a share of the measurements lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const index = Math.min(
    sorted.length - 1,
    Math.floor(share * sorted.length),
  );
  return sorted[index] ?? NaN;
}

/** The middle measurement. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Least, median and largest, as text. */
export function summary(values: readonly number[]): string {
  const [least, middle, largest] = [0, 0.5, 1]
    .map((share) => quantile(values, share).toFixed(1));
  return `median ${middle} (${least} to ${largest})`;
}
