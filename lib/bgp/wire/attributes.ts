/**
 * What each attribute must look like, as a table, and what to do when it does
 * not (RFC 7606 §7, RFC 7607, RFC 9774).
 *
 * A row's verdict names the mildest reaction that the RFC allows. Attributes
 * without a row are carried on or dropped by their flags.
 *
 * @module
 */

import type { Ip } from "../../net/ip.ts";
import { ipFromBytes } from "../../net/ip.ts";
import { type AsPath, decodeAsPath, SEGMENT } from "./as_path.ts";
import { ATTRIBUTE, FLAG } from "./attribute_set.ts";
import { isUsableNextHop } from "./nlri.ts";

/** From mild to strong: leave the attribute out; take the routes as withdrawn; end the session. */
export type Action = "discard" | "withdraw" | "reset";

/** What is wrong with one attribute. */
export interface AttributeFault {
  /** The attribute's type code; 0 for the attribute block itself. */
  readonly type: number;
  readonly action: Action;
  /** The subcode of UPDATE Message Error, for when a reset follows. */
  readonly subcode: number;
  readonly reason: string;
  /** The attribute as it stood there, for the data of a NOTIFICATION (RFC 4271 §6.3). */
  readonly octets?: Uint8Array;
}

/** What the validator has to know about the session. */
export interface AttributeContext {
  /** Whether the peer is of another AS. */
  readonly external: boolean;
  /** Whether AS numbers take four octets (both sides have RFC 6793). */
  readonly fourOctetAs: boolean;
  /** Accept AS_SET, against RFC 9774. */
  readonly allowAsSets: boolean;
  /** Our own addresses on the session: never a next hop. */
  readonly localAddresses: readonly Ip[];
}

/** One attribute that we understand. */
export interface AttributeRow {
  readonly name: string;
  /** Optional and Transitive bits that it must have. */
  readonly flags: number;
  /** Whether it means nothing on this session, right or wrong, and is left out unseen. */
  readonly ignored?: (context: AttributeContext) => boolean;
  /** Undefined when the value is good. */
  readonly validate: (
    value: Uint8Array,
    context: AttributeContext,
  ) => Omit<AttributeFault, "type" | "octets"> | undefined;
}

type Verdict = Omit<AttributeFault, "type" | "octets"> | undefined;
type Validate = AttributeRow["validate"];

/** UPDATE Message Error subcodes. */
export const SUBCODE = {
  malformedList: 1,
  unrecognizedWellKnown: 2,
  missingWellKnown: 3,
  flags: 4,
  length: 5,
  origin: 6,
  nextHop: 8,
  optional: 9,
  network: 10,
  asPath: 11,
} as const;

function withdraw(subcode: number, reason: string): Verdict {
  return { action: "withdraw", subcode, reason };
}

function exactly(
  length: number,
  action: Action = "withdraw",
): (value: Uint8Array) => Verdict {
  return (value) =>
    value.length === length ? undefined : {
      action,
      subcode: SUBCODE.length,
      reason: `${value.length} octets instead of ${length}`,
    };
}

function multipleOf(size: number): Validate {
  return (value) =>
    value.length > 0 && value.length % size === 0 ? undefined : withdraw(
      SUBCODE.length,
      `${value.length} octets, not a multiple of ${size}`,
    );
}

/** Whether a path breaks RFC 7607 (AS 0), RFC 5065 (confederation segments) or RFC 9774 (sets). */
export function judgeAsPath(
  path: AsPath,
  context: Pick<AttributeContext, "allowAsSets">,
): string | undefined {
  for (const { type, asns } of path) {
    if (asns.includes(0)) return "AS 0";
    if (type === SEGMENT.confedSequence || type === SEGMENT.confedSet) {
      return "a confederation segment from outside the confederation";
    }
    if (type === SEGMENT.set && !context.allowAsSets) return "an AS_SET";
  }
  return undefined;
}

const WELL_KNOWN = FLAG.transitive;
const OPTIONAL_TRANSITIVE = FLAG.optional | FLAG.transitive;
const fromExternal = ({ external }: AttributeContext): boolean => external;
const fromNewSpeaker = ({ fourOctetAs }: AttributeContext): boolean =>
  fourOctetAs;

/** The attributes we understand, by type; MP_REACH_NLRI and MP_UNREACH_NLRI are in `mp.ts`. */
export const ATTRIBUTE_TABLE: ReadonlyMap<number, AttributeRow> = new Map<
  number,
  AttributeRow
