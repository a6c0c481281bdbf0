/**
 * Guessing what was meant by a misspelt name.
 *
 * @module
 */

/** Edits (insert, delete, replace, swap of neighbours) from one text to another. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The known name nearest to a text, or undefined when none is near enough to be what was meant. */
export function nearest(
  text: string,
  known: Iterable<string>,
): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(text.length / 4)) + 1;
  for (const name of known) {
    if (Math.abs(name.length - text.length) >= bestDistance) continue;
    const distance = editDistance(text, name);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}
