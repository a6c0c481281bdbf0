/**
 * What one peer is told (Adj-RIB-Out), RFC 4271 §3.2 and §9.2.
 *
 * The table remembers what the peer has been sent and which prefixes may have
 * changed since. Taking from it compares, so a change that comes to nothing on
 * the way out sends nothing.
 *
 * @module
 */

import { type Family, familyOf, type Ip } from "../net/ip.ts";
import { type Prefix, prefixFamily } from "../net/prefix.ts";
import type { AttributeStore } from "./attribute_store.ts";
import { DEFAULT_LOCAL_PREF } from "./decision.ts";
import type { Path } from "./rib.ts";
import { prependAs } from "./wire/as_path.ts";
import {
  type AttributeSet,
  type AttributeView,
  ORIGIN,
} from "./wire/attribute_set.ts";
import {
  type LargeCommunity,
  NO_ADVERTISE,
  NO_EXPORT,
  NO_EXPORT_SUBCONFED,
} from "./wire/communities.ts";
import type { RouteGroup } from "./wire/encode_update.ts";

/** A route of our own. */
export interface LocalRoute {
  readonly prefix: Prefix;
  readonly nextHop?: Ip;
  readonly communities?: readonly number[];
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly localPref?: number;
  readonly med?: number;
  /** Extra times that our AS is put in front for external peers. */
  readonly prepend?: number;
}

/** The session that routes go out on. */
export interface ExportSession {
  /** The peer's address. */
  readonly peer: Ip;
  readonly external: boolean;
  readonly localAs: number;
  /** Families that the session carries. */
  readonly families: readonly Family[];
  /** Our address on the session. */
  readonly localAddress: Ip;
  /** Our addresses of other families, for next hops. */
  readonly nextHops: readonly Ip[];
}

/** A route as it goes to a peer. */
export interface ExportedRoute {
  readonly nextHop: Ip;
  readonly attributes: AttributeSet;
}

/** Our own address to be named as next hop for a family on a session, if there is one. */
function ownNextHop(session: ExportSession, family: Family): Ip | undefined {
  return [session.localAddress, ...session.nextHops].find((address) =>
    familyOf(address) === family
  );
}

/** A route of our own as a peer gets it; undefined when it cannot be told. */
export function exportLocal(
  route: LocalRoute,
  session: ExportSession,
  store: AttributeStore,
): ExportedRoute | undefined {
  const family = prefixFamily(route.prefix);
  const nextHop = route.nextHop ?? ownNextHop(session, family);
  if (nextHop === undefined || familyOf(nextHop) !== family) return undefined;
  const { localPref, med, communities, largeCommunities, prepend } = route;
  const view: AttributeView = {
    origin: ORIGIN.igp,
    asPath: session.external
      ? prependAs([], session.localAs, 1 + (prepend ?? 0))
      : [],
    ...(session.external ? {} : { localPref: localPref ?? DEFAULT_LOCAL_PREF }),
    ...(med === undefined ? {} : { med }),
    ...(communities === undefined ? {} : { communities }),
    ...(largeCommunities === undefined ? {} : { largeCommunities }),
  };
  return { nextHop, attributes: store.internView(view) };
}

/**
 * A learned route as a peer gets it, by the rules of RFC 4271 §9.2 and §5: not
 * back to its sender, not from internal to internal peers, not against
 * NO_ADVERTISE and NO_EXPORT (RFC 1997). External peers get our AS in front and
 * us as next hop, and neither LOCAL_PREF nor MED.
 */
export function exportLearned(
  path: Path,
  family: Family,
  session: ExportSession,
  store: AttributeStore,
): ExportedRoute | undefined {
  const { view } = path.attributes;
  if (path.peer.address === session.peer) return undefined;
  if (!path.peer.external && !session.external) return undefined;
  const { communities } = view;
  if (communities?.includes(NO_ADVERTISE)) return undefined;
  if (
    session.external &&
    (communities?.includes(NO_EXPORT) ||
      communities?.includes(NO_EXPORT_SUBCONFED))
  ) return undefined;
  const nextHop = session.external ? ownNextHop(session, family) : path.nextHop;
  if (nextHop === undefined) return undefined;
  const { localAs, external } = session;
  const attributes = store.derive(
    path.attributes,
    external ? `external ${localAs}` : "internal",
    external ? (view) => viewForExternal(view, localAs) : (view) => ({
      ...view,
      localPref: view.localPref ?? DEFAULT_LOCAL_PREF,
    }),
  );
  return { nextHop, attributes };
}

function viewForExternal(view: AttributeView, localAs: number): AttributeView {
  const {
    localPref: _localPref,
    med: _med,
    originatorId: _originatorId,
    clusterList: _clusterList,
    ...rest
  } = view;
  return { ...rest, asPath: prependAs(view.asPath, localAs) };
}

/** What has to be sent. */
export interface Outgoing {
  readonly withdrawn: readonly Prefix[];
  readonly announced: readonly RouteGroup[];
}

/** What a peer has been told, and what may have changed since. */
export class AdjRibOut {
  readonly #sent = new Map<Prefix, ExportedRoute>();
  readonly #dirty = new Set<Prefix>();

  /** How many prefixes the peer has from us. */
  get size(): number {
    return this.#sent.size;
  }

  /** Whether there is something to look at. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  /** What the peer has been sent. */
  sent(): IterableIterator<[Prefix, ExportedRoute]> {
    return this.#sent.entries();
  }

  /** Says that a prefix may have changed. */
  mark(prefix: Prefix): void {
    this.#dirty.add(prefix);
  }

  /** Forgets what a family's routes looked like, so that they are sent again (RFC 2918 §4). */
  refresh(family: Family): void {
    for (const prefix of this.#sent.keys()) {
      if (prefixFamily(prefix) !== family) continue;
      this.#dirty.add(prefix);
      this.#again.add(prefix);
    }
  }

  readonly #again = new Set<Prefix>();

  /**
   * Takes up to `limit` prefixes that may have changed, grouped by family, next
   * hop and attributes.
   *
   * @param exported what the peer should have of a prefix now
   */
  take(
    limit: number,
    exported: (prefix: Prefix) => ExportedRoute | undefined,
  ): Outgoing {
    const withdrawn: Prefix[] = [];
    const groups = new Map<AttributeSet, Map<string, Group>>();
    let taken = 0;
    for (const prefix of this.#dirty) {
      if (taken++ >= limit) break;
      this.#dirty.delete(prefix);
      const again = this.#again.delete(prefix);
      const before = this.#sent.get(prefix);
      const now = exported(prefix);
      if (now === undefined) {
        if (this.#sent.delete(prefix)) withdrawn.push(prefix);
        continue;
      }
      if (
        !again && before !== undefined && before.nextHop === now.nextHop &&
        before.attributes === now.attributes
      ) continue;
      this.#sent.set(prefix, now);
      put(groups, prefix, now);
    }
    const announced = [...groups.values()].flatMap((hops) => [
      ...hops.values(),
    ]);
    return { withdrawn, announced };
  }
}

interface Group extends RouteGroup {
  readonly prefixes: Prefix[];
}

function put(
  groups: Map<AttributeSet, Map<string, Group>>,
  prefix: Prefix,
  { attributes, nextHop }: ExportedRoute,
): void {
  let hops = groups.get(attributes);
  if (hops === undefined) groups.set(attributes, hops = new Map());
  const family = prefixFamily(prefix);
  const key = `${family} ${nextHop}`;
  const group = hops.get(key);
  if (group === undefined) {
    hops.set(key, { family, nextHop, attributes, prefixes: [prefix] });
  } else group.prefixes.push(prefix);
}
