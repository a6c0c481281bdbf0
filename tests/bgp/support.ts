/**
 * Octets for BGP tests, written as one would say them.
 *
 * @module
 */

import {
  concatBytes,
  encodeAttribute,
} from "../../lib/bgp/wire/attribute_set.ts";
import { encodePrefix } from "../../lib/bgp/wire/nlri.ts";
import type { UpdateContext } from "../../lib/bgp/wire/update.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";

/** Octets from hexadecimal digits; spaces are for the reader. */
export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
}

/** An attribute with the flags as given, those of the extended length apart. */
export function attribute(
  flags: number,
  type: number,
  value: string | Uint8Array,
): Uint8Array {
  const octets = typeof value === "string" ? hex(value) : value;
  const encoded = encodeAttribute(type, flags, octets);
  encoded[0] = flags | (octets.length > 255 ? 0x10 : 0);
  return encoded;
}

/** ORIGIN IGP. */
export const ORIGIN_IGP = attribute(0x40, 1, "00");
/** AS_PATH 65001, four octets. */
export const PATH_65001 = attribute(0x40, 2, "02 01 0000fde9");
/** NEXT_HOP 192.0.2.1. */
export const NEXT_HOP = attribute(0x40, 3, "c0000201");
/** The attributes of an ordinary route. */
export const ORDINARY: readonly Uint8Array[] = [
  ORIGIN_IGP,
  PATH_65001,
  NEXT_HOP,
];

/** The body of an UPDATE. */
export function updateBody(parts: {
  readonly withdrawn?: readonly string[];
  readonly attributes?: readonly Uint8Array[];
  readonly nlri?: readonly string[];
  /** Octets after the attributes that belong to them. */
  readonly trailing?: string;
}): Uint8Array {
  const list = (prefixes: readonly string[] = []): Uint8Array =>
    concatBytes(prefixes.map((prefix) => encodePrefix(parsePrefix(prefix))));
  const withdrawn = list(parts.withdrawn);
  const attributes = concatBytes([
    ...parts.attributes ?? [],
    hex(parts.trailing ?? ""),
  ]);
  const length = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.of(bytes.length >> 8, bytes.length & 255);
  return concatBytes([
    length(withdrawn),
    withdrawn,
    length(attributes),
    attributes,
    list(parts.nlri),
  ]);
}

/** A four-octet external session with both families. */
export const EXTERNAL: UpdateContext = {
  external: true,
  fourOctetAs: true,
  allowAsSets: false,
  localAddresses: [parseIp("192.0.2.9")],
  families: [4, 6],
};

/** The same within one AS. */
export const INTERNAL: UpdateContext = { ...EXTERNAL, external: false };

/** The same with a peer that speaks two octets. */
export const TWO_OCTET: UpdateContext = { ...EXTERNAL, fourOctetAs: false };
