/**
 * UPDATE messages (RFC 4271 §4.3) with revised error handling (RFC 7606).
 *
 * One pass over the attributes collects every fault; the strongest decides (RFC
 * 7606 §3h). Faults are values: whatever the octets are, nothing throws.
 *
 * RFC says / we do: where the RFCs leave a choice, an empty AS_PATH from an
 * external peer is accepted, and so is one whose first AS is not the peer's (a
 * route server's path looks like that). An unrecognised well-known attribute
 * ends the session (RFC 4271 §6.3). Multicast and other martian prefixes are
 * treated as withdrawn, one by one.
 *
 * @module
 */

import type { Family, Ip } from "../../net/ip.ts";
import { ipFromBytes } from "../../net/ip.ts";
import type { Prefix } from "../../net/prefix.ts";
import { ATTRIBUTE, FLAG } from "./attribute_set.ts";
import {
  type Action,
  ATTRIBUTE_TABLE,
  type AttributeContext,
  type AttributeFault,
  judgeAttribute,
  judgeNextHop,
  SUBCODE,
} from "./attributes.ts";
import { canonicalise, type RawAttribute } from "./canonical.ts";
import {
  decodeMpReach,
  decodeMpUnreach,
  isFault,
  type MpReach,
  type MpUnreach,
} from "./mp.ts";
import { decodePrefixes } from "./nlri.ts";
import { ERROR, type Fault, fault } from "./notification.ts";

/** What the decoder has to know about the session. */
export interface UpdateContext extends AttributeContext {
  /** Families that both sides have. */
  readonly families: readonly Family[];
}

/** Prefixes of one family with one next hop. */
export interface AnnouncedBlock {
  readonly family: Family;
  readonly nextHop: Ip;
  readonly prefixes: readonly Prefix[];
}

/** An UPDATE that leaves the session as it is. */
export interface Update {
  readonly kind: "update";
  /** To be carried out before `announced`; includes what is treated as withdrawn. */
  readonly withdrawn: readonly Prefix[];
  readonly announced: readonly AnnouncedBlock[];
  /** Canonical octets (see `attribute_set.ts`); undefined when nothing is announced. */
  readonly attributes: Uint8Array | undefined;
  /** The family whose initial routes are complete with this message (RFC 4724 §2). */
  readonly endOfRib: Family | undefined;
  /** What was wrong and tolerated, for the log. */
  readonly faults: readonly AttributeFault[];
  /** The strongest reaction taken. */
  readonly verdict: "ok" | "discard" | "withdraw";
}

/** What an UPDATE comes to: its content, or the end of the session. */
export type DecodedUpdate = Update | {
  readonly kind: "reset";
  readonly fault: Fault;
};

/** What one pass over the attribute block found. */
interface Attributes {
  /** By type, good ones only. */
  readonly good: ReadonlyMap<number, RawAttribute>;
  readonly faults: readonly AttributeFault[];
  readonly reach: MpReach | undefined;
  /** Whether an MP_REACH_NLRI stands there at all, of whatever family. */
  readonly hasReach: boolean;
  readonly unreach: MpUnreach | undefined;
}

