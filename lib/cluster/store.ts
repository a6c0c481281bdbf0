/**
 * The cluster in memory: tables, indexes, change feeds and issues.
 *
 * Sources (the watcher, the manifests directory) write projected objects,
 * compilers read through `ClusterView`, and each reconciler takes changed keys
 * from its own feed. Every operation costs what it touches, never what exists.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Ip } from "../net/ip.ts";
import { equalValue } from "./equal.ts";
import { ChangeFeed, KINDS } from "./feed.ts";
import { ClaimIndex, GroupIndex, type Index } from "./indexes.ts";
import type {
  ClusterView,
  EndpointSlice,
  Kind,
  Kinds,
  NetworkPolicy,
  Node,
  ObjectKey,
  Pod,
  Service,
  Table,
} from "./model.ts";
import type { Projected } from "./projection.ts";
import { EMPTY } from "./reader.ts";

/** The addresses a pod owns: none on the host network, and none once it is finished. */
function ownedIps(pod: Pod): readonly Ip[] {
  return pod.hostNetwork || pod.finished ? EMPTY : pod.ips;
}

/** The cluster in memory. */
export class ClusterStore implements ClusterView {
  readonly #tables: { readonly [K in Kind]: Map<ObjectKey, Kinds[K]> } = {
    Pod: new Map(),
    Namespace: new Map(),
    Node: new Map(),
    Service: new Map(),
    EndpointSlice: new Map(),
    NetworkPolicy: new Map(),
  };
  readonly #issues: { readonly [K in Kind]: Map<ObjectKey, readonly Issue[]> } =
    {
      Pod: new Map(),
      Namespace: new Map(),
      Node: new Map(),
      Service: new Map(),
      EndpointSlice: new Map(),
      NetworkPolicy: new Map(),
    };

  readonly #podsByIp = new ClaimIndex<Pod>(ownedIps);
  readonly #podsByNode = new GroupIndex<Pod>((pod) => pod.node);
  readonly #podsByNamespace = new GroupIndex<Pod>((pod) => pod.namespace);
  readonly #slicesByService = new GroupIndex<EndpointSlice>(
    (slice) => slice.service,
  );
  readonly #servicesByNamespace = new GroupIndex<Service>(
    (service) => service.namespace,
  );
  readonly #policiesByNamespace = new GroupIndex<NetworkPolicy>(
    (policy) => policy.namespace,
  );
  readonly #nodesByIp = new ClaimIndex<Node>(
    (node) => [...node.internalIps, ...node.externalIps],
  );
  readonly #indexes: { readonly [K in Kind]: readonly Index<Kinds[K]>[] } = {
    Pod: [this.#podsByIp, this.#podsByNode, this.#podsByNamespace],
    Namespace: [],
    Node: [this.#nodesByIp],
    Service: [this.#servicesByNamespace],
    EndpointSlice: [this.#slicesByService],
    NetworkPolicy: [this.#policiesByNamespace],
  };

  readonly #feeds = new Set<ChangeFeed>();
  readonly #synced = new Set<Kind>();
  #onSynced: (() => void)[] = [];

  // Writing

  /**
   * Takes in one projected object.
   *
   * An object equal to the one held is no change. One that is unusable leaves
   * the last good version in place; one that has no place in the model removes
   * it. Its issues replace those that were kept for it.
   *
   * @returns whether the store changed
   */
  upsert<K extends Kind>(kind: K, projected: Projected<Kinds[K]>): boolean {
    const { key, object, issues } = projected;
    if (key === "") return false;
    if (issues.length > 0) this.#issues[kind].set(key, issues);
    else this.#issues[kind].delete(key);
    if (object === undefined) {
      return issues.length === 0 && this.#removeObject(kind, key);
    }
    const previous = this.#tables[kind].get(key);
    if (previous !== undefined && equalValue(previous, object)) return false;
    this.#tables[kind].set(key, object);
    for (const index of this.#indexes[kind]) {
      index.replace(key, previous, object);
    }
    this.#tell(kind, key);
    return true;
  }

  /**
   * Removes an object and its issues.
   *
   * @returns whether it was there
   */
  remove(kind: Kind, key: ObjectKey): boolean {
    this.#issues[kind].delete(key);
    return this.#removeObject(kind, key);
  }

  /**
   * Makes one kind equal to a list, as after listing again: takes in every
   * object, and removes those that the list does not have.
   */
  replaceAll<K extends Kind>(
    kind: K,
    objects: Iterable<Projected<Kinds[K]>>,
  ): void {
    const listed = new Set<ObjectKey>();
    for (const projected of objects) {
      listed.add(projected.key);
      this.upsert(kind, projected);
    }
    for (const key of this.#tables[kind].keys()) {
      if (!listed.has(key)) this.remove(kind, key);
    }
    for (const key of this.#issues[kind].keys()) {
      if (!listed.has(key)) this.#issues[kind].delete(key);
    }
  }

  /** Notes that the store holds everything there is of a kind. It stays so. */
  synced(kind: Kind): void {
    this.#synced.add(kind);
    if (!this.isSynced()) return;
    const callbacks = this.#onSynced;
    this.#onSynced = [];
    for (const callback of callbacks) callback();
  }

  // Reading

  /** Whether a kind, or without one every kind, was read completely once. */
  isSynced(kind?: Kind): boolean {
    return kind === undefined
      ? this.#synced.size === KINDS.length
      : this.#synced.has(kind);
  }

  /** Calls back once, when every kind was read completely; at once when that is so now. */
  onSynced(callback: () => void): void {
    if (this.isSynced()) callback();
    else this.#onSynced.push(callback);
  }

  /** A new feed that starts with everything in the store as changed. */
  feed(): ChangeFeed {
    const feed = new ChangeFeed((closed) => this.#feeds.delete(closed));
    for (const kind of KINDS) {
      for (const key of this.#tables[kind].keys()) feed.add(kind, key);
    }
    this.#feeds.add(feed);
    return feed;
  }

  /** What is wrong with one object. */
  issuesOf(kind: Kind, key: ObjectKey): readonly Issue[] {
    return this.#issues[kind].get(key) ?? EMPTY;
  }

  /** What is wrong with any object. */
  *allIssues(): Iterable<Issue> {
    for (const kind of KINDS) {
      for (const issues of this.#issues[kind].values()) yield* issues;
    }
  }

  table<K extends Kind>(kind: K): Table<Kinds[K]> {
    return this.#tables[kind];
  }

  /**
   * Pods that own an address now. Usually one; for a moment several when an
   * address is used again: those that are not being deleted come first, then
   * the latest claim.
   */
  podsByIp(ip: Ip): readonly Pod[] {
    const pods = [...this.#resolve("Pod", this.#podsByIp.keys(ip))];
    return pods.length < 2
      ? pods
      : pods.sort((a, b) => Number(a.terminating) - Number(b.terminating));
  }

  podsOnNode(node: string): Iterable<Pod> {
    return this.#resolve("Pod", this.#podsByNode.keys(node));
  }

  podsInNamespace(namespace: string): Iterable<Pod> {
    return this.#resolve("Pod", this.#podsByNamespace.keys(namespace));
  }

  slicesOf(service: ObjectKey): Iterable<EndpointSlice> {
    return this.#resolve("EndpointSlice", this.#slicesByService.keys(service));
  }

  servicesInNamespace(namespace: string): Iterable<Service> {
    return this.#resolve("Service", this.#servicesByNamespace.keys(namespace));
  }

  policiesInNamespace(namespace: string): Iterable<NetworkPolicy> {
    return this.#resolve(
      "NetworkPolicy",
      this.#policiesByNamespace.keys(namespace),
    );
  }

  nodeByIp(ip: Ip): Node | undefined {
    const [key] = this.#nodesByIp.keys(ip);
    return key === undefined ? undefined : this.#tables.Node.get(key);
  }

  *#resolve<K extends Kind>(
    kind: K,
    keys: Iterable<ObjectKey>,
  ): Iterable<Kinds[K]> {
    const table: Table<Kinds[K]> = this.#tables[kind];
    for (const key of keys) {
      const object = table.get(key);
      if (object !== undefined) yield object;
    }
  }

  #removeObject<K extends Kind>(kind: K, key: ObjectKey): boolean {
    const previous = this.#tables[kind].get(key);
    if (previous === undefined) return false;
    this.#tables[kind].delete(key);
    for (const index of this.#indexes[kind]) {
      index.replace(key, previous, undefined);
    }
    this.#tell(kind, key);
    return true;
  }

  #tell(kind: Kind, key: ObjectKey): void {
    for (const feed of this.#feeds) feed.add(kind, key);
  }
}
