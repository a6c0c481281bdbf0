/**
 * Values by prefix, found by longest match.
 *
 * One path-compressed binary trie for each family. Nodes are rows of typed
 * arrays rather than objects: a full BGP table has about a million prefixes, and
 * this way a prefix costs some 40 octets (IPv4) and the garbage collector sees a
 * handful of arrays.
 *
 * @module
 */

import {
  type Family,
  familyOf,
  type Ip,
  ipFromWords,
  ipToWords,
} from "./ip.ts";
import {
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from "./prefix.ts";

/** A prefix and its value. */
export interface PrefixEntry<V> {
  readonly prefix: Prefix;
  readonly value: V;
}

/** Values by prefix, both families in one. */
export class PrefixTrie<V> {
  readonly #v4 = new FamilyTrie<V>(4);
  readonly #v6 = new FamilyTrie<V>(6);

  /** How many prefixes have a value. */
  get size(): number {
    return this.#v4.size + this.#v6.size;
  }

  /** Gives a prefix a value, replacing the one it has. */
  set(prefix: Prefix, value: V): void {
    this.#of(prefix).set(prefix, value);
  }

  /** The value of exactly this prefix. */
  get(prefix: Prefix): V | undefined {
    return this.#of(prefix).get(prefix);
  }

  /** Takes the value away; returns whether there was one. */
  delete(prefix: Prefix): boolean {
    return this.#of(prefix).delete(prefix);
  }

  /** The longest prefix that holds an address. */
  lookup(address: Ip): PrefixEntry<V> | undefined {
    return (familyOf(address) === 4 ? this.#v4 : this.#v6).lookup(address);
  }

  /** Prefixes that hold all of this one, itself included, the shortest first. */
  covering(prefix: Prefix): PrefixEntry<V>[] {
    return this.#of(prefix).covering(prefix);
  }

  /**
   * Prefixes that lie within this one, itself included, by address and then
   * length. The trie must not change while they are read.
   */
  covered(prefix: Prefix): Iterable<PrefixEntry<V>> {
    return this.#of(prefix).covered(prefix);
  }

  /** Everything: IPv4 before IPv6, by address and then length. The trie must not change meanwhile. */
  *entries(): Iterable<PrefixEntry<V>> {
    yield* this.#v4.entries();
    yield* this.#v6.entries();
  }

  #of(prefix: Prefix): FamilyTrie<V> {
    return prefixFamily(prefix) === 4 ? this.#v4 : this.#v6;
  }
}

/** The row of the root, and "no child": the root is nobody's child. */
const ROOT = 0;

/** A row without value: a fork, or the root. */
const FORK = Symbol("fork");

class FamilyTrie<V> {
  size = 0;
  readonly #family: Family;
  /** Words of a row: 1 or 4. */
  readonly #stride: number;
  #words: Uint32Array;
  #lengths: Uint8Array;
  /** Two columns of a row: the child whose next bit is 0, and the one whose is 1. */
  #children: Uint32Array;
  readonly #values: (V | typeof FORK)[] = [FORK];
  /** Rows to use again. */
  readonly #free: number[] = [];
  /** The prefix or address at hand. */
  readonly #key = new Uint32Array(4);

  constructor(family: Family) {
    this.#family = family;
    this.#stride = family === 4 ? 1 : 4;
    this.#words = new Uint32Array(16 * this.#stride);
    this.#lengths = new Uint8Array(16);
    this.#children = new Uint32Array(32);
  }

  set(prefix: Prefix, value: V): void {
    const length = this.#load(prefix);
    let at = ROOT;
    while (this.#length(at) < length) {
      const side = this.#keyBit(this.#length(at));
      const child = this.#child(at, side);
      if (child === ROOT) {
        this.#link(at, side, this.#newRow(length, value));
        return;
      }
      const common = this.#common(child, length);
      if (common === this.#length(child)) {
        at = child;
        continue;
      }
      // The child is too long or goes another way: a row comes between.
      const between = this.#newRow(common, common === length ? value : FORK);
      this.#link(at, side, between);
      this.#link(between, this.#bit(child, common), child);
      if (common < length) {
        const leaf = this.#newRow(length, value);
        this.#link(between, this.#keyBit(common), leaf);
      }
      return;
    }
    if (this.#values[at] === FORK) this.size++;
    this.#values[at] = value;
  }

  get(prefix: Prefix): V | undefined {
    const length = this.#load(prefix);
    const at = this.#path(length).at(-1) ?? ROOT;
    return this.#length(at) === length ? this.#value(at) : undefined;
  }

  delete(prefix: Prefix): boolean {
    const length = this.#load(prefix);
    const path = this.#path(length);
    const at = path.pop() ?? ROOT;
    if (this.#length(at) !== length || this.#values[at] === FORK) return false;
    this.#values[at] = FORK;
    this.size--;
    // The row goes if it is no real fork, and its parent, if that made it one.
    this.#prune(at, path.at(-1));
    const parent = path.pop();
    if (parent !== undefined) this.#prune(parent, path.at(-1));
    return true;
  }

  lookup(address: Ip): PrefixEntry<V> | undefined {
    ipToWords(address, this.#key);
    const length = this.#family === 4 ? 32 : 128;
    let best: number | undefined;
    for (const at of this.#path(length)) {
      if (this.#values[at] !== FORK) best = at;
    }
    return best === undefined ? undefined : this.#entry(best);
  }

  covering(prefix: Prefix): PrefixEntry<V>[] {
    const length = this.#load(prefix);
    const entries: PrefixEntry<V>[] = [];
    for (const at of this.#path(length)) {
      const entry = this.#entry(at);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  *covered(prefix: Prefix): Iterable<PrefixEntry<V>> {
    const length = this.#load(prefix);
    let at = this.#path(length).at(-1) ?? ROOT;
    if (this.#length(at) < length) {
      at = this.#child(at, this.#keyBit(this.#length(at)));
      if (at === ROOT || this.#common(at, length) < length) return;
    }
    yield* this.#subtree(at);
  }

  entries(): Iterable<PrefixEntry<V>> {
    return this.#subtree(ROOT);
  }

  *#subtree(top: number): Iterable<PrefixEntry<V>> {
    const stack = [top];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const entry = this.#entry(at);
      if (entry !== undefined) yield entry;
      for (const side of [1, 0] as const) {
        const child = this.#child(at, side);
        if (child !== ROOT) stack.push(child);
      }
    }
  }

  /** Rows from the root down whose prefix holds the first `length` bits of the key. */
  #path(length: number): number[] {
    const path = [ROOT];
    let at = ROOT;
    while (this.#length(at) < length) {
      at = this.#child(at, this.#keyBit(this.#length(at)));
      if (
        at === ROOT || this.#length(at) > length ||
        this.#common(at, length) < this.#length(at)
      ) break;
      path.push(at);
    }
    return path;
  }

  /** Takes a row without value out when it has fewer than two children. */
  #prune(at: number, parent: number | undefined): void {
    if (parent === undefined || this.#values[at] !== FORK) return;
    const left = this.#child(at, 0);
    const right = this.#child(at, 1);
    if (left !== ROOT && right !== ROOT) return;
    const side = this.#child(parent, 0) === at ? 0 : 1;
    this.#link(parent, side, left === ROOT ? right : left);
    this.#free.push(at);
  }

  /** Loads a prefix as the key; returns its length. */
  #load(prefix: Prefix): number {
    ipToWords(prefixAddress(prefix), this.#key);
    return prefixLength(prefix);
  }

  /** How many leading bits a row's prefix and the first `length` bits of the key share. */
  #common(at: number, length: number): number {
    const most = Math.min(this.#length(at), length);
    for (let i = 0; i * 32 < most; i++) {
      const differing = ((this.#words[at * this.#stride + i] ?? 0) ^
        (this.#key[i] ?? 0)) >>> 0;
      if (differing !== 0) {
        return Math.min(most, i * 32 + Math.clz32(differing));
      }
    }
    return most;
  }

  #keyBit(index: number): 0 | 1 {
    return bitOf(this.#key[index >> 5] ?? 0, index);
  }

  #bit(at: number, index: number): 0 | 1 {
    return bitOf(this.#words[at * this.#stride + (index >> 5)] ?? 0, index);
  }

  #length(at: number): number {
    return this.#lengths[at] ?? 0;
  }

  #child(at: number, side: 0 | 1): number {
    return this.#children[2 * at + side] ?? ROOT;
  }

  #link(at: number, side: 0 | 1, child: number): void {
    this.#children[2 * at + side] = child;
  }

  #value(at: number): V | undefined {
    const value = this.#values[at];
    return value === FORK ? undefined : value;
  }

  #entry(at: number): PrefixEntry<V> | undefined {
    const value = this.#values[at];
    if (value === FORK) return undefined;
    const start = at * this.#stride;
    const words = this.#words.subarray(start, start + this.#stride);
    const address = ipFromWords(this.#family, words);
    return {
      prefix: `${address}/${this.#length(at)}` as Prefix,
      value: value as V,
    };
  }

  /** A row with the first `length` bits of the key. */
  #newRow(length: number, value: V | typeof FORK): number {
    const at = this.#free.pop() ?? this.#values.length;
    if (at >= this.#lengths.length) this.#grow();
    for (let i = 0; i < this.#stride; i++) {
      const bits = Math.min(32, Math.max(0, length - 32 * i));
      const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
      this.#words[at * this.#stride + i] = (this.#key[i] ?? 0) & mask;
    }
    this.#lengths[at] = length;
    this.#children.fill(ROOT, 2 * at, 2 * at + 2);
    this.#values[at] = value;
    if (value !== FORK) this.size++;
    return at;
  }

  #grow(): void {
    const rows = 2 * this.#lengths.length;
    this.#words = extended(new Uint32Array(rows * this.#stride), this.#words);
    this.#lengths = extended(new Uint8Array(rows), this.#lengths);
    this.#children = extended(new Uint32Array(2 * rows), this.#children);
  }
}

function bitOf(word: number, index: number): 0 | 1 {
  return ((word >>> (31 - (index & 31))) & 1) as 0 | 1;
}

function extended<A extends Uint32Array | Uint8Array>(larger: A, old: A): A {
  larger.set(old);
  return larger;
}
