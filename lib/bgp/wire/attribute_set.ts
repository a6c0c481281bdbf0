/**
 * A route's attributes: canonical octets, and what they say.
 *
 * Canonical means: ascending types, AS numbers of four octets, the flags that
 * each attribute should have, extended length only where it is needed. Two
 * routes with equal attributes therefore have equal octets, and one set serves
 * both. What belongs to a route or a session and not to the set is left out:
 * NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH, AS4_AGGREGATOR.
 *
 * @module
 */

import { type Ip, ipFromBytes, ipToBytes } from "../../net/ip.ts";
import {
  type AsPath,
  asPathLength,
  decodeAsPath,
  encodeAsPath,
  neighbourAs,
} from "./as_path.ts";
import type { LargeCommunity } from "./communities.ts";

/** Attribute type codes. */
export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

/** Attribute flags (RFC 4271 §4.3). */
export const FLAG = {
  optional: 0x80,
  transitive: 0x40,
  partial: 0x20,
  extendedLength: 0x10,
} as const;

/** ORIGIN values. */
export const ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const;

/** An attribute that we carry without understanding it. */
export interface OpaqueAttribute {
  readonly type: number;
  /** Optional, Transitive and Partial bits. */
  readonly flags: number;
  readonly value: Uint8Array;
}

/** Attributes as values: what is read from a set, and what a set is made of. */
export interface AttributeView {
  /** 0 IGP, 1 EGP, 2 incomplete. */
  readonly origin: number;
  readonly asPath: AsPath;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: boolean;
  readonly aggregator?: { readonly asn: number; readonly address: Ip };
  readonly communities?: readonly number[];
  readonly originatorId?: Ip;
  readonly clusterList?: readonly Ip[];
  /** Eight octets each, as hexadecimal digits. */
  readonly extendedCommunities?: readonly string[];
  readonly largeCommunities?: readonly LargeCommunity[];
  /** Everything else, ascending types. */
  readonly opaque?: readonly OpaqueAttribute[];
  /** Types of understood attributes that someone before us passed on without understanding: their Partial bit stays. */
  readonly partial?: readonly number[];
}

/** One immutable attribute set. */
export class AttributeSet {
  /** The canonical octets. */
  readonly bytes: Uint8Array;
  /** What the octets say. */
  readonly view: AttributeView;
  /** The path length that the decision compares. */
  readonly pathLength: number;
  /** The AS whose MED this is, or undefined for a path that starts here. */
  readonly neighbourAs: number | undefined;

  /** @param bytes canonical octets, as {@linkcode encodeAttributes} or the UPDATE decoder make them */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = readView(bytes);
    this.pathLength = asPathLength(this.view.asPath);
    this.neighbourAs = neighbourAs(this.view.asPath);
  }
}

/** Calls `visit` for each attribute of canonical octets. */
export function walkAttributes(
  bytes: Uint8Array,
  visit: (type: number, flags: number, value: Uint8Array) => void,
): void {
  let at = 0;
  while (at < bytes.length) {
    const flags = bytes[at] ?? 0;
    const type = bytes[at + 1] ?? 0;
    const long = (flags & FLAG.extendedLength) !== 0;
    const length = long
      ? (bytes[at + 2] ?? 0) * 256 + (bytes[at + 3] ?? 0)
      : bytes[at + 2] ?? 0;
    const start = at + (long ? 4 : 3);
    visit(type, flags, bytes.subarray(start, start + length));
    at = start + length;
  }
}

/** One attribute with its header. */
export function encodeAttribute(
  type: number,
  flags: number,
  value: Uint8Array,
): Uint8Array {
  const long = value.length > 255;
  const bytes = new Uint8Array((long ? 4 : 3) + value.length);
  const kept = flags & (FLAG.optional | FLAG.transitive | FLAG.partial);
  bytes[0] = kept | (long ? FLAG.extendedLength : 0);
  bytes[1] = type;
  if (long) {
    bytes[2] = value.length >> 8;
    bytes[3] = value.length & 255;
  } else bytes[2] = value.length;
  bytes.set(value, long ? 4 : 3);
  return bytes;
}

/** Octet strings put one after the other. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const WELL_KNOWN_FLAGS = FLAG.transitive;
const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;

/** How the attributes of a set are spelled towards one kind of session. */
export interface AttributeEncoding {
  /** Octets of an AS number; canonical is 4. */
  readonly asnOctets: 2 | 4;
}

/**
 * Attributes as octets, ascending types. With four octets per AS number this is
 * the canonical form; with two it is what a speaker without RFC 6793 reads, with
 * AS4_PATH and AS4_AGGREGATOR where numbers do not fit.
 */
