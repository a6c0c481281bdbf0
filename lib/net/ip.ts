/**
 * IP addresses as canonical text.
 *
 * An {@linkcode Ip} is a string that only this room makes, so two addresses are
 * equal when the strings are, and they serve as map keys. Parsing is strict:
 * what one tool reads as octal and another as decimal is an error here.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { FairwayError } from "../base/errors.ts";

declare const ip: unique symbol;

/** A canonical IPv4 or IPv6 address (RFC 5952), without zone. */
export type Ip = string & { readonly [ip]: true };

/** Address family: 4 or 6. */
export type Family = 4 | 6;

/** Four decimal octets without leading zeros (RFC 6943 §3.1.1 calls this the strict form). */
const IPV4 =
  /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/**
 * Parses an address.
 *
 * IPv4-mapped IPv6 addresses (`::ffff:10.0.0.1`) are refused: the kernel and the
 * API server do not agree on which family they are (KEP-4858).
 *
 * @throws {FairwayError} `input.invalid`
 */
export function parseIp(text: string): Ip {
  const parsed = tryParseIp(text);
  if (parsed === undefined) {
    throw new FairwayError("input.invalid", `"${text}" is not an IP address`);
  }
  return parsed;
}

/** As {@linkcode parseIp}, or undefined. */
export function tryParseIp(text: string): Ip | undefined {
  if (IPV4.test(text)) return text as Ip;
  if (!text.includes(":") || text.includes("%") || text.length > 45) {
    return undefined;
  }
  const tail = text.slice(text.lastIndexOf(":") + 1);
  if (tail.includes(".") && !IPV4.test(tail)) return undefined;
  try {
    const address = ipaddr.IPv6.parse(text);
    if (address.isIPv4MappedAddress()) return undefined;
    return formatIpv6((group) => address.parts[group] ?? 0);
  } catch {
    return undefined; // Asking whether it is valid first would parse it twice.
  }
}

/** The family of an address. */
export function familyOf(address: Ip): Family {
  return address.includes(":") ? 6 : 4;
}

/** The address in network byte order: 4 or 16 octets. */
export function ipToBytes(address: Ip): Uint8Array {
  const words = ipToWords(address);
  const bytes = new Uint8Array(familyOf(address) === 4 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (words[i >> 2] ?? 0) >>> (24 - 8 * (i & 3));
  }
  return bytes;
}

/**
 * The address as 32-bit words, the most significant first: one for IPv4, four
 * for IPv6.
 *
 * @param into at least four words, to save an allocation where it counts; words
 * that the family does not need are cleared
 */
export function ipToWords(
  address: Ip,
  into: Uint32Array = new Uint32Array(4),
): Uint32Array {
  into.fill(0, 0, 4);
  if (familyOf(address) === 4) {
    let value = 0;
    let octet = 0;
    for (let i = 0; i < address.length; i++) {
      const code = address.charCodeAt(i);
      if (code === DOT) {
        value = value * 256 + octet;
        octet = 0;
      } else octet = octet * 10 + code - ZERO;
    }
    into[0] = value * 256 + octet;
    return into;
  }
  // Canonical text: groups of lower-case hexadecimal digits, and "::" at most once.
  const gap = address.indexOf("::");
  let group = 0;
  let start = 0;
  const end = gap < 0 ? address.length : gap;
  while (start < end) start = addGroup(address, start, group++, into);
  if (gap < 0) return into;
  let right = 0;
  for (let i = gap + 2; i < address.length; i++) {
    if (address.charCodeAt(i) === COLON) right++;
  }
  group = 7 - right;
  start = gap + 2;
  while (start < address.length) {
    start = addGroup(address, start, group++, into);
  }
  return into;
}

const ZERO = 48;
const DOT = 46;
const COLON = 58;
const LOWER_A = 97;

/** Puts the group that starts at an index into its half word; returns where the next one starts. */
function addGroup(
  text: string,
  start: number,
  group: number,
  into: Uint32Array,
): number {
  let value = 0;
  let i = start;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON) break;
    value = value * 16 +
      (code >= LOWER_A ? code - LOWER_A + 10 : code - ZERO);
  }
  const word = group >> 1;
  into[word] = (into[word] ?? 0) | (group % 2 === 0 ? value << 16 : value);
  return i + 1;
}

/**
 * The address of 4 or 16 octets in network byte order.
 *
 * @throws {RangeError} on another length
 */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) {
    return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ip;
  }
  if (bytes.length === 16) {
    return formatIpv6((group) =>
      (bytes[2 * group] ?? 0) * 256 + (bytes[2 * group + 1] ?? 0)
    );
  }
  throw new RangeError(`Cannot make an address of ${bytes.length} octets`);
}

/** The address of 32-bit words, as {@linkcode ipToWords} makes them. */
export function ipFromWords(
  family: Family,
  words: ArrayLike<number>,
): Ip {
  if (family === 4) {
    const word = words[0] ?? 0;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${
      word & 255
    }` as Ip;
  }
  return formatIpv6((group) =>
    ((words[group >> 1] ?? 0) >>> (group % 2 === 0 ? 16 : 0)) & 0xffff
  );
}

/**
 * RFC 5952 §4: lower case, no leading zeros, and `::` for the longest run of at
 * least two zero groups, the first of equal ones.
 */
function formatIpv6(group: (index: number) => number): Ip {
  let bestStart = 0;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && group(i + length) === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [i, length];
    i += length;
  }
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (bestLength > 1 && i === bestStart) {
      text += "::";
      i += bestLength - 1;
      continue;
    }
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += group(i).toString(16);
  }
  return text as Ip;
}

/** Orders addresses: IPv4 before IPv6, then by value. For sorting output and choosing "the lowest". */
export function compareIp(a: Ip, b: Ip): number {
  if (a === b) return 0;
  const families = familyOf(a) - familyOf(b);
  if (families !== 0) return families;
  const left = ipToWords(a);
  const right = ipToWords(b);
  for (let i = 0; i < 4; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
