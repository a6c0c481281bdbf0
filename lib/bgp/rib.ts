/**
 * The routes that peers sent (Adj-RIBs-In) and the ones chosen among them
 * (Loc-RIB), RFC 4271 §3.2 and §9.1.
 *
 * An update touches the prefixes it names and no others. Every method says which
 * prefixes have a new outcome; a route that is sent again unchanged has none.
 * Routes are kept as they came, also those that the import policy refused, so
 * that a changed policy needs no help from the peers.
 *
 * @module
 */

import { compareIp, type Family, type Ip } from "../net/ip.ts";
import { type Prefix, prefixFamily } from "../net/prefix.ts";
import type { AttributeStore } from "./attribute_store.ts";
import { decide, type PathPeer } from "./decision.ts";
import { countAs } from "./wire/as_path.ts";
import type { AttributeSet } from "./wire/attribute_set.ts";
import type { Update } from "./wire/update.ts";

/** A peer as the routing tables know it. */
export interface RibPeer extends PathPeer {
  /** How often our own AS may stand in a path. */
  readonly allowOwnAs: number;
}

/** One path: a prefix as one peer sent it. */
export interface Path {
  readonly peer: RibPeer;
  readonly nextHop: Ip;
  readonly attributes: AttributeSet;
  /** True, or why the path takes no part in the decision. */
  readonly accepted: true | string;
  /** Held for a peer that is away, or has not sent it again yet. */
  readonly stale: boolean;
}

/** What was chosen for a prefix. */
export interface Selection {
  readonly best: Path;
  /** Next hops of the multipath set, sorted, without repetition. */
  readonly nextHops: readonly Ip[];
  readonly stale: boolean;
}

/** The import policy. */
export type Judge = (prefix: Prefix, path: Path) => true | string;

/** What a routing table is made of. */
export interface RibOptions {
  readonly localAs: number;
  readonly routerId: Ip;
  readonly store: AttributeStore;
  /** Most next hops of one selection. */
  readonly maxPaths: number;
  readonly judge: Judge;
}

interface Destination {
  /** At most one path of each peer. */
  paths: readonly Path[];
  selection: Selection | undefined;
}

/** Routes of all peers and the choice among them. */
export class Rib {
  readonly #options: RibOptions;
  readonly #destinations = new Map<Prefix, Destination>();
  readonly #byPeer = new Map<Ip, Set<Prefix>>();

  constructor(options: RibOptions) {
    this.#options = options;
  }

  /** What is chosen for a prefix. */
  selection(prefix: Prefix): Selection | undefined {
    return this.#destinations.get(prefix)?.selection;
  }

  /** Every prefix with its choice. */
  *selections(): Generator<readonly [Prefix, Selection]> {
    for (const [prefix, { selection }] of this.#destinations) {
      if (selection !== undefined) yield [prefix, selection];
    }
  }

  /** Every path, or those of one peer. */
  *paths(peer?: Ip): Generator<readonly [Prefix, Path]> {
    const prefixes = peer === undefined
      ? this.#destinations.keys()
      : this.#byPeer.get(peer) ?? [];
    for (const prefix of prefixes) {
      for (const path of this.#destinations.get(prefix)?.paths ?? []) {
        if (peer === undefined || path.peer.address === peer) {
          yield [prefix, path];
        }
      }
    }
  }

  /** How many prefixes a peer has sent. */
  count(peer: Ip): number {
    return this.#byPeer.get(peer)?.size ?? 0;
  }

  /** Takes in an UPDATE. @returns prefixes with a new outcome */
  learn(peer: RibPeer, update: Update): ReadonlySet<Prefix> {
    const changed = new Set<Prefix>();
    for (const prefix of update.withdrawn) {
      this.#set(prefix, peer.address, undefined, changed);
    }
    if (update.attributes === undefined) return changed;
    const attributes = this.#options.store.intern(update.attributes);
    const loop = this.#loopOf(peer, attributes);
    for (const { nextHop, prefixes } of update.announced) {
      for (const prefix of prefixes) {
        const path: Path = {
          peer,
          nextHop,
          attributes,
          accepted: loop ?? true,
          stale: false,
        };
        this.#set(prefix, peer.address, this.#judged(prefix, path), changed);
      }
    }
    return changed;
  }

