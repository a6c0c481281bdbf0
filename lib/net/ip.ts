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
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) return undefined;
  return address.toRFC5952String() as Ip;
}

/** The family of an address. */
export function familyOf(address: Ip): Family {
  return address.includes(":") ? 6 : 4;
}

/** The address in network byte order: 4 or 16 octets. */
export function ipToBytes(address: Ip): Uint8Array {
  if (familyOf(address) === 4) {
    const bytes = new Uint8Array(4);
    let at = 0;
    let value = 0;
    for (let i = 0; i < address.length; i++) {
      const code = address.charCodeAt(i);
      if (code === 46) {
        bytes[at++] = value;
        value = 0;
      } else value = value * 10 + code - 48;
    }
    bytes[at] = value;
    return bytes;
  }
  return new Uint8Array(ipaddr.IPv6.parse(address).toByteArray());
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
    return new ipaddr.IPv6([...bytes]).toRFC5952String() as Ip;
  }
  throw new RangeError(`Cannot make an address of ${bytes.length} octets`);
}

/** Orders addresses: IPv4 before IPv6, then by value. For sorting output and choosing "the lowest". */
export function compareIp(a: Ip, b: Ip): number {
  if (a === b) return 0;
  const left = ipToBytes(a);
  const right = ipToBytes(b);
  if (left.length !== right.length) return left.length - right.length;
  for (let i = 0; i < left.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
