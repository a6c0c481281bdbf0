/**
 * UPDATE messages out of routes: as many prefixes of one attribute set in one
 * message as fit.
 *
 * @module
 */

import { type Family, type Ip, ipToBytes } from "../../net/ip.ts";
import type { Prefix } from "../../net/prefix.ts";
import {
  ATTRIBUTE,
  type AttributeSet,
  concatBytes,
  encodeAttribute,
  encodeAttributes,
  FLAG,
} from "./attribute_set.ts";
import { afiOf, SAFI_UNICAST } from "./family.ts";
import { encodeMessage, HEADER_LENGTH, MESSAGE } from "./frame.ts";
import { byFamily, encodePrefix } from "./nlri.ts";

/** How a session wants its messages. */
export interface UpdateEncoding {
  /** Both sides have RFC 6793. */
  readonly fourOctetAs: boolean;
  /** Longest message, octets: 4096, or 65535 with RFC 8654. */
  readonly maxLength: number;
}

/** Withdraws prefixes, any families mixed. */
export function* encodeWithdrawals(
  prefixes: Iterable<Prefix>,
  { maxLength }: UpdateEncoding,
): Generator<Uint8Array> {
  for (const [family, list] of byFamily(prefixes)) {
    if (family === 4) {
      const room = maxLength - HEADER_LENGTH - 4;
      for (const nlri of packPrefixes(list, room)) {
        yield updateMessage(nlri, EMPTY, EMPTY);
      }
      continue;
    }
    // Flags, type, a length of two octets, AFI and SAFI.
    const room = maxLength - HEADER_LENGTH - 4 - 4 - 3;
    for (const nlri of packPrefixes(list, room)) {
      yield updateMessage(EMPTY, mpUnreach(family, nlri), EMPTY);
    }
  }
}

/** Prefixes of one family that share attributes and next hop. */
export interface RouteGroup {
  readonly family: Family;
  readonly nextHop: Ip;
  readonly attributes: AttributeSet;
  readonly prefixes: readonly Prefix[];
}

/**
 * Announces a group. IPv4 with an IPv4 next hop goes out in the classic form,
 * everything else in MP_REACH_NLRI, which then comes first (RFC 7606 §5.1).
 *
 * Attributes that leave no room for a prefix make the routes unannounceable: the
 * result is then their withdrawal (RFC 8654 §4).
 */
export function* encodeAnnouncements(
  group: RouteGroup,
  encoding: UpdateEncoding,
): Generator<Uint8Array> {
  const { family, nextHop, prefixes } = group;
  const attributes = encoding.fourOctetAs
    ? group.attributes.bytes
    : encodeAttributes(group.attributes.view, { asnOctets: 2 });
  const hop = ipToBytes(nextHop);
  const classic = family === 4 && hop.length === 4;
  const overhead = classic ? 3 + hop.length : 4 + 5 + hop.length;
  const room = encoding.maxLength - HEADER_LENGTH - 4 - attributes.length -
    overhead;
  if (room < (family === 4 ? 5 : 17)) {
    yield* encodeWithdrawals(prefixes, encoding);
    return;
  }
  if (classic) {
    const block = insertNextHop(attributes, hop);
    for (const nlri of packPrefixes(prefixes, room)) {
      yield updateMessage(EMPTY, block, nlri);
    }
    return;
  }
  for (const nlri of packPrefixes(prefixes, room)) {
    const reach = encodeAttribute(
      ATTRIBUTE.mpReach,
      FLAG.optional,
      concatBytes([
        Uint8Array.of(0, afiOf(family), SAFI_UNICAST, hop.length),
        hop,
        Uint8Array.of(0),
        nlri,
      ]),
    );
    yield updateMessage(EMPTY, concatBytes([reach, attributes]), EMPTY);
  }
}

/** Says that a family's initial routes are complete (RFC 4724 §2). */
export function encodeEndOfRib(family: Family): Uint8Array {
  return updateMessage(
    EMPTY,
    family === 4 ? EMPTY : mpUnreach(family, EMPTY),
    EMPTY,
  );
}

const EMPTY = new Uint8Array(0);

function mpUnreach(family: Family, nlri: Uint8Array): Uint8Array {
  return encodeAttribute(
    ATTRIBUTE.mpUnreach,
    FLAG.optional,
    concatBytes([Uint8Array.of(0, afiOf(family), SAFI_UNICAST), nlri]),
  );
}

/** NEXT_HOP between AS_PATH and what follows, so that types stay in ascending order. */
function insertNextHop(attributes: Uint8Array, hop: Uint8Array): Uint8Array {
  let at = 0;
  while (at < attributes.length && (attributes[at + 1] ?? 0) < 3) {
    const long = ((attributes[at] ?? 0) & FLAG.extendedLength) !== 0;
    at += long
      ? 4 + (attributes[at + 2] ?? 0) * 256 + (attributes[at + 3] ?? 0)
      : 3 + (attributes[at + 2] ?? 0);
  }
  return concatBytes([
    attributes.subarray(0, at),
    encodeAttribute(ATTRIBUTE.nextHop, FLAG.transitive, hop),
    attributes.subarray(at),
  ]);
}

/** Encoded prefixes in portions of at most `room` octets. */
function* packPrefixes(
  prefixes: readonly Prefix[],
  room: number,
): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for (const prefix of prefixes) {
    const bytes = encodePrefix(prefix);
    if (length + bytes.length > room && parts.length > 0) {
      yield concatBytes(parts);
      parts = [];
      length = 0;
    }
    parts.push(bytes);
    length += bytes.length;
  }
  if (parts.length > 0) yield concatBytes(parts);
}

function updateMessage(
  withdrawn: Uint8Array,
  attributes: Uint8Array,
  nlri: Uint8Array,
): Uint8Array {
  const lengthOf = (bytes: Uint8Array): Uint8Array =>
    Uint8Array.of(bytes.length >> 8, bytes.length & 255);
  return encodeMessage(
    MESSAGE.update,
    concatBytes([
      lengthOf(withdrawn),
      withdrawn,
      lengthOf(attributes),
      attributes,
      nlri,
    ]),
  );
}
