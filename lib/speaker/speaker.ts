/**
 * The BGP speaker: peers, announcements, learned routes.
 *
 * Everything here is told what should be (`setPeers`, `setAnnouncements`) and
 * does what differs. Route work is done per burst of received octets and sent in
 * slices, so timers are never far behind.
 *
 * @module
 */

import { FairwayError, messageOf } from "../base/errors.ts";
import { AttributeStore } from "../bgp/attribute_store.ts";
import {
  type ExportedRoute,
  exportLearned,
  exportLocal,
} from "../bgp/export.ts";
import { gracefulFamilies, type Negotiated } from "../bgp/negotiate.ts";
import { type Path, Rib, type RibPeer } from "../bgp/rib.ts";
import { CEASE, ERROR } from "../bgp/wire/notification.ts";
import type { RouteRefresh } from "../bgp/wire/route_refresh.ts";
import { describeFault, type Update } from "../bgp/wire/update.ts";
import type { Family, Ip } from "../net/ip.ts";
import { comparePrefix, type Prefix, prefixFamily } from "../net/prefix.ts";
import type {
  AdvertisedRoute,
  Announcement,
  BestRoute,
  PeerConfig,
  PeerStatus,
  ReceivedRoute,
  RouteChange,
  SpeakerOptions,
} from "./api.ts";
import {
  announcementKey,
  checkPeer,
  checkSpeaker,
  type LocalAnnouncement,
  peerFingerprint,
  readAnnouncement,
  sessionConfig,
} from "./config.ts";
import { Listeners } from "./listeners.ts";
import { Outbound } from "./outbound.ts";
import { type Established, Peer, type PeerHost, refuse } from "./peer.ts";
import { peerStatus } from "./status.ts";
import { formatEndpoint, TCP } from "./tcp.ts";
import { Timers } from "./timers.ts";
import type { Endpoint, Stream } from "./transport.ts";

/** How a speaker ends. */
export interface StopOptions {
  /** Told to the peers, at most 255 octets of UTF-8 (RFC 9003). */
  readonly communication?: string;
  /**
   * Leave without a NOTIFICATION: peers with graceful restart then keep our
   * routes for the restart time, because we come back.
   */
  readonly keepRoutes?: boolean;
}

/** Called with what happened to the learned routes. */
export type RouteListener = (changes: readonly RouteChange[]) => void;

/** Longest wait for a returned peer's End-of-RIB before its stale routes go, milliseconds. */
const STALE_LIMIT_MS = 60_000;

