/**
 * One object per attribute set, however many routes have it.
 *
 * Equal sets are therefore the same object, and comparing routes is comparing
 * references. A set that no route holds any more is forgotten.
 *
 * @module
 */

import {
  AttributeSet,
  type AttributeView,
  encodeAttributes,
} from "./wire/attribute_set.ts";

/** Interns attribute sets. */
export class AttributeStore {
  readonly #buckets = new Map<number, WeakRef<AttributeSet>[]>();
  readonly #derived = new WeakMap<AttributeSet, Map<string, AttributeSet>>();
  readonly #collected = new FinalizationRegistry<number>((hash) => {
    const alive = (this.#buckets.get(hash) ?? []).filter((ref) =>
      ref.deref() !== undefined
    );
    if (alive.length === 0) this.#buckets.delete(hash);
    else this.#buckets.set(hash, alive);
  });

  /** The set of canonical octets. */
  intern(bytes: Uint8Array): AttributeSet {
    const hash = hashBytes(bytes);
    const bucket = this.#buckets.get(hash);
    for (const ref of bucket ?? []) {
      const set = ref.deref();
      if (set !== undefined && equalBytes(set.bytes, bytes)) return set;
    }
    const set = new AttributeSet(bytes);
    const ref = new WeakRef(set);
    if (bucket === undefined) this.#buckets.set(hash, [ref]);
    else bucket.push(ref);
    this.#collected.register(set, hash);
    return set;
  }

  /**
   * What becomes of a set on its way out, computed once for each kind of way.
   *
   * @param way names the transformation; equal names mean equal transformations
   */
  derive(
    set: AttributeSet,
    way: string,
    transform: (view: AttributeView) => AttributeView,
  ): AttributeSet {
    let ways = this.#derived.get(set);
    if (ways === undefined) this.#derived.set(set, ways = new Map());
    let derived = ways.get(way);
    if (derived === undefined) {
      derived = this.internView(transform(set.view));
      ways.set(way, derived);
    }
    return derived;
  }

  /** The set of attributes given as values. */
  internView(view: AttributeView): AttributeSet {
    return this.intern(encodeAttributes(view));
  }
}

/** FNV-1a, 32 bits. */
function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  }
  return hash;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