>([
  [ATTRIBUTE.origin, {
    name: "ORIGIN",
    flags: WELL_KNOWN,
    validate: (value) =>
      exactly(1)(value) ??
        ((value[0] ?? 0) > 2
          ? withdraw(SUBCODE.origin, `value ${value[0]}`)
          : undefined),
  }],
  [ATTRIBUTE.asPath, {
    name: "AS_PATH",
    flags: WELL_KNOWN,
    validate: (value, context) => {
      const path = decodeAsPath(value, context.fourOctetAs ? 4 : 2);
      const problem = typeof path === "string"
        ? path
        : judgeAsPath(path, context);
      return problem === undefined
        ? undefined
        : withdraw(SUBCODE.asPath, problem);
    },
  }],
  [ATTRIBUTE.nextHop, {
    name: "NEXT_HOP",
    flags: WELL_KNOWN,
    validate: (value, context) => {
      const length = exactly(4)(value);
      if (length !== undefined) return length;
      const address = ipFromBytes(value);
      return judgeNextHop(address, context);
    },
  }],
  [ATTRIBUTE.med, {
    name: "MULTI_EXIT_DISC",
    flags: FLAG.optional,
    validate: exactly(4),
  }],
  [ATTRIBUTE.localPref, {
    name: "LOCAL_PREF",
    flags: WELL_KNOWN,
    ignored: fromExternal,
    validate: exactly(4),
  }],
  [ATTRIBUTE.atomicAggregate, {
    name: "ATOMIC_AGGREGATE",
    flags: WELL_KNOWN,
    validate: exactly(0, "discard"),
  }],
  [ATTRIBUTE.aggregator, {
    name: "AGGREGATOR",
    flags: OPTIONAL_TRANSITIVE,
    validate: (value, { fourOctetAs }) => {
      const length = exactly(fourOctetAs ? 8 : 6, "discard")(value);
      if (length !== undefined) return length;
      const asn = value.subarray(0, value.length - 4);
      return asn.every((octet) => octet === 0)
        ? { action: "discard", subcode: SUBCODE.optional, reason: "AS 0" }
        : undefined;
    },
  }],
  [ATTRIBUTE.communities, {
    name: "COMMUNITIES",
    flags: OPTIONAL_TRANSITIVE,
    validate: multipleOf(4),
  }],
  [ATTRIBUTE.originatorId, {
    name: "ORIGINATOR_ID",
    flags: FLAG.optional,
    ignored: fromExternal,
    validate: exactly(4),
  }],
  [ATTRIBUTE.clusterList, {
    name: "CLUSTER_LIST",
    flags: FLAG.optional,
    ignored: fromExternal,
    validate: multipleOf(4),
  }],
  [ATTRIBUTE.extendedCommunities, {
    name: "EXTENDED_COMMUNITIES",
    flags: OPTIONAL_TRANSITIVE,
    validate: multipleOf(8),
  }],
  [ATTRIBUTE.as4Path, {
    name: "AS4_PATH",
    flags: OPTIONAL_TRANSITIVE,
    ignored: fromNewSpeaker,
    validate: (value) => {
      // RFC 6793 §6: whatever is wrong with it, only the attribute is lost.
      const path = decodeAsPath(value, 4);
      const problem = typeof path === "string"
        ? path
        : path.some(({ asns }) => asns.includes(0))
        ? "AS 0"
        : undefined;
      return problem === undefined
        ? undefined
        : { action: "discard", subcode: SUBCODE.optional, reason: problem };
    },
  }],
  [ATTRIBUTE.as4Aggregator, {
    name: "AS4_AGGREGATOR",
    flags: OPTIONAL_TRANSITIVE,
    ignored: fromNewSpeaker,
    validate: (value) =>
      exactly(8, "discard")(value) ??
        (value.subarray(0, 4).every((octet) => octet === 0)
          ? { action: "discard", subcode: SUBCODE.optional, reason: "AS 0" }
          : undefined),
  }],
  [ATTRIBUTE.ipv6ExtendedCommunities, {
    name: "IPV6_EXTENDED_COMMUNITIES",
    flags: OPTIONAL_TRANSITIVE,
    validate: multipleOf(20),
  }],
  [ATTRIBUTE.largeCommunities, {
    name: "LARGE_COMMUNITIES",
    flags: OPTIONAL_TRANSITIVE,
    validate: multipleOf(12),
  }],
  [ATTRIBUTE.onlyToCustomer, {
    name: "ONLY_TO_CUSTOMER",
    flags: OPTIONAL_TRANSITIVE,
    validate: exactly(4),
  }],
]);

/** Whether a next hop can be one: a host's address, and not our own (RFC 4271 §6.3). */
export function judgeNextHop(
  address: Ip,
  context: Pick<AttributeContext, "localAddresses">,
): Verdict {
  if (!isUsableNextHop(address)) {
    return withdraw(SUBCODE.nextHop, `${address} is no host's address`);
  }
  return context.localAddresses.includes(address)
    ? withdraw(SUBCODE.nextHop, `${address} is our own address`)
    : undefined;
}

/**
 * Judges one attribute of a row: flags first, then the value. Low-order flag
 * bits are ignored, and so is the Partial bit (RFC 7606 §3c names only the other
 * two).
 */
export function judgeAttribute(
  row: AttributeRow,
  flags: number,
  value: Uint8Array,
  context: AttributeContext,
): Verdict {
  if ((flags & (FLAG.optional | FLAG.transitive)) !== row.flags) {
    return withdraw(SUBCODE.flags, `flags 0x${flags.toString(16)}`);
  }
  return row.validate(value, context);
}