/** Decodes the body of an UPDATE; the frame splitter has seen to its 4 octets. */
export function decodeUpdate(
  body: Uint8Array,
  context: UpdateContext,
): DecodedUpdate {
  const withdrawnLength = readShort(body, 0);
  if (withdrawnLength + 4 > body.length) {
    return resetWith(SUBCODE.malformedList, "the withdrawn routes overrun");
  }
  const attributesAt = 2 + withdrawnLength + 2;
  const attributesLength = readShort(body, attributesAt - 2);
  const nlriAt = attributesAt + attributesLength;
  if (nlriAt > body.length) {
    return resetWith(SUBCODE.malformedList, "the path attributes overrun");
  }
  const withdrawn = decodePrefixes(body.subarray(2, attributesAt - 2), 4);
  if (!withdrawn.ok) return { kind: "reset", fault: withdrawn.fault };
  const nlri = decodePrefixes(body.subarray(nlriAt), 4);
  if (!nlri.ok) return { kind: "reset", fault: nlri.fault };
  const hasNlri = nlriAt < body.length;

  const found = readAttributes(
    body.subarray(attributesAt, nlriAt),
    context,
    hasNlri,
  );
  const faults = [...found.faults];
  const carries4 = context.families.includes(4);
  const announced: AnnouncedBlock[] = [];
  const martians = [...nlri.value.martians, ...found.reach?.martians ?? []];
  if (hasNlri && carries4) {
    const nextHop = found.good.get(ATTRIBUTE.nextHop);
    if (nextHop === undefined) {
      if (!faults.some(({ type }) => type === ATTRIBUTE.nextHop)) {
        faults.push(missing(ATTRIBUTE.nextHop));
      }
    } else {
      announced.push({
        family: 4,
        nextHop: ipFromBytes(nextHop.value),
        prefixes: nlri.value.prefixes,
      });
    }
  }
  if (found.reach !== undefined) {
    const { family, nextHop, prefixes } = found.reach;
    const verdict = judgeNextHop(nextHop, context);
    if (verdict !== undefined) {
      faults.push({ type: ATTRIBUTE.mpReach, ...verdict });
    }
    announced.push({ family, nextHop, prefixes });
  }
  if (hasNlri || found.hasReach) {
    for (const type of [ATTRIBUTE.origin, ATTRIBUTE.asPath]) {
      if (
        !found.good.has(type) && !faults.some((fault) => fault.type === type)
      ) faults.push(missing(type));
    }
  }

  const strongest = strongestAction(faults);
  // RFC 7606 §5.2: without reachable routes there is nothing to treat as withdrawn.
  if (
    strongest === "reset" ||
    (strongest === "withdraw" && !hasNlri && !found.hasReach)
  ) {
    const grave = faults.find(({ action }) => action === strongest) ??
      missing(0);
    return resetWith(grave.subcode, describeFault(grave), grave.octets);
  }
  const explicit = [
    ...carries4 ? withdrawn.value.prefixes : [],
    ...carries4 ? withdrawn.value.martians : [],
    ...found.unreach?.prefixes ?? [],
    ...martians,
  ];
  for (const prefix of martians) {
    faults.push({
      type: 0,
      action: "withdraw",
      subcode: SUBCODE.network,
      reason: `${prefix} is no unicast prefix`,
    });
  }
  const empty = body.length === 4;
  const result = {
    kind: "update",
    endOfRib: empty
      ? carries4 ? 4 : undefined
      : endOfRibFamily(found, body.length, attributesLength),
    faults,
  } as const;
  if (strongest === "withdraw") {
    const implicit = announced.flatMap(({ prefixes }) => prefixes);
    if (hasNlri && carries4 && !found.good.has(ATTRIBUTE.nextHop)) {
      implicit.push(...nlri.value.prefixes);
    }
    return {
      ...result,
      withdrawn: [...explicit, ...implicit],
      announced: [],
      attributes: undefined,
      verdict: "withdraw",
    };
  }
  const some = announced.filter(({ prefixes }) => prefixes.length > 0);
  return {
    ...result,
    withdrawn: explicit,
    announced: some,
    attributes: some.length === 0
      ? undefined
      : canonicalise(found.good, context),
    verdict: strongest ?? "ok",
  };
}

/** A fault in words: `ORIGIN: value 3`. */
export function describeFault(fault: AttributeFault): string {
  const name = fault.type === ATTRIBUTE.mpReach
    ? "MP_REACH_NLRI"
    : fault.type === ATTRIBUTE.mpUnreach
    ? "MP_UNREACH_NLRI"
    : fault.type === 0
    ? "UPDATE"
    : ATTRIBUTE_TABLE.get(fault.type)?.name ?? `attribute ${fault.type}`;
  return `${name}: ${fault.reason}`;
}

