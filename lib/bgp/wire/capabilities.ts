/**
 * Capabilities (RFC 5492): what a speaker can do beyond RFC 4271.
 *
 * @module
 */

import { type AfiSafi, unicastFamily } from "./family.ts";
import { type Decoded, ERROR, fault } from "./notification.ts";
import type { Family } from "../../net/ip.ts";

/** Capability codes. */
export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  extendedNextHop: 5,
  extendedMessage: 6,
  role: 9,
  gracefulRestart: 64,
  fourOctetAs: 65,
  addPath: 69,
  enhancedRouteRefresh: 70,
  longLivedGracefulRestart: 71,
} as const;

const NAMES: Readonly<Record<number, string>> = {
  1: "multiprotocol",
  2: "route-refresh",
  5: "extended-next-hop",
  6: "extended-message",
  9: "role",
  64: "graceful-restart",
  65: "four-octet-as",
  67: "dynamic-capability",
  69: "add-path",
  70: "enhanced-route-refresh",
  71: "long-lived-graceful-restart",
  73: "hostname",
  75: "software-version",
  77: "link-local-next-hop",
  128: "route-refresh-old",
};

/** A capability's name, or its number. */
export function capabilityName(code: number): string {
  return NAMES[code] ?? `capability-${code}`;
}

/** One family of a graceful restart capability. */
export interface GracefulFamily extends AfiSafi {
  /** The F bit: forwarding went on while BGP was away. */
  readonly forwarding: boolean;
}

/** RFC 4724 §3, with the N bit of RFC 8538 §2. */
export interface GracefulRestart {
  /** The R bit: the speaker has just restarted. */
  readonly restarting: boolean;
  /** The N bit: a NOTIFICATION is no reason to drop routes. */
  readonly notification: boolean;
  /** How long the peer shall wait for us, seconds, 0 to 4095. */
  readonly timeSeconds: number;
  readonly families: readonly GracefulFamily[];
}

/** Everything a speaker says it can do. */
export interface Capabilities {
  /** RFC 4760 §8; none at all means IPv4 unicast only. */
  readonly families: readonly AfiSafi[];
  /** RFC 2918. */
  readonly routeRefresh: boolean;
  /** The speaker's AS; undefined: it speaks two octets (RFC 6793 §3). */
  readonly fourOctetAs?: number;
  readonly gracefulRestart?: GracefulRestart;
  /** Codes of every capability in the order they came, also those not understood. */
  readonly codes: readonly number[];
}

/** The families whose unicast routes a speaker exchanges; without multiprotocol capability, IPv4. */
export function unicastFamilies(
  capabilities: Capabilities,
): readonly Family[] {
  if (!capabilities.codes.includes(CAPABILITY.multiprotocol)) return [4];
  const families = new Set<Family>();
  for (const { afi, safi } of capabilities.families) {
    const family = unicastFamily(afi, safi);
    if (family !== undefined) families.add(family);
  }
  return [...families].sort();
}

/**
 * Decodes the capabilities of one parameter into what was read before. The same
 * capability twice is no fault: families add up, of the rest the last counts. A
 * capability that overruns, or whose value has an impossible length, is 2/0.
 */
export function decodeCapabilities(
  bytes: Uint8Array,
  before: Capabilities = { families: [], routeRefresh: false, codes: [] },
): Decoded<Capabilities> {
  let result = before;
  let at = 0;
  while (at < bytes.length) {
    const code = bytes[at] ?? 0;
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) {
      return malformed(`capability ${code} overruns its parameter`);
    }
    const value = bytes.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    const next = decodeOne(code, value, result);
    if (next === undefined) {
      return malformed(
        `${capabilityName(code)} capability of ${length} octets`,
      );
    }
    result = { ...next, codes: [...result.codes, code] };
  }
  return { ok: true, value: result };
}

function decodeOne(
  code: number,
  value: Uint8Array,
  before: Capabilities,
): Capabilities | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  switch (code) {
    case CAPABILITY.multiprotocol: {
      if (value.length !== 4) return undefined;
      const family = { afi: view.getUint16(0), safi: view.getUint8(3) };
      const known = before.families.some(({ afi, safi }) =>
        afi === family.afi && safi === family.safi
      );
      return known
        ? before
        : { ...before, families: [...before.families, family] };
    }
    case CAPABILITY.routeRefresh:
      return { ...before, routeRefresh: true };
    case CAPABILITY.fourOctetAs:
      return value.length === 4
        ? { ...before, fourOctetAs: view.getUint32(0) }
        : undefined;
    case CAPABILITY.gracefulRestart: {
      if (value.length < 2 || (value.length - 2) % 4 !== 0) return undefined;
      const flags = view.getUint16(0);
      const families: GracefulFamily[] = [];
      for (let i = 2; i < value.length; i += 4) {
        families.push({
          afi: view.getUint16(i),
          safi: view.getUint8(i + 2),
          forwarding: (view.getUint8(i + 3) & 0x80) !== 0,
        });
      }
      return {
        ...before,
        gracefulRestart: {
          restarting: (flags & 0x8000) !== 0,
          notification: (flags & 0x4000) !== 0,
          timeSeconds: flags & 0x0fff,
          families,
        },
      };
    }
    default:
      return before;
  }
}

function malformed(reason: string): Decoded<never> {
  return { ok: false, fault: fault(ERROR.open, 0, reason) };
}

/** One capability: code, length, value. */
export function encodeCapability(
  code: number,
  value: readonly number[],
): number[] {
  return [code, value.length, ...value];
}

/** The multiprotocol capability of a family. */
export function encodeMultiprotocol({ afi, safi }: AfiSafi): number[] {
  return encodeCapability(CAPABILITY.multiprotocol, [
    afi >> 8,
    afi & 255,
    0,
    safi,
  ]);
}

/** Capabilities one after the other, without those in `omit`. */
export function encodeCapabilities(
  capabilities: Capabilities,
  omit: readonly number[] = [],
): number[] {
  const bytes: number[] = [];
  const put = (code: number, encoded: readonly number[]): void => {
    if (!omit.includes(code)) bytes.push(...encoded);
  };
  for (const family of capabilities.families) {
    put(CAPABILITY.multiprotocol, encodeMultiprotocol(family));
  }
  if (capabilities.routeRefresh) {
    put(
      CAPABILITY.routeRefresh,
      encodeCapability(CAPABILITY.routeRefresh, []),
    );
  }
  const { fourOctetAs, gracefulRestart } = capabilities;
  if (gracefulRestart !== undefined) {
    const flags = (gracefulRestart.restarting ? 0x80 : 0) |
      (gracefulRestart.notification ? 0x40 : 0);
    put(
      CAPABILITY.gracefulRestart,
      encodeCapability(CAPABILITY.gracefulRestart, [
        flags | (gracefulRestart.timeSeconds >> 8),
        gracefulRestart.timeSeconds & 255,
        ...gracefulRestart.families.flatMap((family) => [
          family.afi >> 8,
          family.afi & 255,
          family.safi,
          family.forwarding ? 0x80 : 0,
        ]),
      ]),
    );
  }
  if (fourOctetAs !== undefined) {
    put(
      CAPABILITY.fourOctetAs,
      encodeCapability(CAPABILITY.fourOctetAs, [
        (fourOctetAs >>> 24) & 255,
        (fourOctetAs >>> 16) & 255,
        (fourOctetAs >>> 8) & 255,
        fourOctetAs & 255,
      ]),
    );
  }
  return bytes;
}
