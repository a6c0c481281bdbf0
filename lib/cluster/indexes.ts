/**
 * Secondary indexes of the store: from a property of objects to their keys.
 *
 * They hold keys only, so a change that leaves the property alone touches no
 * index.
 *
 * @module
 */

import type { ObjectKey } from "./model.ts";

/** An index that the store keeps in step with one table. */
export interface Index<T> {
  /** Tells that the object under a key was added (no previous), changed or removed (no next). */
  replace(key: ObjectKey, previous: T | undefined, next: T | undefined): void;
}

/** Objects by a property that each has at most one value of. */
export class GroupIndex<T> implements Index<T> {
  readonly #groupOf: (object: T) => string;
  readonly #groups = new Map<string, Set<ObjectKey>>();

  /** @param groupOf the property; empty for objects that are in no group */
  constructor(groupOf: (object: T) => string) {
    this.#groupOf = groupOf;
  }

  replace(key: ObjectKey, previous: T | undefined, next: T | undefined): void {
    const before = previous === undefined ? "" : this.#groupOf(previous);
    const after = next === undefined ? "" : this.#groupOf(next);
    if (before === after) return;
    if (before !== "") {
      const group = this.#groups.get(before);
      group?.delete(key);
      if (group?.size === 0) this.#groups.delete(before);
    }
    if (after !== "") {
      const group = this.#groups.get(after);
      if (group === undefined) this.#groups.set(after, new Set([key]));
      else group.add(key);
    }
  }

  /** Keys of the objects in a group. */
  keys(group: string): Iterable<ObjectKey> {
    return this.#groups.get(group) ?? [];
  }
}

/**
 * Objects by values that should each belong to one object, but for a moment may
 * be claimed by several: addresses that are used again. The latest claim comes
 * first, and when it ends the earlier one counts again.
 */
export class ClaimIndex<T> implements Index<T> {
  readonly #claimsOf: (object: T) => readonly string[];
  /** A bare key stands for the usual list of one. */
  readonly #claims = new Map<string, ObjectKey | readonly ObjectKey[]>();

  constructor(claimsOf: (object: T) => readonly string[]) {
    this.#claimsOf = claimsOf;
  }

  replace(key: ObjectKey, previous: T | undefined, next: T | undefined): void {
    const before = previous === undefined ? [] : this.#claimsOf(previous);
    const after = next === undefined ? [] : this.#claimsOf(next);
    for (const value of before) {
      if (!after.includes(value)) this.#end(value, key);
    }
    for (const value of after) {
      if (!before.includes(value)) this.#begin(value, key);
    }
  }

  /** Keys of the objects that claim a value, the latest claim first. */
  keys(value: string): readonly ObjectKey[] {
    const claims = this.#claims.get(value);
    if (claims === undefined) return [];
    return typeof claims === "string" ? [claims] : claims;
  }

  #begin(value: string, key: ObjectKey): void {
    const others = this.keys(value).filter((other) => other !== key);
    this.#claims.set(value, others.length === 0 ? key : [key, ...others]);
  }

  #end(value: string, key: ObjectKey): void {
    const others = this.keys(value).filter((other) => other !== key);
    const [only] = others;
    if (only === undefined) this.#claims.delete(value);
    else this.#claims.set(value, others.length === 1 ? only : others);
  }
}
