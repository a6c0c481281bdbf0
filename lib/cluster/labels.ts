/**
 * Interned label sets.
 *
 * Most pods of a cluster carry one of a few hundred label sets. Equal sets are
 * one object here, so that selectors are matched once per set and comparing two
 * sets is comparing two references. A set that nothing uses any more is left to
 * the garbage collector: the table holds weak references and clears its dead
 * entries a few at a time while new ones are made, so it stays within about
 * twice the number of live sets, and no operation walks the whole of it.
 *
 * @module
 */

import type { LabelSet } from "./model.ts";
import { shareText } from "./pool.ts";

/** Entries of the table that are looked at for each set that is made. */
const SWEEP_STEP = 2;

class InternedLabels implements LabelSet {
  readonly id: number;
  /** Keys and values alternating, in the order of the keys. */
  readonly #flat: readonly string[];

  constructor(id: number, flat: readonly string[]) {
    this.id = id;
    this.#flat = flat;
  }

  get(key: string): string | undefined {
    for (let i = 0; i < this.#flat.length; i += 2) {
      if (this.#flat[i] === key) return this.#flat[i + 1];
    }
    return undefined;
  }

  *entries(): Iterable<readonly [string, string]> {
    for (let i = 0; i < this.#flat.length; i += 2) {
      yield [this.#flat[i] ?? "", this.#flat[i + 1] ?? ""];
    }
  }
}

const table = new Map<string, WeakRef<InternedLabels>>();
let nextId = 1;
let sweeper = table.entries();

/** Looks at the next few entries of the table and drops the dead ones. */
function sweep(): void {
  for (let i = 0; i < SWEEP_STEP; i++) {
    const next = sweeper.next();
    if (next.done === true) {
      sweeper = table.entries();
      return;
    }
    const [text, reference] = next.value;
    if (reference.deref() === undefined) table.delete(text);
  }
}

/**
 * The label set with these pairs; the same object for the same pairs in any
 * order. Of several pairs with one key the last counts.
 */
export function internLabels(
  pairs: Iterable<readonly [string, string]>,
): LabelSet {
  const byKey = new Map<string, string>();
  for (const [key, value] of pairs) byKey.set(key, value);
  const keys = [...byKey.keys()].sort();
  const flat: string[] = [];
  for (const key of keys) flat.push(key, byKey.get(key) ?? "");
  const text = JSON.stringify(flat);
  const known = table.get(text)?.deref();
  if (known !== undefined) return known;
  sweep();
  const made = new InternedLabels(nextId++, flat.map(shareText));
  table.set(text, new WeakRef(made));
  return made;
}

/** As {@linkcode internLabels}, from an object with text values. */
export function labelsOf(labels: Readonly<Record<string, string>>): LabelSet {
  return internLabels(Object.entries(labels));
}

/** The set without labels. */
export const NO_LABELS: LabelSet = internLabels([]);

/** How many entries the table holds, dead ones included: for tests and metrics. */
export function internedLabelSets(): number {
  return table.size;
}
