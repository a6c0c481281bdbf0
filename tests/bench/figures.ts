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

/**
 * Measures at each size and prints how the sizes compare: what is promised is
 * that the largest median is at most twice the smallest.
 *
 * @param measure gives the milliseconds of each round
 */
export async function compareSizes(
  sizes: readonly number[],
  measure: (size: number) => Promise<readonly number[]>,
): Promise<void> {
  const medians: number[] = [];
  for (const size of sizes) {
    const times = await measure(size);
    medians.push(median(times));
    console.log(
      `  ${String(size).padStart(5)} services: ${summary(times)}, 99th ${
        quantile(times, 0.99).toFixed(1)
      }`,
    );
  }
  const ratio = Math.max(...medians) / Math.min(...medians);
  console.log(`  largest median / smallest: ${ratio.toFixed(2)} (promised: 2)`);
}
