/**
 * A neighbour's state as it is shown.
 *
 * @module
 */

import type { Family } from "../net/ip.ts";
import type { PeerStatus } from "./api.ts";
import type { Peer } from "./peer.ts";
import { formatEndpoint } from "./tcp.ts";

/** What the routing tables add to what the peer knows itself. */
export interface RouteCounts {
  readonly endOfRib: readonly Family[];
  readonly received: number;
  readonly accepted: number;
  readonly advertised: number;
}

/** Puts a peer's status together. */
export function peerStatus(peer: Peer, counts: RouteCounts): PeerStatus {
  const { config, established } = peer;
  const { endOfRib, ...prefixes } = counts;
  const negotiated = established?.negotiated;
  const stream = established?.link.stream;
  return {
    address: config.address,
    remoteAs: config.remoteAs,
    description: config.description,
    state: peer.state,
    since: peer.since,
    lastError: peer.lastError,
    lastErrorMs: peer.lastErrorMs,
    holdTimeSeconds: negotiated?.holdTimeSeconds,
    remoteRouterId: negotiated?.remoteRouterId,
    local: stream === undefined ? undefined : formatEndpoint(stream.local),
    remote: stream === undefined ? undefined : formatEndpoint(stream.remote),
    families: negotiated?.families ?? [],
    capabilities: negotiated?.capabilities ?? [],
    endOfRib,
    messages: { received: peer.received, sent: peer.sent },
    prefixes,
    established: peer.establishedCount,
  };
}