export function encodeAttributes(
  view: AttributeView,
  encoding: AttributeEncoding = { asnOctets: 4 },
): Uint8Array {
  const { asnOctets } = encoding;
  const parts: { readonly type: number; readonly bytes: Uint8Array }[] = [];
  const put = (type: number, flags: number, value: Uint8Array): void => {
    const partial = view.partial?.includes(type) === true ? FLAG.partial : 0;
    parts.push({ type, bytes: encodeAttribute(type, flags | partial, value) });
  };
  put(ATTRIBUTE.origin, WELL_KNOWN_FLAGS, Uint8Array.of(view.origin));
  put(
    ATTRIBUTE.asPath,
    WELL_KNOWN_FLAGS,
    encodeAsPath(view.asPath, asnOctets),
  );
  if (view.med !== undefined) {
    put(ATTRIBUTE.med, FLAG.optional, numbers([view.med]));
  }
  if (view.localPref !== undefined) {
    put(ATTRIBUTE.localPref, WELL_KNOWN_FLAGS, numbers([view.localPref]));
  }
  if (view.atomicAggregate === true) {
    put(ATTRIBUTE.atomicAggregate, WELL_KNOWN_FLAGS, new Uint8Array(0));
  }
  const { aggregator } = view;
  if (aggregator !== undefined) {
    const asn = asnOctets === 2 && aggregator.asn > 0xffff
      ? AS_TRANS_OCTETS
      : numbers([aggregator.asn]).subarray(4 - asnOctets);
    const address = ipToBytes(aggregator.address);
    put(
      ATTRIBUTE.aggregator,
      OPTIONAL_TRANSITIVE,
      concatBytes([asn, address]),
    );
    if (asnOctets === 2 && aggregator.asn > 0xffff) {
      put(
        ATTRIBUTE.as4Aggregator,
        OPTIONAL_TRANSITIVE,
        concatBytes([numbers([aggregator.asn]), address]),
      );
    }
  }
  if (asnOctets === 2) {
    const real = view.asPath.filter((segment) => segment.type <= 2);
    if (real.some((segment) => segment.asns.some((asn) => asn > 0xffff))) {
      put(ATTRIBUTE.as4Path, OPTIONAL_TRANSITIVE, encodeAsPath(real, 4));
    }
  }
  if (view.communities?.length) {
    put(ATTRIBUTE.communities, OPTIONAL_TRANSITIVE, numbers(view.communities));
  }
  if (view.originatorId !== undefined) {
    put(
      ATTRIBUTE.originatorId,
      FLAG.optional,
      ipToBytes(view.originatorId),
    );
  }
  if (view.clusterList?.length) {
    put(
      ATTRIBUTE.clusterList,
      FLAG.optional,
      concatBytes(view.clusterList.map(ipToBytes)),
    );
  }
  if (view.extendedCommunities?.length) {
    put(
      ATTRIBUTE.extendedCommunities,
      OPTIONAL_TRANSITIVE,
      concatBytes(view.extendedCommunities.map(fromHex)),
    );
  }
  if (view.largeCommunities?.length) {
    put(
      ATTRIBUTE.largeCommunities,
      OPTIONAL_TRANSITIVE,
      numbers(view.largeCommunities.flat()),
    );
  }
  for (const { type, flags, value } of view.opaque ?? []) {
    put(type, flags, value);
  }
  parts.sort((a, b) => a.type - b.type);
  return concatBytes(parts.map((part) => part.bytes));
}

const AS_TRANS_OCTETS = Uint8Array.of(0x5b, 0xa0);

function readView(bytes: Uint8Array): AttributeView {
  const view: { -readonly [K in keyof AttributeView]: AttributeView[K] } = {
    origin: ORIGIN.incomplete,
    asPath: [],
  };
  const opaque: OpaqueAttribute[] = [];
  const partial: number[] = [];
  walkAttributes(bytes, (type, flags, value) => {
    if ((flags & FLAG.partial) !== 0) partial.push(type);
    switch (type) {
      case ATTRIBUTE.origin:
        view.origin = value[0] ?? ORIGIN.incomplete;
        break;
      case ATTRIBUTE.asPath: {
        const path = decodeAsPath(value, 4);
        if (typeof path !== "string") view.asPath = path;
        break;
      }
      case ATTRIBUTE.med:
        view.med = readNumbers(value)[0] ?? 0;
        break;
      case ATTRIBUTE.localPref:
        view.localPref = readNumbers(value)[0] ?? 0;
        break;
      case ATTRIBUTE.atomicAggregate:
        view.atomicAggregate = true;
        break;
      case ATTRIBUTE.aggregator:
        view.aggregator = {
          asn: readNumbers(value)[0] ?? 0,
          address: ipFromBytes(value.subarray(4, 8)),
        };
        break;
      case ATTRIBUTE.communities:
        view.communities = readNumbers(value);
        break;
      case ATTRIBUTE.originatorId:
        view.originatorId = ipFromBytes(value);
        break;
      case ATTRIBUTE.clusterList:
        view.clusterList = chunks(value, 4).map(ipFromBytes);
        break;
      case ATTRIBUTE.extendedCommunities:
        view.extendedCommunities = chunks(value, 8).map(toHex);
        break;
      case ATTRIBUTE.largeCommunities:
        view.largeCommunities = chunks(value, 12).map((chunk) => {
          const [a = 0, b = 0, c = 0] = readNumbers(chunk);
          return [a, b, c] as const;
        });
        break;
      default:
        opaque.push({ type, flags: flags & ~FLAG.extendedLength, value });
    }
  });
  if (opaque.length > 0) view.opaque = opaque;
  const understood = partial.filter((type) =>
    !opaque.some((attribute) => attribute.type === type)
  );
  if (understood.length > 0) view.partial = understood;
  return view;
}

function numbers(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(i * 4, value));
  return bytes;
}

function readNumbers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    values.push(view.getUint32(at));
  }
  return values;
}

function chunks(bytes: Uint8Array, size: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    list.push(bytes.subarray(at, at + size));
  }
  return list;
}

function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}
