/**
 * IP prefixes as canonical text.
 *
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import {
  compareIp,
  type Family,
  familyOf,
  type Ip,
  ipFromBytes,
  ipToBytes,
  ipToWords,
  tryParseIp,
} from "./ip.ts";

declare const prefix: unique symbol;

/** A canonical prefix, `10.0.0.0/8` or `2001:db8::/32`: no bits set beyond the length. */
export type Prefix = string & { readonly [prefix]: true };

const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/** What {@linkcode tryParsePrefix} does with bits beyond the length. */
export interface PrefixOptions {
  /** Clear host bits (as the API server does for stored objects) instead of refusing them. */
  readonly mask?: boolean;
}

/**
 * Parses a prefix.
 *
 * @throws {FairwayError} `input.invalid`
 */
export function parsePrefix(text: string, options?: PrefixOptions): Prefix {
  const parsed = tryParsePrefix(text, options);
  if (parsed === undefined) {
    throw new FairwayError(
      "input.invalid",
      `"${text}" is not a prefix such as 10.0.0.0/8 or 2001:db8::/32`,
    );
  }
  return parsed;
}

/** As {@linkcode parsePrefix}, or undefined. */
export function tryParsePrefix(
  text: string,
  options: PrefixOptions = {},
): Prefix | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = tryParseIp(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (address === undefined || !LENGTH.test(lengthText)) return undefined;
  const length = Number(lengthText);
  if (length > (familyOf(address) === 4 ? 32 : 128)) return undefined;
  const masked = makePrefix(address, length);
  if (options.mask !== true && prefixAddress(masked) !== address) {
    return undefined;
  }
  return masked;
}

/**
 * The prefix of an address at a length in bits; host bits are cleared.
 *
 * @throws {RangeError} when the length does not fit the family
 */
export function makePrefix(address: Ip, length: number): Prefix {
  const bytes = ipToBytes(address);
  if (!Number.isInteger(length) || length < 0 || length > bytes.length * 8) {
    throw new RangeError(`Cannot make a prefix of ${address}/${length}`);
  }
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, length - i * 8));
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - kept));
  }
  return `${ipFromBytes(bytes)}/${length}` as Prefix;
}

/** The prefix that holds one address: /32 or /128. */
export function hostPrefix(address: Ip): Prefix {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}` as Prefix;
}

/** The first address of a prefix. */
export function prefixAddress(prefix: Prefix): Ip {
  return prefix.slice(0, prefix.indexOf("/")) as Ip;
}

/** The length of a prefix, bits. */
export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** The family of a prefix. */
export function prefixFamily(prefix: Prefix): Family {
  return familyOf(prefixAddress(prefix));
}

/** Whether an address lies in a prefix; false across families. */
export function prefixContains(prefix: Prefix, address: Ip): boolean {
  if (familyOf(address) !== prefixFamily(prefix)) return false;
  const length = prefixLength(prefix);
  const inside = ipToWords(prefixAddress(prefix));
  const asked = ipToWords(address);
  for (let i = 0; 32 * i < length; i++) {
    const differing = (inside[i] ?? 0) ^ (asked[i] ?? 0);
    const unused = Math.max(0, 32 * (i + 1) - length);
    if (differing >>> unused !== 0) return false;
  }
  return true;
}

/** Whether `outer` holds every address of `inner`. */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return prefixLength(inner) >= prefixLength(outer) &&
    prefixContains(outer, prefixAddress(inner));
}

/** Orders prefixes: IPv4 before IPv6, by address, then shorter first. */
export function comparePrefix(a: Prefix, b: Prefix): number {
  return compareIp(prefixAddress(a), prefixAddress(b)) ||
    prefixLength(a) - prefixLength(b);
}
