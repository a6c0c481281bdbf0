/**
 * What the speaker is told and what it tells: the types at its boundary.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { AttributeView } from "../bgp/wire/attribute_set.ts";
import type { State } from "../bgp/session.ts";
import type { Family, Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Transport } from "./transport.ts";

/** Where to listen. */
export interface ListenAddress {
  readonly address: Ip;
  /** 1 to 65535, 179 by custom; 0 lets the kernel choose (see `Speaker.listening`). */
  readonly port: number;
}

/** What a speaker is made of. */
export interface SpeakerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** 1 to 4294967295, not 23456. */
  readonly localAs: number;
  /** An IPv4 address, not 0.0.0.0. */
  readonly routerId: Ip;
  /** Where peers reach us; empty or absent: outgoing sessions only. */
  readonly listen?: readonly ListenAddress[];
  /** Default: TCP through Deno. */
  readonly transport?: Transport;
  /**
   * The import policy: true, or why the route is refused. Asked once per
   * received route, and again for all after `Speaker.reconsider`.
   * Default: everything is accepted.
   */
  readonly accept?: ImportPolicy;
  /** Most next hops of one route; default 16. */
  readonly maxPaths?: number;
  /**
   * Whether this speaker comes up after a crash with its forwarding state intact,
   * so that peers that kept our routes go on using them (the R bit, RFC 4724
   * §3). Only meaningful for peers with `gracefulRestart`.
   */
  readonly restarting?: boolean;
  /** A number in [0, 1) for jitter; default `Math.random`. */
  readonly random?: () => number;
}

/** One neighbour. Its address is its identity: two peers never share one. */
export interface PeerConfig {
  readonly address: Ip;
  /** 1 to 4294967295; equal to the local AS for an internal peer. */
  readonly remoteAs: number;
  /** Their TCP port; default 179. */
  readonly port?: number;
  /** Wait for them to connect, never connect; default false. */
  readonly passive?: boolean;
  /** Proposed hold time, seconds: 0, or 3 to 65535; default 90. */
  readonly holdTimeSeconds?: number;
  /** Least hold time accepted from the peer, seconds; default 3. */
  readonly minimumHoldTimeSeconds?: number;
  /** Time between connection attempts, seconds, before jitter; default 5. */
  readonly connectRetrySeconds?: number;
  /** Families to exchange; default both. */
  readonly families?: readonly Family[];
  /** `own` (default): only announcements made here. `all`: learned routes too, by the rules of RFC 4271 §9.2. */
  readonly advertise?: "own" | "all";
  /** Next hop of announcements that name none, where the session's own address has the other family. */
  readonly nextHops?: readonly Ip[];
  /**
   * Graceful restart (RFC 4724): the time that the peer shall keep our routes
   * for while we restart, seconds, 1 to 4095; absent: they go with us. A peer
   * that restarts itself finds its routes kept either way.
   */
  readonly gracefulRestartSeconds?: number;
  /** Accept paths with AS_SET, against RFC 9774; default false. */
  readonly allowAsSets?: boolean;
  /** How often our own AS may stand in a received AS_PATH; default 0. */
  readonly allowOwnAs?: number;
  /** For people: `Node worker-2`. */
  readonly description?: string;
}

/** Which peers an announcement is for. */
export type Audience =
  | "external"
  | "internal"
  | "all"
  | ((peer: PeerConfig) => boolean);

/** A route of our own. */
export interface Announcement {
  readonly prefix: Prefix;
  /** Default: our address on the session, or the peer's `nextHops` of the prefix's family. */
  readonly nextHop?: Ip;
  readonly attributes?: AnnouncementAttributes;
  /** Default: all. */
  readonly to?: Audience;
}

/** Attributes of a route of our own. */
export interface AnnouncementAttributes {
  /** `65000:1`, or a well-known name: `no-export`, `no-advertise`, `graceful-shutdown`, `blackhole`. */
  readonly communities?: readonly string[];
  /** `65000:1:2`. */
  readonly largeCommunities?: readonly string[];
  /** Sent to internal peers; default 100. */
  readonly localPref?: number;
  /** Sent to internal and external peers. */
  readonly med?: number;
  /** How often our AS is added in front on the way to external peers, beyond the one time RFC 4271 asks for. */
  readonly prepend?: number;
}

/** A route as a peer sent it. */
export interface ReceivedRoute {
  readonly prefix: Prefix;
  readonly nextHop: Ip;
  readonly peer: Ip;
  readonly attributes: AttributeView;
  /** True, or why it takes no part in the decision. */
  readonly accepted: true | string;
  /** Kept for a restarting peer, not confirmed yet. */
  readonly stale: boolean;
}

/** A route as a peer was told it. */
export interface AdvertisedRoute {
  readonly prefix: Prefix;
  readonly nextHop: Ip;
  readonly attributes: AttributeView;
}

/** The import policy. It must not throw, and should be quick: it runs for every route. */
export type ImportPolicy = (
  route: {
    readonly prefix: Prefix;
    readonly nextHop: Ip;
    readonly attributes: AttributeView;
  },
  peer: PeerConfig,
) => true | string;

/** A learned route that was chosen. */
export interface BestRoute {
  readonly prefix: Prefix;
  /** Sorted, at least one; several when paths are equally good. */
  readonly nextHops: readonly Ip[];
  /** The peer of the best path. */
  readonly peer: Ip;
  readonly attributes: AttributeView;
  /** Every path is held for a restarting peer. */
  readonly stale: boolean;
}

/** What happened to the learned routes. */
export type RouteChange =
  | { readonly kind: "best"; readonly route: BestRoute }
  | { readonly kind: "removed"; readonly prefix: Prefix };

/** One neighbour as it is now. */
export interface PeerStatus {
  readonly address: Ip;
  readonly remoteAs: number;
  readonly description: string | undefined;
  readonly state: State;
  /** When the state was entered, milliseconds since the epoch. */
  readonly since: number;
  /** Why the session last ended or could not be made, in words. */
  readonly lastError: string | undefined;
  /** When that was, milliseconds since the epoch. */
  readonly lastErrorMs: number | undefined;
  /** Agreed hold time, seconds; undefined without a session. */
  readonly holdTimeSeconds: number | undefined;
  readonly remoteRouterId: Ip | undefined;
  /** Both ends of the session's connection; undefined without a session. */
  readonly local: string | undefined;
  readonly remote: string | undefined;
  /** Families both sides have. */
  readonly families: readonly Family[];
  /** Capabilities both sides have, by name. */
  readonly capabilities: readonly string[];
  /** Families whose End-of-RIB has come in this session: what they had, they have told. */
  readonly endOfRib: readonly Family[];
  readonly messages: { readonly received: number; readonly sent: number };
  readonly prefixes: {
    readonly received: number;
    readonly accepted: number;
    readonly advertised: number;
  };
  /** Sessions that reached Established since the peer was configured. */
  readonly established: number;
}
