/**
 * Unions and differences of prefixes.
 *
 * Kernel interval sets refuse overlapping elements, and what people write
 * overlaps. Here prefixes become ranges of numbers, are joined and cut, and come
 * back as the fewest disjoint prefixes.
 *
 * @module
 */

import { type Family, type Ip, ipFromBytes, ipToBytes } from "./ip.ts";
import {
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from "./prefix.ts";

/** A block without some of its parts, as NetworkPolicy's ipBlock says it. */
export interface Block {
  readonly cidr: Prefix;
  /** May overlap, and may lie outside of `cidr`, of any family. */
  readonly except: readonly Prefix[];
}

/** Addresses as numbers, first and last inclusive. */
interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** The union as the fewest disjoint prefixes: IPv4 before IPv6, then by address. */
export function disjoint(prefixes: readonly Prefix[]): Prefix[] {
  return subtract(prefixes.map((cidr) => ({ cidr, except: [] })));
}

/**
 * The union of blocks, each without its own exceptions, as the fewest disjoint
 * prefixes. An exception of one block takes nothing from another.
 */
export function subtract(blocks: readonly Block[]): Prefix[] {
  return ([4, 6] as const).flatMap((family) => {
    const own = blocks.filter((block) => prefixFamily(block.cidr) === family);
    const ranges = own.flatMap((block) => {
      const except = block.except
        .filter((each) => prefixFamily(each) === family);
      return without(rangeOf(block.cidr), join(except.map(rangeOf)));
    });
    return join(ranges).flatMap((range) => prefixesOf(range, family));
  });
}

function rangeOf(prefix: Prefix): Range {
  const bits = prefixFamily(prefix) === 4 ? 32 : 128;
  const first = numberOf(prefixAddress(prefix));
  const size = 1n << BigInt(bits - prefixLength(prefix));
  return { first, last: first + size - 1n };
}

/** Sorted, with neither overlap nor contact. */
function join(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) =>
    a.first < b.first ? -1 : a.first > b.first ? 1 : 0
  );
  const joined: Range[] = [];
  for (const range of sorted) {
    const before = joined.at(-1);
    if (before === undefined || range.first > before.last + 1n) {
      joined.push(range);
    } else if (range.last > before.last) {
      joined[joined.length - 1] = { first: before.first, last: range.last };
    }
  }
  return joined;
}

/** @param holes sorted and disjoint */
function without(range: Range, holes: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let first = range.first;
  for (const hole of holes) {
    if (hole.last < first) continue;
    if (hole.first > range.last) break;
    if (hole.first > first) rest.push({ first, last: hole.first - 1n });
    first = hole.last + 1n;
  }
  if (first <= range.last) rest.push({ first, last: range.last });
  return rest;
}

function prefixesOf(range: Range, family: Family): Prefix[] {
  const bits = family === 4 ? 32 : 128;
  const prefixes: Prefix[] = [];
  let first = range.first;
  while (first <= range.last) {
    // The largest block that starts here, by alignment, and does not pass the end.
    let free = 0;
    let size = 1n;
    while (
      free < bits && (first & size) === 0n &&
      first + 2n * size - 1n <= range.last
    ) {
      size *= 2n;
      free++;
    }
    prefixes.push(makePrefix(addressOf(first, family), bits - free));
    first += size;
  }
  return prefixes;
}

function numberOf(address: Ip): bigint {
  let value = 0n;
  for (const byte of ipToBytes(address)) value = (value << 8n) | BigInt(byte);
  return value;
}

function addressOf(value: bigint, family: Family): Ip {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return ipFromBytes(bytes);
}
