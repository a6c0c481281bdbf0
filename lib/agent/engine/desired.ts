/**
 * What all sources together want of one kernel tool.
 *
 * Sources hand over whole lists ({@linkcode SourceUpdate}); this keeps, for each
 * key, who wants it, and which keys changed since the last look. The work of a
 * hand-over is proportional to that source's lists, old and new.
 *
 * @module
 */

import type { Entry } from "../../base/target.ts";

/** Two sources want different things under one key. */
export interface Conflict {
  readonly key: string;
  /** The source whose value is used: the one that came first. */
  readonly winner: string;
  /** Sources whose value is not used. */
  readonly losers: readonly string[];
}

interface Holder<V> {
  readonly source: string;
  readonly entry: Entry<V>;
}

/** Desired entries by key, with their sources. */
export class Desired<V> {
  readonly #equal: (a: V, b: V) => boolean;
  readonly #sources = new Map<string, readonly Entry<V>[]>();
  /** One holder as itself, several as a list: nearly every key has one. */
  readonly #holders = new Map<string, Holder<V> | Holder<V>[]>();
  readonly #conflicts = new Map<string, Conflict>();
  #dirty = new Set<string>();

  constructor(equal: (a: V, b: V) => boolean) {
    this.#equal = equal;
  }

  /** Keys wanted now. */
  get size(): number {
    return this.#holders.size;
  }

  /** Replaces what a source wants; an empty list forgets the source. */
  put(source: string, entries: readonly Entry<V>[]): void {
    const before = this.#sources.get(source) ?? [];
    const wanted = new Set<string>();
    for (const entry of entries) {
      // A source that names a key twice means its first entry.
      if (wanted.has(entry.key)) continue;
      wanted.add(entry.key);
      this.#hold(source, entry);
    }
    for (const entry of before) {
      if (!wanted.has(entry.key)) this.#release(source, entry.key);
    }
    if (entries.length === 0) this.#sources.delete(source);
    else this.#sources.set(source, entries);
  }

  /** The entry to bring about for a key. */
  get(key: string): Entry<V> | undefined {
    const held = this.#holders.get(key);
    return Array.isArray(held) ? held[0]?.entry : held?.entry;
  }

  /** Every key wanted. */
  keys(): Iterable<string> {
    return this.#holders.keys();
  }

  /** Whether some key changed since {@linkcode takeDirty}. */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  /** Keys whose entry came, changed or went since the last call. */
  takeDirty(): Set<string> {
    const taken = this.#dirty;
    this.#dirty = new Set();
    return taken;
  }

  /** Marks keys to be compared again. */
  touch(keys: Iterable<string>): void {
    for (const key of keys) this.#dirty.add(key);
  }

  /** Keys that several sources want with different values. */
  conflicts(): readonly Conflict[] {
    return [...this.#conflicts.values()];
  }

  #hold(source: string, entry: Entry<V>): void {
    const held = this.#holders.get(entry.key);
    const holder = { source, entry };
    if (held === undefined) {
      this.#holders.set(entry.key, holder);
      this.#dirty.add(entry.key);
      return;
    }
    if (!Array.isArray(held)) {
      if (held.source === source) {
        this.#holders.set(entry.key, holder);
        if (!this.#equal(entry.value, held.entry.value)) {
          this.#dirty.add(entry.key);
        }
      } else {
        this.#holders.set(entry.key, [held, holder]);
        this.#judge(entry.key);
      }
      return;
    }
    const index = held.findIndex((other) => other.source === source);
    const winner = held[0];
    if (index < 0) held.push(holder);
    else held[index] = holder;
    if (
      index === 0 && winner !== undefined &&
      !this.#equal(entry.value, winner.entry.value)
    ) this.#dirty.add(entry.key);
    this.#judge(entry.key);
  }

  #release(source: string, key: string): void {
    const held = this.#holders.get(key);
    if (held === undefined) return;
    if (!Array.isArray(held)) {
      if (held.source !== source) return;
      this.#holders.delete(key);
      this.#dirty.add(key);
      return;
    }
    const index = held.findIndex((other) => other.source === source);
    if (index < 0) return;
    const [gone] = held.splice(index, 1);
    const [first, ...others] = held;
    if (first === undefined || gone === undefined) return;
    if (others.length === 0) this.#holders.set(key, first);
    if (index === 0 && !this.#equal(first.entry.value, gone.entry.value)) {
      this.#dirty.add(key);
    }
    this.#judge(key);
  }

  #judge(key: string): void {
    const held = this.#holders.get(key);
    this.#conflicts.delete(key);
    if (!Array.isArray(held)) return;
    const [winner, ...others] = held;
    if (winner === undefined) return;
    const losers = others.filter((other) =>
      !this.#equal(other.entry.value, winner.entry.value)
    );
    if (losers.length === 0) return;
    this.#conflicts.set(key, {
      key,
      winner: winner.source,
      losers: losers.map((loser) => loser.source),
    });
  }
}
