/**
 * BGP, as the API shows it.
 *
 * @module
 */

import { formatCommunity } from "../../bgp/wire/communities.ts";
import type {
  AdvertisedRoute,
  BestRoute,
  PeerConfig,
  PeerStatus as SpeakerPeer,
  ReceivedRoute,
} from "../../speaker/api.ts";
import type { Speaker } from "../../speaker/speaker.ts";
import type {
  BgpRoutes,
  BgpRouteStatus,
  PeerStatus,
  SessionState,
} from "../state.ts";

/** States as RFC 4271 writes them. */
export const STATE_NAMES: Readonly<Record<SpeakerPeer["state"], SessionState>> =
  {
    idle: "Idle",
    connect: "Connect",
    active: "Active",
    openSent: "OpenSent",
    openConfirm: "OpenConfirm",
    established: "Established",
  };

const ORIGINS = ["igp", "egp", "incomplete"] as const;

/** One peer as the speaker and its configuration know it. */
export function viewPeer(
  peer: SpeakerPeer,
  config: PeerConfig | undefined,
  localAs: number,
): PeerStatus {
  return {
    address: peer.address,
    port: config?.port ?? 179,
    localAsn: localAs,
    remoteAsn: peer.remoteAs,
    kind: peer.remoteAs === localAs ? "internal" : "external",
    source: peer.description ?? "",
    state: STATE_NAMES[peer.state],
    sinceMs: peer.since,
    received: peer.prefixes.received,
    accepted: peer.prefixes.accepted,
    advertised: peer.prefixes.advertised,
    holdTimeSeconds: peer.holdTimeSeconds ?? null,
    families: peer.families.map((family) => `ipv${family}-unicast`),
    lastError: peer.lastError ?? null,
    lastErrorMs: peer.lastErrorMs ?? null,
  };
}

/** The tables of a speaker. */
export function viewBgpRoutes(speaker: Speaker): BgpRoutes {
  return {
    received: speaker.received().map((route) => ({
      ...viewRoute(route, route.nextHop, route.peer),
      rejected: route.accepted === true ? null : route.accepted,
    })),
    best: speaker.best().flatMap((route) =>
      route.nextHops.map((nextHop) => viewRoute(route, nextHop, route.peer))
    ),
    advertised: speaker.peers().flatMap(({ address }) =>
      speaker.advertised(address).map((route) =>
        viewRoute(route, route.nextHop, address)
      )
    ),
  };
}

function viewRoute(
  route: ReceivedRoute | BestRoute | AdvertisedRoute,
  nextHop: string,
  peer: string,
): BgpRouteStatus {
  const { attributes } = route;
  return {
    prefix: route.prefix,
    nextHop,
    peer,
    asPath: attributes.asPath.flatMap((segment) => [...segment.asns]),
    origin: ORIGINS[attributes.origin] ?? "incomplete",
    localPreference: attributes.localPref ?? null,
    med: attributes.med ?? null,
    communities: (attributes.communities ?? []).map(formatCommunity),
    rejected: null,
  };
}
