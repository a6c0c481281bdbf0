/**
 * The difference between what should be and what is, as an ordered batch.
 *
 * @module
 */

import type { Entry, Op, Target } from "../../base/target.ts";

/** What {@linkcode diff} looks at. */
export interface DiffInput<V> {
  readonly target: Pick<Target<V>, "equal" | "order">;
  readonly desired: { get(key: string): Entry<V> | undefined };
  readonly observed: ReadonlyMap<string, V>;
  /** Whether an observed entry that nobody wants may be removed now. */
  mayRemove(key: string): boolean;
  /** Whether the key is left alone for now because the kernel refused it. */
  isHeld(key: string): boolean;
}

/** What {@linkcode diff} found. */
export interface Difference<V> {
  /** In the order to carry them out: make before break. */
  readonly ops: readonly Op<V>[];
  /** Keys that cannot be made yet, each with a key it needs and that is missing. */
  readonly waiting: ReadonlyMap<string, string>;
}

/** Compares the given keys. Work is proportional to their number. */
export function diff<V>(
  keys: Iterable<string>,
  input: DiffInput<V>,
): Difference<V> {
  const { target, desired, observed } = input;
  const makes = new Map<string, Op<V>>();
  const removes: Op<V>[] = [];
  for (const key of keys) {
    if (input.isHeld(key)) continue;
    const wanted = desired.get(key);
    const previous = observed.get(key);
    if (wanted === undefined) {
      if (previous !== undefined && input.mayRemove(key)) {
        removes.push({ kind: "remove", key, previous });
      }
    } else if (previous === undefined) {
      makes.set(key, { kind: "add", key, value: wanted.value });
    } else if (!target.equal(wanted.value, previous)) {
      makes.set(key, { kind: "change", key, value: wanted.value, previous });
    }
  }
  const waiting = withholdUnmet(makes, input);
  const up = sorted([...makes.values()], target);
  const down = sorted(removes, target).reverse();
  return { ops: [...up, ...down], waiting };
}

/** Takes out of `makes` what needs something that neither exists nor will be made. */
function withholdUnmet<V>(
  makes: Map<string, Op<V>>,
  input: DiffInput<V>,
): Map<string, string> {
  const waiting = new Map<string, string>();
  for (let again = true; again;) {
    again = false;
    for (const key of makes.keys()) {
      const missing = input.desired.get(key)?.needs?.find((need) =>
        !input.observed.has(need) && !makes.has(need)
      );
      if (missing === undefined) continue;
      makes.delete(key);
      waiting.set(key, missing);
      again = true;
    }
  }
  return waiting;
}

function sorted<V>(ops: Op<V>[], target: Pick<Target<V>, "order">): Op<V>[] {
  const places = new Map(ops.map((op) => [op, target.order(op.key)]));
  return ops.sort((a, b) =>
    (places.get(a) ?? 0) - (places.get(b) ?? 0) ||
    (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  );
}