function readAttributes(
  block: Uint8Array,
  context: UpdateContext,
  hasNlri: boolean,
): Attributes {
  const good = new Map<number, RawAttribute>();
  const seen = new Set<number>();
  const faults: AttributeFault[] = [];
  let reach: MpReach | undefined;
  let unreach: MpUnreach | undefined;
  let at = 0;
  while (at < block.length) {
    const flags = block[at] ?? 0;
    const type = block[at + 1] ?? 0;
    const long = (flags & FLAG.extendedLength) !== 0;
    const start = at + (long ? 4 : 3);
    const length = long ? readShort(block, at + 2) : block[at + 2] ?? 0;
    if (start > block.length || start + length > block.length) {
      faults.push({
        type: 0,
        action: "withdraw",
        subcode: SUBCODE.length,
        reason: start > block.length
          ? "the last attribute's header is cut short"
          : `attribute ${type} overruns the attributes`,
      });
      break;
    }
    const value = block.subarray(start, start + length);
    const octets = (): Uint8Array =>
      block.slice(start - (long ? 4 : 3), start + length);
    at = start + length;
    const mp = type === ATTRIBUTE.mpReach || type === ATTRIBUTE.mpUnreach;
    if (seen.has(type)) {
      faults.push({
        type,
        action: mp ? "reset" : "discard",
        subcode: SUBCODE.malformedList,
        reason: "stands there twice",
      });
      continue;
    }
    seen.add(type);
    if (mp) {
      if (
        (flags & (FLAG.optional | FLAG.transitive)) !== FLAG.optional
      ) {
        faults.push({
          type,
          action: "reset",
          subcode: SUBCODE.flags,
          reason: `flags 0x${flags.toString(16)}`,
          octets: octets(),
        });
        continue;
      }
      if (type === ATTRIBUTE.mpReach) {
        const result = decodeMpReach(value, context.families);
        if (result !== undefined && isFault(result)) {
          faults.push({ ...result, octets: octets() });
        } else reach = result;
      } else {
        const result = decodeMpUnreach(value, context.families);
        if (result !== undefined && isFault(result)) {
          faults.push({ ...result, octets: octets() });
        } else unreach = result;
      }
      continue;
    }
    const row = ATTRIBUTE_TABLE.get(type);
    if (row === undefined) {
      if ((flags & FLAG.optional) === 0) {
        faults.push({
          type,
          action: "reset",
          subcode: SUBCODE.unrecognizedWellKnown,
          reason: "not recognised and well-known by its flags",
          octets: octets(),
        });
      } else if ((flags & FLAG.transitive) !== 0) {
        good.set(type, { flags: flags | FLAG.partial, value });
      }
      continue;
    }
    // RFC 4760 §3: without classic NLRI, NEXT_HOP says nothing.
    if (type === ATTRIBUTE.nextHop && !hasNlri) continue;
    const verdict = row.ignored?.(context) === true
      ? {
        action: "discard",
        subcode: SUBCODE.optional,
        reason: "means nothing on this session",
      } as const
      : judgeAttribute(row, flags, value, context);
    if (verdict !== undefined) {
      faults.push({ type, ...verdict, octets: octets() });
    } else good.set(type, { flags, value });
  }
  return {
    good,
    faults,
    reach,
    hasReach: seen.has(ATTRIBUTE.mpReach),
    unreach,
  };
}

/** The family of an End-of-RIB in MP form: an MP_UNREACH_NLRI without prefixes, and nothing else. */
function endOfRibFamily(
  found: Attributes,
  bodyLength: number,
  attributesLength: number,
): Family | undefined {
  return found.unreach !== undefined && found.unreach.prefixes.length === 0 &&
      attributesLength === bodyLength - 4 && attributesLength <= 7
    ? found.unreach.family
    : undefined;
}

const STRENGTH: readonly Action[] = ["discard", "withdraw", "reset"];

function strongestAction(
  faults: readonly AttributeFault[],
): Action | undefined {
  let strongest = -1;
  for (const { action } of faults) {
    strongest = Math.max(strongest, STRENGTH.indexOf(action));
  }
  return STRENGTH[strongest];
}

function missing(type: number): AttributeFault {
  return {
    type,
    action: "withdraw",
    subcode: SUBCODE.missingWellKnown,
    reason: "missing",
  };
}

function readShort(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function resetWith(
  subcode: number,
  reason: string,
  data?: Uint8Array,
): DecodedUpdate {
  return { kind: "reset", fault: fault(ERROR.update, subcode, reason, data) };
}
