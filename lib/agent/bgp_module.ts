/**
 * The BGP session manager as a module: who the peers are and what is announced
 * follow the cluster; what is learned goes to the router.
 *
 * @module
 */

import { type Clock, sleep } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Issue } from "../base/issue.ts";
import type { Logger } from "../base/log.ts";
import type { Settings } from "../cluster/config/settings.ts";
import type { ChangeSet } from "../cluster/model.ts";
import { nodeIpsOf, primaryNodeIp } from "../cluster/node_ips.ts";
import type { ClusterStore } from "../cluster/store.ts";
import type { Family, Ip } from "../net/ip.ts";
import type { Metrics } from "../observe/metrics.ts";
import { AnnouncementCompiler } from "../routing/announcement_compiler.ts";
import {
  type ImportRules,
  judgeImport,
  parseRejected,
} from "../routing/import.ts";
import {
  type CompiledPeers,
  compilePeers,
  type PeerSpec,
} from "../routing/peers.ts";
import type { Announcement, PeerConfig } from "../speaker/api.ts";
import { Speaker } from "../speaker/speaker.ts";
import type { Transport } from "../speaker/transport.ts";
import { Latch } from "./engine/latch.ts";
import { modelKnown } from "./model.ts";
import type { Health, Module, ModuleContext } from "./module.ts";
import type { Router } from "./router_module.ts";
import type { BgpRoutes, PeerStatus } from "./state.ts";
import { routerIdOf } from "./router_id.ts";
import { STATE_NAMES, viewBgpRoutes, viewPeer } from "./views/bgp.ts";
import { supportedPeers } from "./unsupported.ts";
import { announceSettings, familiesOf, peerSettings } from "./wiring.ts";

/** What the session manager works with. */
export interface BgpModuleOptions {
  readonly store: ClusterStore;
  readonly node: string;
  readonly settings: Settings;
  readonly router: Router;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Modules that must work before a virtual IP is announced. */
  readonly waitsFor: readonly string[];
  /** Whether an earlier run left its routes, so that peers may keep using ours. */
  readonly isRestart: () => boolean;
  /** TCP when absent. */
  readonly transport?: Transport;
}

/** Nodes keep each other's routes this long while an agent restarts, seconds. */
const NODE_RESTART_SECONDS = 120;
const COALESCE_MS = 5;
/** How often it is looked whether peers have told everything, milliseconds. */
const END_OF_RIB_POLL_MS = 200;