/** A BGP speaker. */
export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #store = new AttributeStore();
  readonly #rib: Rib;
  readonly #host: PeerHost;
  readonly #timers: Timers;
  readonly #listeners: Listeners;
  readonly #peers = new Map<Ip, Peer>();
  readonly #outbound = new Map<Peer, Outbound>();
  readonly #ribPeers = new Map<Peer, RibPeer>();
  readonly #endOfRib = new Map<Peer, Set<Family>>();
  readonly #routeListeners = new Set<RouteListener>();
  /** Prefixes that listeners know as learned. */
  readonly #told = new Set<Prefix>();
  readonly #changed = new Set<Prefix>();
  /** By prefix; of several, the first that is for a peer goes to it. */
  #local: ReadonlyMap<Prefix, readonly LocalAnnouncement[]> = new Map();
  /** Whether the announcements have been said once: End-of-RIB waits for it. */
  #complete = false;
  #flushing = false;
  readonly #leaving = new Set<Promise<void>>();

  /**
   * Opens the listening sockets and waits for peers to be set.
   *
   * @throws {FairwayError} `net.failed` when a listening address or port cannot
   * be had, `permission.denied`, `input.invalid`
   */
  constructor(options: SpeakerOptions) {
    checkSpeaker(options);
    this.#options = options;
    const { clock, log, transport = TCP, random = Math.random } = options;
    this.#timers = new Timers(clock);
    this.#rib = new Rib({
      localAs: options.localAs,
      routerId: options.routerId,
      store: this.#store,
      maxPaths: options.maxPaths ?? 16,
      judge: (prefix, path) => this.#judge(prefix, path),
    });
    this.#host = {
      clock,
      log,
      transport,
      random,
      established: (peer, established) => this.#established(peer, established),
      update: (peer, update) => this.#update(peer, update),
      routeRefresh: (peer, refresh) => this.#routeRefresh(peer, refresh),
      down: (peer, negotiated, graceful) =>
        this.#down(peer, negotiated, graceful),
      drained: (peer) => this.#pump(peer),
    };
    this.#listeners = new Listeners(
      transport,
      log,
      (stream) => this.#incoming(stream),
    );
    this.#listeners.open(options.listen ?? []);
  }

  /** Where peers reach us, with the ports that the kernel chose. */
  get listening(): readonly Endpoint[] {
    return this.#listeners.endpoints;
  }

  /**
   * Says which peers there are. Sessions of peers that stay as they are go on
   * untouched; a changed peer gets a new session, a missing one is told that it
   * is de-configured.
   *
   * @throws {FairwayError} `input.invalid`; then nothing has changed
   */
  setPeers(peers: readonly PeerConfig[]): void {
    const wanted = new Map<Ip, PeerConfig>();
    for (const config of peers) {
      checkPeer(config);
      if (wanted.has(config.address)) {
        throw new FairwayError(
          "input.invalid",
          `BGP peer ${config.address}: configured twice; keep one`,
        );
      }
      wanted.set(config.address, config);
    }
    for (const [address, peer] of this.#peers) {
      const config = wanted.get(address);
      if (
        config !== undefined &&
        peerFingerprint(config) === peerFingerprint(peer.config)
      ) {
        if (config.description !== peer.config.description) {
          peer.config = config;
          // An audience may go by the description.
          for (const prefix of this.#local.keys()) {
            this.#outbound.get(peer)?.table.mark(prefix);
          }
          this.#schedule();
        }
        wanted.delete(address);
        continue;
      }
      this.#remove(
        peer,
        config === undefined
          ? CEASE.peerDeconfigured
          : CEASE.otherConfigurationChange,
      );
    }
    for (const [address, config] of wanted) {
      const session = sessionConfig(this.#options, config);
      const peer = new Peer(config, session, this.#host);
      this.#peers.set(address, peer);
      peer.start();
    }
  }

  /**
   * Says which routes of our own there are; only what differs is sent. The first
   * call also says that the list is complete, and lets End-of-RIB out: before
   * it, peers that kept our routes over a restart go on keeping them.
   *
   * @throws {FairwayError} `input.invalid`; then nothing has changed
   */
  setAnnouncements(routes: readonly Announcement[]): void {
    const local = new Map<Prefix, LocalAnnouncement[]>();
    for (const route of routes) {
      const read = readAnnouncement(route);
      const list = local.get(route.prefix);
      if (list === undefined) local.set(route.prefix, [read]);
      else list.push(read);
    }
    const before = this.#local;
    const peers = [...this.#outbound.keys()].map(({ config }) => config);
    const keyOf = (list: readonly LocalAnnouncement[] = []): string =>
      announcementKey(list, peers, this.#options.localAs);
    this.#local = local;
    this.#complete = true;
    for (const prefix of new Set([...before.keys(), ...local.keys()])) {
      if (before.has(prefix) !== local.has(prefix)) this.#changed.add(prefix);
      if (keyOf(before.get(prefix)) === keyOf(local.get(prefix))) continue;
      for (const out of this.#outbound.values()) out.table.mark(prefix);
    }
    this.#schedule();
  }

  /**
   * Listens to learned routes. The listener is called at once with all there
   * are, and then, per burst, with what has changed.
   *
   * @returns stops listening
   */
  onRoutes(listener: RouteListener): () => void {
    this.#flush();
    this.#routeListeners.add(listener);
    const all = this.best().map((route) => ({ kind: "best", route } as const));
    if (all.length > 0) this.#tell(listener, all);
    return () => this.#routeListeners.delete(listener);
  }

  /** Asks the import policy again about every received route. */
  reconsider(): void {
    this.#touch(this.#rib.reconsider());
  }

  /** The neighbours, by address. */
  peers(): readonly PeerStatus[] {
    return [...this.#peers.values()].map((peer) => this.#status(peer)).sort(
      (a, b) => a.address < b.address ? -1 : 1,
    );
  }

  /** Routes as they were received, refused ones included; of one peer, or of all. Sorted by prefix. */
  received(peer?: Ip): readonly ReceivedRoute[] {
    return [...this.#rib.paths(peer)].map(([prefix, path]) => ({
      prefix,
      nextHop: path.nextHop,
      peer: path.peer.address,
      attributes: path.attributes.view,
      accepted: path.accepted,
      stale: path.stale,
    })).sort((a, b) => comparePrefix(a.prefix, b.prefix));
  }

  /** The learned routes that were chosen, without prefixes that we announce ourselves. Sorted by prefix. */
  best(): readonly BestRoute[] {
    const routes: BestRoute[] = [];
    for (const [prefix] of this.#rib.selections()) {
      const route = this.#bestOf(prefix);
      if (route !== undefined) routes.push(route);
    }
    return routes.sort((a, b) => comparePrefix(a.prefix, b.prefix));
  }

  /** What a peer has been told. Sorted by prefix. */
  advertised(peer: Ip): readonly AdvertisedRoute[] {
    const known = this.#peers.get(peer);
    const out = known === undefined ? undefined : this.#outbound.get(known);
    return [...out?.table.sent() ?? []].map(([prefix, route]) => ({
      prefix,
      nextHop: route.nextHop,
      attributes: route.attributes.view,
    })).sort((a, b) => comparePrefix(a.prefix, b.prefix));
  }

  /**
   * Ends every session and closes every socket. Route listeners hear nothing of
   * it: what is in the kernel stays for the next start to adopt.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    this.#routeListeners.clear();
    const subcode = options.keepRoutes === true
      ? "silent"
      : CEASE.administrativeShutdown;
    const listeners = this.#listeners.close();
    for (const peer of [...this.#peers.values()]) {
      this.#remove(peer, subcode, options.communication);
    }
    this.#timers.stopAll();
    await listeners;
    await Promise.all(this.#leaving);
  }

  #remove(
    peer: Peer,
    subcode: number | "silent",
    communication?: string,
  ): void {
    const { address } = peer.config;
    this.#peers.delete(address);
    const left = peer.stop(subcode, communication).finally(() =>
      this.#leaving.delete(left)
    );
    this.#leaving.add(left);
    this.#timers.stop(staleTimer(address));
    this.#touch(this.#rib.forget(address));
  }

  #incoming(stream: Stream): void {
    const peer = this.#peers.get(stream.remote.address);
    if (peer !== undefined) return peer.incoming(stream);
    this.#options.log.info(
      "bgp.connection.refused",
      `Refused a BGP connection from ${
        formatEndpoint(stream.remote)
      }: no such peer is configured`,
      { address: stream.remote.address },
    );
    const done = refuse(stream, this.#options.clock, {
      code: ERROR.cease,
      subcode: CEASE.connectionRejected,
      data: new Uint8Array(0),
    }).finally(() => this.#leaving.delete(done));
    this.#leaving.add(done);
  }

  #established(peer: Peer, established: Established): void {
    const { negotiated } = established;
    const { address } = peer.config;
    this.#ribPeers.set(peer, {
      address,
      routerId: negotiated.remoteRouterId,
      external: negotiated.external,
      allowOwnAs: peer.config.allowOwnAs ?? 0,
    });
    this.#endOfRib.set(peer, new Set());
    const kept = gracefulFamilies(negotiated, true);
    for (const family of [4, 6] as const) {
      if (!kept.includes(family)) {
        this.#touch(this.#rib.forget(address, { family, stale: true }));
      }
    }
    if (kept.length > 0) this.#expireStale(address, STALE_LIMIT_MS);
    const out = new Outbound(peer, established, this.#options.localAs);
    this.#outbound.set(peer, out);
    for (const prefix of this.#local.keys()) out.table.mark(prefix);
    if (peer.config.advertise === "all") {
      for (const [prefix] of this.#rib.selections()) out.table.mark(prefix);
    }
    this.#schedule();
  }

  #update(peer: Peer, update: Update): void {
    const ribPeer = this.#ribPeers.get(peer);
    if (ribPeer === undefined) return;
    const { address } = peer.config;
    for (const fault of update.faults) {
      this.#options.log.warn(
        "bgp.update.fault",
        `Update from ${address}: ${
          describeFault(fault)
        }: ${fault.action} (RFC 7606)`,
        { peer: address, attribute: fault.type, action: fault.action },
      );
    }
    this.#touch(this.#rib.learn(ribPeer, update));
    if (update.endOfRib !== undefined) {
      this.#endOfRib.get(peer)?.add(update.endOfRib);
      this.#touch(
        this.#rib.forget(address, { family: update.endOfRib, stale: true }),
      );
    }
  }

  #routeRefresh(peer: Peer, { family, subtype }: RouteRefresh): void {
    const out = this.#outbound.get(peer);
    if (
      family === undefined || subtype !== 0 ||
      out?.session.families.includes(family) !== true
    ) return;
    out.table.refresh(family);
    this.#pump(peer);
  }

  #down(peer: Peer, negotiated: Negotiated, graceful: boolean): void {
    const { address } = peer.config;
    this.#outbound.delete(peer);
    this.#ribPeers.delete(peer);
    this.#endOfRib.delete(peer);
    const kept = graceful ? gracefulFamilies(negotiated, false) : [];
    for (const family of [4, 6] as const) {
      this.#touch(
        kept.includes(family)
          ? this.#rib.markStale(address, family)
          : this.#rib.forget(address, { family }),
      );
    }
    if (kept.length > 0) {
      const seconds = negotiated.gracefulRestart?.timeSeconds ?? 0;
      this.#expireStale(address, seconds * 1000);
    }
  }

  #expireStale(address: Ip, ms: number): void {
    this.#timers.stop(staleTimer(address));
    this.#timers.start(
      staleTimer(address),
      ms,
      () => this.#touch(this.#rib.forget(address, { stale: true })),
    );
  }

  #judge(prefix: Prefix, path: Path): true | string {
    const config = this.#peers.get(path.peer.address)?.config;
    const { accept } = this.#options;
    if (accept === undefined || config === undefined) return true;
    try {
      return accept(
        { prefix, nextHop: path.nextHop, attributes: path.attributes.view },
        config,
      );
    } catch (error) {
      return `the import policy failed: ${messageOf(error)}`;
    }
  }

  #touch(prefixes: Iterable<Prefix>): void {
    for (const prefix of prefixes) this.#changed.add(prefix);
    if (this.#changed.size > 0) this.#schedule();
  }

  /** Has the burst's changes told and sent once the burst is over. */
  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const changes: RouteChange[] = [];
    for (const prefix of this.#changed) {
      for (const [peer, out] of this.#outbound) {
        if (peer.config.advertise === "all") out.table.mark(prefix);
      }
      const route = this.#bestOf(prefix);
      if (route !== undefined) {
        this.#told.add(prefix);
        changes.push({ kind: "best", route });
      } else if (this.#told.delete(prefix)) {
        changes.push({ kind: "removed", prefix });
      }
    }
    this.#changed.clear();
    if (changes.length > 0) {
      for (const listener of this.#routeListeners) {
        this.#tell(listener, changes);
      }
    }
    for (const peer of this.#outbound.keys()) this.#pump(peer);
  }

  #tell(listener: RouteListener, changes: readonly RouteChange[]): void {
    try {
      listener(changes);
    } catch (error) {
      this.#options.log.error(
        "bgp.routes.listener",
        `A listener to BGP routes failed: ${messageOf(error)}`,
      );
    }
  }

  #bestOf(prefix: Prefix): BestRoute | undefined {
    const selection = this.#rib.selection(prefix);
    if (selection === undefined || this.#local.has(prefix)) return undefined;
    const { best, nextHops, stale } = selection;
    return {
      prefix,
      nextHops,
      peer: best.peer.address,
      attributes: best.attributes.view,
      stale,
    };
  }

  #pump(peer: Peer): void {
    const out = this.#outbound.get(peer);
    out?.pump((prefix) => this.#exported(prefix, peer, out), this.#complete);
  }

  #exported(
    prefix: Prefix,
    { config }: Peer,
    { session }: Outbound,
  ): ExportedRoute | undefined {
    const family = prefixFamily(prefix);
    if (!session.families.includes(family)) return undefined;
    const mine = this.#local.get(prefix);
    if (mine !== undefined) {
      const chosen = mine.find(({ isFor }) =>
        isFor(config, this.#options.localAs)
      );
      return chosen === undefined
        ? undefined
        : exportLocal(chosen.route, session, this.#store);
    }
    const selection = this.#rib.selection(prefix);
    return selection === undefined || config.advertise !== "all"
      ? undefined
      : exportLearned(selection.best, family, session, this.#store);
  }

  #status(peer: Peer): PeerStatus {
    let accepted = 0;
    for (const [, path] of this.#rib.paths(peer.config.address)) {
      if (path.accepted === true) accepted++;
    }
    return peerStatus(peer, {
      endOfRib: [...this.#endOfRib.get(peer) ?? []].sort(),
      received: this.#rib.count(peer.config.address),
      accepted,
      advertised: this.#outbound.get(peer)?.table.size ?? 0,
    });
  }
}

function staleTimer(address: Ip): string {
  return `stale ${address}`;
}
