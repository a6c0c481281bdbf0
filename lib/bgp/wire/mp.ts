/**
 * MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 §3 and §4, RFC 2545).
 *
 * An attribute that cannot be read leaves unknown which routes it meant, so here
 * every fault of form is a reset (RFC 7606 §5.3 and §7.11). A family that we do
 * not hold is left out unseen.
 *
 * @module
 */

import { type Family, type Ip, ipFromBytes } from "../../net/ip.ts";
import type { Prefix } from "../../net/prefix.ts";
import { type AttributeFault, SUBCODE } from "./attributes.ts";
import { ATTRIBUTE } from "./attribute_set.ts";
import { unicastFamily } from "./family.ts";
import { decodePrefixes, isUsableNextHop } from "./nlri.ts";

/** What an MP_REACH_NLRI announces. */
export interface MpReach {
  readonly family: Family;
  readonly nextHop: Ip;
  readonly prefixes: readonly Prefix[];
  readonly martians: readonly Prefix[];
}

/** What an MP_UNREACH_NLRI withdraws; no prefixes at all means End-of-RIB (RFC 4724 §2). */
export interface MpUnreach {
  readonly family: Family;
  readonly prefixes: readonly Prefix[];
}

/** A decoded attribute, undefined for a family that the session does not carry, or a fault. */
export type MpResult<T> = T | undefined | AttributeFault;

/** Whether a result is a fault. */
export function isFault<T extends object>(
  result: T | AttributeFault,
): result is AttributeFault {
  return "action" in result;
}

function reset(type: number, subcode: number, reason: string): AttributeFault {
  return { type, action: "reset", subcode, reason };
}

/** Decodes an MP_REACH_NLRI. */
export function decodeMpReach(
  value: Uint8Array,
  families: readonly Family[],
): MpResult<MpReach> {
  const type = ATTRIBUTE.mpReach;
  if (value.length < 5) {
    return reset(type, SUBCODE.optional, `${value.length} octets`);
  }
  const afi = (value[0] ?? 0) * 256 + (value[1] ?? 0);
  const family = unicastFamily(afi, value[2] ?? 0);
  if (family === undefined) return undefined;
  const nextHopLength = value[3] ?? 0;
  const expected = family === 4 ? [4] : [16, 32];
  if (!expected.includes(nextHopLength)) {
    return reset(
      type,
      SUBCODE.optional,
      `a next hop of ${nextHopLength} octets for IPv${family}`,
    );
  }
  // One octet after the next hop is reserved; it once counted SNPAs and is ignored.
  const start = 4 + nextHopLength + 1;
  if (start > value.length) {
    return reset(type, SUBCODE.optional, "the next hop is cut short");
  }
  if (!families.includes(family)) return undefined;
  const list = decodePrefixes(value.subarray(start), family);
  if (!list.ok) return reset(type, SUBCODE.network, list.fault.reason);
  return {
    family,
    nextHop: readNextHop(value.subarray(4, 4 + nextHopLength)),
    ...list.value,
  };
}

/** The global address of a next hop field; the link-local one when there is no usable global one. */
function readNextHop(octets: Uint8Array): Ip {
  const first = ipFromBytes(octets.subarray(0, Math.min(16, octets.length)));
  if (octets.length < 32 || isUsableNextHop(first)) return first;
  return ipFromBytes(octets.subarray(16));
}

/** Decodes an MP_UNREACH_NLRI. */
export function decodeMpUnreach(
  value: Uint8Array,
  families: readonly Family[],
): MpResult<MpUnreach> {
  const type = ATTRIBUTE.mpUnreach;
  if (value.length < 3) {
    return reset(type, SUBCODE.optional, `${value.length} octets`);
  }
  const afi = (value[0] ?? 0) * 256 + (value[1] ?? 0);
  const family = unicastFamily(afi, value[2] ?? 0);
  if (family === undefined || !families.includes(family)) return undefined;
  const list = decodePrefixes(value.subarray(3), family);
  if (!list.ok) return reset(type, SUBCODE.network, list.fault.reason);
  return {
    family,
    prefixes: [...list.value.prefixes, ...list.value.martians],
  };
}