/** The session manager's module, and what it can tell. */
export class Bgp {
  readonly module: Module;
  readonly #options: BgpModuleOptions;
  readonly #announcements: AnnouncementCompiler;
  #speaker: Speaker | undefined;
  #peers: CompiledPeers = {
    localAs: undefined,
    own: undefined,
    peers: [],
    issues: [],
  };
  #configs: ReadonlyMap<Ip, PeerConfig> = new Map();
  #specs: ReadonlyMap<Ip, PeerSpec> = new Map();
  #importRules: ImportRules | undefined;
  readonly #announceIssues = new Map<string, readonly Issue[]>();
  #rejectIssues: readonly Issue[] = [];
  #unsupported: readonly Issue[] = [];
  #knownPeers: ReadonlySet<Ip> = new Set();

  constructor(options: BgpModuleOptions) {
    this.#options = options;
    const { store, node, settings, metrics } = options;
    this.#announcements = new AnnouncementCompiler(
      store,
      announceSettings(settings, node),
    );
    this.module = {
      name: "bgp",
      purpose: "announces pods and virtual IPs, learns routes",
      needs: ["watcher", "router", ...options.waitsFor],
      run: (context) => this.#run(context),
      health: () => this.#health(),
    };
    metrics.beforeScrape(() => this.#scrape());
  }

  /** What is wrong with peers, announcements and import rules. */
  issues(): readonly Issue[] {
    return [
      ...this.#peers.issues,
      ...this.#unsupported,
      ...this.#rejectIssues,
      ...[...this.#announceIssues.values()].flat(),
    ];
  }

  /** Every peer as it is now. */
  peers(): readonly PeerStatus[] {
    const { localAs } = this.#peers;
    if (this.#speaker === undefined || localAs === undefined) return [];
    return this.#speaker.peers().map((peer) =>
      viewPeer(peer, this.#configs.get(peer.address), localAs)
    );
  }

  /** The tables. */
  routes(): BgpRoutes {
    return this.#speaker === undefined
      ? { received: [], best: [], advertised: [] }
      : viewBgpRoutes(this.#speaker);
  }

  async #run(context: ModuleContext): Promise<void> {
    const { store, clock } = this.#options;
    const { signal } = context;
    const work = new Latch();
    await modelKnown(store, signal);
    const feed = store.feed();
    feed.onDirty(() => work.open());
    try {
      feed.take();
      this.#peers = compilePeers(store, peerSettings(this.#options));
      // What makes the speaker itself cannot change without a new one.
      const identity = this.#identity();
      if (identity === undefined) {
        context.started();
        await this.#idle(feed, work, signal);
        return;
      }
      await using speaker = this.#open(identity);
      this.#speaker = speaker.speaker;
      speaker.speaker.onRoutes((changes) =>
        this.#options.router.learned(changes)
      );
      this.#apply("all");
      context.started();
      const heard = this.#completeWhenHeard(signal);
      while (!signal.aborted) {
        if (feed.isEmpty) await work.wait(signal);
        work.close();
        await sleep(clock, COALESCE_MS, signal);
        this.#apply(feed.take());
        if (!equal(identity, this.#identity())) {
          throw new Error("the node's AS or address changed");
        }
      }
      await heard;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      feed.close();
      this.#speaker = undefined;
    }
  }

  /** Without an identity there is nothing to do until the node gets one. */
  async #idle(
    feed: { readonly isEmpty: boolean; take(): ChangeSet },
    work: Latch,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      if (feed.isEmpty) await work.wait(signal);
      work.close();
      feed.take();
      this.#peers = compilePeers(
        this.#options.store,
        peerSettings(this.#options),
      );
      if (this.#identity() !== undefined) {
        throw new Error("the node is known now");
      }
    }
  }

  #identity(): Identity | undefined {
    const { store, node, settings } = this.#options;
    const object = store.table("Node").get(node);
    const primary = object === undefined ? undefined : primaryNodeIp(object);
    const { localAs } = this.#peers;
    if (object === undefined || primary === undefined) return undefined;
    const routerId = routerIdOf(settings.routerId, primary);
    if (localAs === undefined || routerId === undefined) return undefined;
    const ips = nodeIpsOf(object, {
      4: settings.enableIpv4,
      6: settings.enableIpv6,
    });
    return { localAs, routerId, addresses: Object.values(ips) };
  }

  #open(identity: Identity): AsyncDisposable & { readonly speaker: Speaker } {
    const { clock, log, settings, transport } = this.#options;
    const speaker = new Speaker({
      clock,
      log,
      localAs: identity.localAs,
      routerId: identity.routerId,
      listen: identity.addresses.map((address) => ({
        address,
        port: settings.bgpPort,
      })),
      accept: ({ prefix }, peer) => this.#accept(prefix, peer),
      restarting: this.#options.isRestart(),
      ...(transport === undefined ? {} : { transport }),
    });
    return {
      speaker,
      [Symbol.asyncDispose]: () =>
        speaker.stop({
          communication: "fairway stops",
          keepRoutes: settings.bgpGracefulRestart,
        }),
    };
  }

  #apply(changes: ChangeSet | "all"): void {
    const { store, log } = this.#options;
    const speaker = this.#speaker;
    if (speaker === undefined) return;
    const nodesChanged = changes === "all" || changes.Node.size > 0;
    const compiled = this.#announcements.compile(changes);
    for (const [object, issues] of compiled.issues) {
      if (issues.length === 0) this.#announceIssues.delete(object);
      else this.#announceIssues.set(object, issues);
    }
    if (nodesChanged) {
      this.#peers = compilePeers(store, peerSettings(this.#options));
      this.#renewImportRules();
      this.#setPeers(speaker);
    }
    if (
      nodesChanged || compiled.announced.length > 0 ||
      compiled.withdrawn.length > 0
    ) {
      try {
        speaker.setAnnouncements(this.#routesToAnnounce());
      } catch (error) {
        log.error("bgp.announce", messageOf(error));
      }
    }
    if (nodesChanged || compiled.announced.length > 0) speaker.reconsider();
  }

  #setPeers(speaker: Speaker): void {
    const { log, metrics } = this.#options;
    const { peers: specs, issues } = supportedPeers(this.#peers.peers);
    this.#unsupported = issues;
    this.#specs = new Map(specs.map((spec) => [spec.address, spec]));
    const configs = specs.map((spec) => this.#configOf(spec));
    this.#configs = new Map(configs.map((peer) => [peer.address, peer]));
    try {
      speaker.setPeers(configs);
    } catch (error) {
      log.error("bgp.peers", messageOf(error));
    }
    const known = new Set(this.#configs.keys());
    for (const gone of this.#knownPeers.difference(known)) {
      metrics.dropPeer(gone);
    }
    this.#knownPeers = known;
  }

  #configOf(spec: PeerSpec): PeerConfig {
    const { settings } = this.#options;
    const restartSeconds = spec.kind === "internal"
      ? NODE_RESTART_SECONDS
      : settings.bgpGracefulRestart
      ? settings.bgpGracefulRestartTimeSeconds
      : undefined;
    return {
      address: spec.address,
      remoteAs: spec.remoteAs,
      port: spec.port,
      holdTimeSeconds: spec.holdTimeSeconds,
      families: familiesOf(settings),
      description: spec.name,
      ...(restartSeconds === undefined
        ? {}
        : { gracefulRestartSeconds: restartSeconds }),
    };
  }

  #routesToAnnounce(): Announcement[] {
    const own = this.#peers.own;
    const attributes = {
      communities: own?.communities ?? [],
      ...(own?.prepend === undefined ? {} : { prepend: own.prepend.times }),
    };
    const audience =
      (to: "all" | "external" | "internal") => (peer: PeerConfig): boolean =>
        to === "all" || this.#specs.get(peer.address)?.kind === to;
    return [...this.#announcements.current.values()].map((one) => ({
      prefix: one.prefix,
      nextHop: one.nextHop,
      to: audience(one.to),
      attributes,
    }));
  }

  #renewImportRules(): void {
    const { store, node, settings } = this.#options;
    const own = store.table("Node").get(node);
    const parsed = own === undefined
      ? { rejected: [], issues: [] }
      : parseRejected(own);
    this.#rejectIssues = parsed.issues;
    this.#importRules = {
      families: { 4: settings.enableIpv4, 6: settings.enableIpv6 },
      ownPodCidrs: own?.podCidrs ?? [],
      isAnnounced: (prefix) => this.#announcements.current.has(prefix),
      rejected: parsed.rejected,
      externalAllowed: [],
      trustNodes: false,
    };
  }

  #accept(
    prefix: Parameters<typeof judgeImport>[0],
    peer: PeerConfig,
  ): true | string {
    const spec = this.#specs.get(peer.address);
    if (spec === undefined || this.#importRules === undefined) {
      return "the peer is not known";
    }
    const sender = spec.node === undefined
      ? undefined
      : this.#options.store.table("Node").get(spec.node);
    return judgeImport(prefix, {
      kind: spec.kind,
      podCidrs: sender?.podCidrs ?? [],
    }, this.#importRules);
  }

  /** Old routes in the kernel may go when every peer has told all it has, or had its time. */
  async #completeWhenHeard(signal: AbortSignal): Promise<void> {
    const { clock, router, settings } = this.#options;
    const deadlineMs = clock.monotonic() +
      settings.bgpGracefulRestartDeferralTimeSeconds * 1000;
    const wanted = familiesOf(settings);
    try {
      while (clock.monotonic() < deadlineMs) {
        const peers = this.#speaker?.peers() ?? [];
        const isHeard = peers.every((peer) =>
          peer.state === "established" &&
          heardAll(peer.families, peer.endOfRib, wanted)
        );
        if (isHeard) break;
        await sleep(clock, END_OF_RIB_POLL_MS, signal);
      }
      if (!signal.aborted) router.learnedAll();
    } catch {
      // Stopping: what is in the kernel stays for the next run.
    }
  }

  #health(): Health {
    if (this.#speaker === undefined) {
      const [issue] = this.#peers.issues;
      const message = issue === undefined
        ? "waits for the cluster's objects"
        : `${issue.object} ${issue.problem}`;
      return { ready: false, message };
    }
    const peers = this.#speaker.peers();
    const up = peers.filter((peer) => peer.state === "established").length;
    return {
      ready: true,
      message: `${up} of ${peers.length} sessions established`,
    };
  }

  #scrape(): void {
    const { metrics } = this.#options;
    for (const peer of this.#speaker?.peers() ?? []) {
      metrics.bgpSession(peer.address, STATE_NAMES[peer.state], peer.since);
      metrics.bgpPrefixes(peer.address, peer.prefixes);
    }
  }
}

interface Identity {
  readonly localAs: number;
  readonly routerId: Ip;
  readonly addresses: readonly Ip[];
}

function equal(a: Identity, b: Identity | undefined): boolean {
  return b !== undefined && a.localAs === b.localAs &&
    a.routerId === b.routerId && a.addresses.join() === b.addresses.join();
}

function heardAll(
  agreed: readonly Family[],
  heard: readonly Family[],
  wanted: readonly Family[],
): boolean {
  return wanted.every((family) =>
    !agreed.includes(family) || heard.includes(family)
  );
}
