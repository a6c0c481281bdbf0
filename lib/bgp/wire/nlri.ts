/**
 * Prefixes on the wire (RFC 4271 §4.3, RFC 4760 §5): one octet of length in
 * bits, then as many octets as that needs.
 *
 * @module
 */

import { type Family, type Ip, ipFromBytes, ipToBytes } from "../../net/ip.ts";
import {
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from "../../net/prefix.ts";
import { type Decoded, ERROR, fault } from "./notification.ts";

/** Prefixes as a peer sent them. */
export interface PrefixList {
  readonly prefixes: readonly Prefix[];
  /**
   * Prefixes that no unicast route may have: multicast, class E, loopback,
   * link-local, IPv4-mapped. RFC 4271 §6.3 calls this a semantic error: the
   * prefix is ignored and logged, the session stays.
   */
  readonly martians: readonly Prefix[];
}

/**
 * Decodes prefixes up to the end of `bytes`. Bits beyond a prefix's length are
 * cleared. A length beyond the family's, or a last prefix cut short, is 3/10.
 */
export function decodePrefixes(
  bytes: Uint8Array,
  family: Family,
): Decoded<PrefixList> {
  const bits = family === 4 ? 32 : 128;
  const prefixes: Prefix[] = [];
  const martians: Prefix[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = bytes[at++] ?? 0;
    const octets = (length + 7) >> 3;
    if (length > bits || at + octets > bytes.length) {
      return {
        ok: false,
        fault: fault(
          ERROR.update,
          10,
          length > bits
            ? `an IPv${family} prefix of ${length} bits`
            : `an IPv${family} prefix of ${length} bits that is cut short`,
        ),
      };
    }
    const list = isMartian(bytes, at, length, family) ? martians : prefixes;
    list.push(
      family === 4
        ? prefix4(bytes, at, octets, length)
        : prefix6(bytes, at, octets, length),
    );
    at += octets;
  }
  return { ok: true, value: { prefixes, martians } };
}

function prefix4(
  bytes: Uint8Array,
  at: number,
  octets: number,
  length: number,
): Prefix {
  const a = octets > 0 ? bytes[at] ?? 0 : 0;
  const b = octets > 1 ? bytes[at + 1] ?? 0 : 0;
  const c = octets > 2 ? bytes[at + 2] ?? 0 : 0;
  const d = octets > 3 ? bytes[at + 3] ?? 0 : 0;
  const mask = length === 0 ? 0 : 0xffffffff << (32 - length);
  const value = ((a << 24) | (b << 16) | (c << 8) | d) & mask;
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${
    value & 255
  }/${length}` as Prefix;
}

function prefix6(
  bytes: Uint8Array,
  at: number,
  octets: number,
  length: number,
): Prefix {
  const address = new Uint8Array(16);
  address.set(bytes.subarray(at, at + octets));
  if ((length & 7) !== 0) {
    const last = octets - 1;
    address[last] = (address[last] ?? 0) & (0xff << (8 - (length & 7)));
  }
  return `${ipFromBytes(address)}/${length}` as Prefix;
}

function isMartian(
  bytes: Uint8Array,
  at: number,
  length: number,
  family: Family,
): boolean {
  const first = length > 0 ? bytes[at] ?? 0 : 0;
  if (family === 4) {
    return (length >= 3 && (first & 0xe0) === 0xe0) ||
      (length >= 8 && first === 127);
  }
  if (length >= 8 && first === 0xff) return true;
  if (
    length >= 10 && first === 0xfe && ((bytes[at + 1] ?? 0) & 0xc0) === 0x80
  ) return true;
  if (length < 96) return false;
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false;
  if (bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) return true;
  if (length < 128) return false;
  for (let i = 10; i < 15; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 15] === 1;
}

/** A prefix as it stands on the wire. */
export function encodePrefix(prefix: Prefix): Uint8Array {
  const length = prefixLength(prefix);
  const octets = (length + 7) >> 3;
  const bytes = new Uint8Array(1 + octets);
  bytes[0] = length;
  bytes.set(ipToBytes(prefixAddress(prefix)).subarray(0, octets), 1);
  return bytes;
}

/** Prefixes sorted into families, families without prefixes left out. */
export function byFamily(
  prefixes: Iterable<Prefix>,
): ReadonlyMap<Family, readonly Prefix[]> {
  const families = new Map<Family, Prefix[]>();
  for (const prefix of prefixes) {
    const family = prefixFamily(prefix);
    const list = families.get(family);
    if (list === undefined) families.set(family, [prefix]);
    else list.push(prefix);
  }
  return families;
}

/** Whether an address can be the next hop of a route: a unicast address of some host. */
export function isUsableNextHop(address: Ip): boolean {
  const bytes = ipToBytes(address);
  const first = bytes[0] ?? 0;
  if (bytes.length === 4) {
    return first !== 0 && first !== 127 && first < 224;
  }
  if (first === 0xff) return false;
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return true;
  // ::/80 holds the unspecified and loopback addresses and the IPv4-mapped ones.
  return false;
}
