/**
 * What two OPEN messages come to (RFC 4271 §6.2, RFC 4760 §8, RFC 5492, RFC
 * 6286, RFC 6793).
 *
 * RFC says / we do: a peer that shares no family with us gets 2/7 with the
 * families we need as data (RFC 5492 §5 allows it); a session that can carry
 * nothing would only look healthy.
 *
 * @module
 */

import type { Family, Ip } from "../net/ip.ts";
import {
  CAPABILITY,
  capabilityName,
  encodeMultiprotocol,
  type GracefulRestart,
  unicastFamilies,
} from "./wire/capabilities.ts";
import { afiOf, SAFI_UNICAST, unicastFamily } from "./wire/family.ts";
import { type Decoded, ERROR, fault } from "./wire/notification.ts";
import type { OpenMessage } from "./wire/open.ts";

/** Our side of a session. */
export interface SessionConfig {
  readonly localAs: number;
  readonly remoteAs: number;
  readonly routerId: Ip;
  /** Proposed hold time, seconds: 0, or 3 to 65535. */
  readonly holdTimeSeconds: number;
  /** Least hold time accepted, seconds. */
  readonly minimumHoldTimeSeconds: number;
  /** Time between connection attempts, seconds. */
  readonly connectRetrySeconds: number;
  /** Never connect, only wait. */
  readonly passive: boolean;
  readonly families: readonly Family[];
  /**
   * Graceful restart of our own; undefined: we go for good. Either way we say
   * that we know the procedure, so that peers send End-of-RIB and may restart
   * themselves (RFC 4724 §3).
   */
  readonly gracefulRestart?: {
    readonly timeSeconds: number;
    /** We have just restarted (the R bit). */
    readonly restarting: boolean;
  };
}

/** What a session runs with. */
export interface Negotiated {
  readonly remoteAs: number;
  readonly remoteRouterId: Ip;
  /** Whether the peer is of another AS. */
  readonly external: boolean;
  /** 0: neither hold timer nor keepalives. */
  readonly holdTimeSeconds: number;
  readonly families: readonly Family[];
  readonly fourOctetAs: boolean;
  readonly routeRefresh: boolean;
  /** The peer's graceful restart, when it has the capability; without families it will not come back. */
  readonly gracefulRestart?: GracefulRestart;
  /** Names of the capabilities that both sides have. */
  readonly capabilities: readonly string[];
}

/** The OPEN that we send. */
export function localOpen(config: SessionConfig): OpenMessage {
  const families = config.families.map((family) => ({
    afi: afiOf(family),
    safi: SAFI_UNICAST,
  }));
  const { gracefulRestart } = config;
  return {
    asn: config.localAs,
    holdTimeSeconds: config.holdTimeSeconds,
    routerId: config.routerId,
    capabilities: {
      families,
      routeRefresh: true,
      fourOctetAs: config.localAs,
      gracefulRestart: {
        restarting: gracefulRestart?.restarting ?? false,
        notification: false,
        timeSeconds: gracefulRestart?.timeSeconds ?? 0,
        // The kernel keeps our routes while we are away.
        families: gracefulRestart === undefined
          ? []
          : families.map((family) => ({ ...family, forwarding: true })),
      },
      codes: [
        CAPABILITY.multiprotocol,
        CAPABILITY.routeRefresh,
        CAPABILITY.fourOctetAs,
        CAPABILITY.gracefulRestart,
      ],
    },
  };
}

/**
 * Judges a peer's OPEN against ours.
 *
 * @param omitted capability codes that our own OPEN left out
 */
export function negotiate(
  config: SessionConfig,
  open: OpenMessage,
  omitted: readonly number[] | "all" = [],
): Decoded<Negotiated> {
  const refuse = (
    subcode: number,
    reason: string,
    data?: Uint8Array,
  ): Decoded<never> => ({
    ok: false,
    fault: fault(ERROR.open, subcode, reason, data),
  });
  if (open.asn !== config.remoteAs) {
    return refuse(
      2,
      `the peer is AS ${open.asn}, configured is AS ${config.remoteAs}`,
    );
  }
  const external = config.localAs !== config.remoteAs;
  if (!external && open.routerId === config.routerId) {
    return refuse(3, `the peer has our own identifier ${open.routerId}`);
  }
  const holdTimeSeconds = Math.min(
    config.holdTimeSeconds,
    open.holdTimeSeconds,
  );
  if (
    holdTimeSeconds !== 0 && holdTimeSeconds < config.minimumHoldTimeSeconds
  ) {
    return refuse(
      6,
      `a hold time of ${holdTimeSeconds} s, least is ${config.minimumHoldTimeSeconds} s`,
    );
  }
  const sent = (code: number): boolean =>
    omitted !== "all" && !omitted.includes(code);
  const ours: readonly Family[] = sent(CAPABILITY.multiprotocol)
    ? config.families
    : config.families.filter((family) => family === 4);
  const theirs = unicastFamilies(open.capabilities);
  const families = ours.filter((family) => theirs.includes(family));
  if (families.length === 0) {
    return refuse(
      7,
      `the peer has ${
        theirs.map((family) => `IPv${family}`).join(", ")
      } and we have ${ours.map((family) => `IPv${family}`).join(", ")}`,
      Uint8Array.from(
        config.families.flatMap((family) =>
          encodeMultiprotocol({ afi: afiOf(family), safi: SAFI_UNICAST })
        ),
      ),
    );
  }
  const mine = localOpen(config).capabilities;
  const both = mine.codes.filter((code) =>
    sent(code) && open.capabilities.codes.includes(code)
  );
  const graceful = open.capabilities.gracefulRestart;
  return {
    ok: true,
    value: {
      remoteAs: open.asn,
      remoteRouterId: open.routerId,
      external,
      holdTimeSeconds,
      families,
      fourOctetAs: both.includes(CAPABILITY.fourOctetAs),
      routeRefresh: both.includes(CAPABILITY.routeRefresh),
      ...(graceful !== undefined && both.includes(CAPABILITY.gracefulRestart)
        ? { gracefulRestart: graceful }
        : {}),
      capabilities: both.map(capabilityName),
    },
  };
}

/** Families that a peer's graceful restart keeps, out of those the session carries. */
export function gracefulFamilies(
  negotiated: Negotiated,
  onlyForwarding: boolean,
): readonly Family[] {
  const families = negotiated.gracefulRestart?.families ?? [];
  return negotiated.families.filter((family) =>
    families.some(({ afi, safi, forwarding }) =>
      unicastFamily(afi, safi) === family && (forwarding || !onlyForwarding)
    )
  );
}