  /**
   * Forgets a peer's routes: all, or those of a family, or only the stale ones.
   *
   * @returns prefixes with a new outcome
   */
  forget(
    peer: Ip,
    only: { readonly family?: Family; readonly stale?: boolean } = {},
  ): ReadonlySet<Prefix> {
    const changed = new Set<Prefix>();
    for (const prefix of [...this.#byPeer.get(peer) ?? []]) {
      if (only.family !== undefined && prefixFamily(prefix) !== only.family) {
        continue;
      }
      if (only.stale === true && this.#pathOf(prefix, peer)?.stale !== true) {
        continue;
      }
      this.#set(prefix, peer, undefined, changed);
    }
    return changed;
  }

  /**
   * Marks a peer's routes of a family as stale. One that is stale already goes
   * (RFC 4724 §4.2: the second loss before End-of-RIB).
   */
  markStale(peer: Ip, family: Family): ReadonlySet<Prefix> {
    const changed = new Set(this.forget(peer, { family, stale: true }));
    for (const prefix of [...this.#byPeer.get(peer) ?? []]) {
      if (prefixFamily(prefix) !== family) continue;
      const path = this.#pathOf(prefix, peer);
      if (path !== undefined) {
        this.#set(prefix, peer, { ...path, stale: true }, changed);
      }
    }
    return changed;
  }

  /** Asks the import policy again about every path. @returns prefixes with a new outcome */
  reconsider(): ReadonlySet<Prefix> {
    const changed = new Set<Prefix>();
    for (const [prefix, { paths }] of this.#destinations) {
      for (const path of paths) {
        const loop = this.#loopOf(path.peer, path.attributes);
        const fresh = this.#judged(prefix, { ...path, accepted: loop ?? true });
        this.#set(prefix, path.peer.address, fresh, changed);
      }
    }
    return changed;
  }

  #pathOf(prefix: Prefix, peer: Ip): Path | undefined {
    return this.#destinations.get(prefix)?.paths.find((path) =>
      path.peer.address === peer
    );
  }

  #judged(prefix: Prefix, path: Path): Path {
    if (path.accepted !== true) return path;
    const accepted = this.#options.judge(prefix, path);
    return accepted === true ? path : { ...path, accepted };
  }

  /** Why a path has come round to us, if it has (RFC 4271 §9.1.2, RFC 4456 §8). */
  #loopOf(peer: RibPeer, { view }: AttributeSet): string | undefined {
    const { localAs, routerId } = this.#options;
    const own = countAs(view.asPath, localAs);
    if (own > peer.allowOwnAs) return `our AS ${localAs} is in the path`;
    if (peer.external) return undefined;
    if (view.originatorId === routerId) return "we are the originator";
    return view.clusterList?.includes(routerId) === true
      ? "our cluster is in the list"
      : undefined;
  }

  /** Puts in, replaces or takes out one peer's path, and decides anew when that matters. */
  #set(
    prefix: Prefix,
    peer: Ip,
    path: Path | undefined,
    changed: Set<Prefix>,
  ): void {
    let destination = this.#destinations.get(prefix);
    const before = destination?.paths.find((one) => one.peer.address === peer);
    if (before === undefined && path === undefined) return;
    if (before && path && samePath(before, path)) return;
    if (destination === undefined) {
      destination = { paths: [], selection: undefined };
      this.#destinations.set(prefix, destination);
    }
    const others = destination.paths.filter((one) => one !== before);
    destination.paths = path === undefined ? others : [...others, path];
    this.#index(peer, prefix, path !== undefined);
    const selection = this.#select(destination);
    if (!sameSelection(destination.selection, selection)) changed.add(prefix);
    destination.selection = selection;
    if (destination.paths.length === 0) this.#destinations.delete(prefix);
  }

  #index(peer: Ip, prefix: Prefix, present: boolean): void {
    let prefixes = this.#byPeer.get(peer);
    if (prefixes === undefined) this.#byPeer.set(peer, prefixes = new Set());
    if (present) prefixes.add(prefix);
    else prefixes.delete(prefix);
    if (prefixes.size === 0) this.#byPeer.delete(peer);
  }

  #select({ paths, selection }: Destination): Selection | undefined {
    const [only] = paths;
    if (only !== undefined && paths.length === 1) {
      // By far the most frequent case.
      return only.accepted === true
        ? { best: only, nextHops: [only.nextHop], stale: only.stale }
        : undefined;
    }
    const decision = decide(
      paths.filter(({ accepted }) => accepted === true),
      selection?.best.peer.address,
    );
    if (decision === undefined) return undefined;
    const { best, equal } = decision;
    const nextHops = [...new Set(equal.map(({ nextHop }) => nextHop))]
      .sort(compareIp);
    const kept = nextHops.slice(0, this.#options.maxPaths);
    return {
      best,
      nextHops: kept.includes(best.nextHop)
        ? kept
        : [...kept.slice(0, -1), best.nextHop].sort(compareIp),
      stale: equal.every(({ stale }) => stale),
    };
  }
}

function samePath(a: Path, b: Path): boolean {
  return a.attributes === b.attributes && a.nextHop === b.nextHop &&
    a.accepted === b.accepted && a.stale === b.stale && a.peer === b.peer;
}

function sameSelection(
  a: Selection | undefined,
  b: Selection | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.best.peer.address === b.best.peer.address &&
    a.best.attributes === b.best.attributes && a.stale === b.stale &&
    a.best.nextHop === b.best.nextHop &&
    a.nextHops.length === b.nextHops.length &&
    a.nextHops.every((nextHop, i) => nextHop === b.nextHops[i]);
}
