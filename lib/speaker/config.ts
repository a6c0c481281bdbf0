/**
 * From what the speaker is told to what it works with: values checked, names
 * turned into numbers, defaults filled in.
 *
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { LocalRoute } from "../bgp/export.ts";
import type { SessionConfig } from "../bgp/negotiate.ts";
import {
  tryParseCommunity,
  tryParseLargeCommunity,
} from "../bgp/wire/communities.ts";
import { AS_TRANS } from "../bgp/wire/as_path.ts";
import { type Family, familyOf } from "../net/ip.ts";
import { prefixFamily } from "../net/prefix.ts";
import type { Announcement, PeerConfig, SpeakerOptions } from "./api.ts";

/** Hold time proposed when none is configured, seconds. */
export const DEFAULT_HOLD_SECONDS = 90;

function refuse(message: string): never {
  throw new FairwayError("input.invalid", message);
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function checkAs(what: string, asn: number): void {
  if (!isWithin(asn, 1, 4_294_967_295) || asn === AS_TRANS) {
    refuse(
      `${what} ${asn} is no AS number; use 1 to 4294967295, not ${AS_TRANS}`,
    );
  }
}

/**
 * Checks what a speaker is made of.
 *
 * @throws {FairwayError} `input.invalid`
 */
export function checkSpeaker(options: SpeakerOptions): void {
  checkAs("local AS", options.localAs);
  const { routerId } = options;
  if (familyOf(routerId) !== 4 || routerId === "0.0.0.0") {
    refuse(`router id ${routerId} is not usable; give an IPv4 address`);
  }
}

/**
 * Checks one peer's configuration.
 *
 * @throws {FairwayError} `input.invalid`
 */
export function checkPeer(peer: PeerConfig): void {
  const name = `BGP peer ${peer.address}:`;
  checkAs(`${name} remote AS`, peer.remoteAs);
  const {
    port = 179,
    holdTimeSeconds = DEFAULT_HOLD_SECONDS,
    connectRetrySeconds = 5,
    gracefulRestartSeconds = 1,
    families = [4, 6],
    allowOwnAs = 0,
  } = peer;
  if (!isWithin(port, 1, 65_535)) {
    refuse(`${name} port ${port} is out of range; use 1 to 65535`);
  }
  if (holdTimeSeconds !== 0 && !isWithin(holdTimeSeconds, 3, 65_535)) {
    refuse(`${name} hold time ${holdTimeSeconds} s; use 0, or 3 to 65535`);
  }
  if (!(connectRetrySeconds > 0 && connectRetrySeconds <= 65_535)) {
    refuse(`${name} connect retry ${connectRetrySeconds} s; use up to 65535`);
  }
  if (!isWithin(gracefulRestartSeconds, 1, 4095)) {
    refuse(
      `${name} graceful restart time ${gracefulRestartSeconds} s; use 1 to 4095`,
    );
  }
  if (families.length === 0) refuse(`${name} no address family; name 4 or 6`);
  if (!isWithin(allowOwnAs, 0, 255)) {
    refuse(`${name} own AS allowed ${allowOwnAs} times; use 0 to 255`);
  }
}

/** A session's configuration. */
export function sessionConfig(
  speaker: SpeakerOptions,
  peer: PeerConfig,
): SessionConfig {
  const { gracefulRestartSeconds } = peer;
  return {
    localAs: speaker.localAs,
    remoteAs: peer.remoteAs,
    routerId: speaker.routerId,
    holdTimeSeconds: peer.holdTimeSeconds ?? DEFAULT_HOLD_SECONDS,
    minimumHoldTimeSeconds: peer.minimumHoldTimeSeconds ?? 3,
    connectRetrySeconds: peer.connectRetrySeconds ?? 5,
    passive: peer.passive ?? false,
    families: [...new Set<Family>(peer.families ?? [4, 6])].sort(),
    ...(gracefulRestartSeconds === undefined ? {} : {
      gracefulRestart: {
        timeSeconds: gracefulRestartSeconds,
        restarting: speaker.restarting ?? false,
      },
    }),
  };
}

/** A peer's configuration as text, without what people read only: equal texts need no new session. */
export function peerFingerprint(peer: PeerConfig): string {
  const { description: _description, ...rest } = peer;
  return JSON.stringify(
    Object.entries(rest).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** An announcement, ready to be sent to those it is for. */
export interface LocalAnnouncement {
  readonly route: LocalRoute;
  readonly isFor: (peer: PeerConfig, localAs: number) => boolean;
}

/**
 * What a list of announcements of one prefix comes to for the peers there are,
 * as text: equal texts need no look at what was sent.
 */
export function announcementKey(
  list: readonly LocalAnnouncement[],
  peers: readonly PeerConfig[],
  localAs: number,
): string {
  return JSON.stringify(list.map(({ route, isFor }) => [
    route,
    peers.map((peer) => isFor(peer, localAs) ? 1 : 0).join(""),
  ]));
}

/**
 * Reads an announcement.
 *
 * @throws {FairwayError} `input.invalid`
 */
export function readAnnouncement(given: Announcement): LocalAnnouncement {
  const { prefix, nextHop, to = "all" } = given;
  const {
    communities = [],
    largeCommunities = [],
    localPref,
    med,
    prepend,
  } = given.attributes ?? {};
  const name = `announcement of ${prefix}:`;
  if (nextHop !== undefined && familyOf(nextHop) !== prefixFamily(prefix)) {
    refuse(`${name} next hop ${nextHop} is of another family`);
  }
  for (const [what, value] of Object.entries({ localPref, med })) {
    if (value !== undefined && !isWithin(value, 0, 4_294_967_295)) {
      refuse(`${name} ${what} ${value}; use 0 to 4294967295`);
    }
  }
  if (prepend !== undefined && !isWithin(prepend, 0, 25)) {
    refuse(`${name} prepend ${prepend}; use 0 to 25`);
  }
  const numbers = communities.map((text) =>
    tryParseCommunity(text) ??
      refuse(`${name} "${text}" is no community such as 65000:1`)
  );
  const large = largeCommunities.map((text) =>
    tryParseLargeCommunity(text) ??
      refuse(`${name} "${text}" is no large community such as 65000:1:2`)
  );
  return {
    route: {
      prefix,
      ...(nextHop === undefined ? {} : { nextHop }),
      ...(numbers.length === 0 ? {} : { communities: numbers }),
      ...(large.length === 0 ? {} : { largeCommunities: large }),
      ...(localPref === undefined ? {} : { localPref }),
      ...(med === undefined ? {} : { med }),
      ...(prepend === undefined ? {} : { prepend }),
    },
    isFor: typeof to === "function"
      ? to
      : (peer, localAs) =>
        to === "all" || (to === "external") === (peer.remoteAs !== localAs),
  };
}
