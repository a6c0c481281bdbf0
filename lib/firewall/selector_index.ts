/**
 * Which pod addresses are members of which peer sets.
 *
 * A selector sees a pod's namespace and labels and nothing else, so membership
 * is kept per *identity*: all pods of one namespace with one (interned) label
 * set. A new pod of a known identity costs a look-up; a new selector costs the
 * identities of the namespaces it reaches, not their pods.
 *
 * @module
 */

import type { ClusterView, LabelSet, Pod } from "../cluster/model.ts";
import { matches } from "../cluster/selector.ts";
import type { Ip } from "../net/ip.ts";
import { type PeerScope, reaches } from "./peer_scope.ts";

/** A scope that some profile uses. */
interface ActiveScope {
  readonly scope: PeerScope;
  references: number;
  /** Namespaces it reaches. */
  readonly namespaces: Set<string>;
  readonly identities: Set<Identity>;
}

/** All pods of one namespace with the same labels. */
interface Identity {
  readonly namespace: string;
  readonly labels: LabelSet;
  readonly addresses: Set<Ip>;
  readonly scopes: Set<ActiveScope>;
}

/** Hears of every address whose memberships may have changed. */
export type OnTouched = (ip: Ip) => void;

/** Membership of addresses in scopes, kept up with a cluster. */
export class SelectorIndex {
  readonly #view: ClusterView;
  readonly #touched: OnTouched;
  readonly #identityOf = new Map<Ip, Identity>();
  readonly #identities = new Map<string, Map<LabelSet, Identity>>();
  readonly #active = new Map<string, ActiveScope>();
  /** Scopes of one namespace, by its name. */
  readonly #own = new Map<string, Set<ActiveScope>>();
  /** Scopes that select namespaces. */
  readonly #across = new Set<ActiveScope>();

  constructor(view: ClusterView, touched: OnTouched) {
    this.#view = view;
    this.#touched = touched;
  }

  /** Says who owns an address now; undefined: nobody. */
  assign(ip: Ip, pod: Pod | undefined): void {
    const before = this.#identityOf.get(ip);
    if (
      before !== undefined && before.namespace === pod?.namespace &&
      before.labels === pod.labels
    ) return;
    if (before !== undefined) {
      before.addresses.delete(ip);
      if (before.addresses.size === 0) this.#forget(before);
      this.#identityOf.delete(ip);
    }
    if (pod !== undefined) {
      const identity = this.#identity(pod.namespace, pod.labels);
      identity.addresses.add(ip);
      this.#identityOf.set(ip, identity);
    }
    this.#touched(ip);
  }

  /** Starts to use a scope, or uses it once more. @returns whether it was not in use */
  acquire(scope: PeerScope): boolean {
    const known = this.#active.get(scope.id);
    if (known !== undefined) {
      known.references++;
      return false;
    }
    const active: ActiveScope = {
      scope,
      references: 1,
      namespaces: new Set(),
      identities: new Set(),
    };
    this.#active.set(scope.id, active);
    if (typeof scope.namespaces === "string") {
      const name = scope.namespaces;
      const own = this.#own.get(name);
      if (own === undefined) this.#own.set(name, new Set([active]));
      else own.add(active);
      this.#reach(active, name);
    } else {
      this.#across.add(active);
      for (const namespace of this.#view.table("Namespace").values()) {
        if (reaches(scope, namespace.name, namespace)) {
          this.#reach(active, namespace.name);
        }
      }
    }
    return true;
  }

  /** Ends one use of a scope. @returns whether it was the last */
  release(scope: PeerScope): boolean {
    const active = this.#active.get(scope.id);
    if (active === undefined || --active.references > 0) return false;
    for (const identity of active.identities) {
      identity.scopes.delete(active);
      this.#touch(identity);
    }
    this.#active.delete(scope.id);
    this.#across.delete(active);
    if (typeof scope.namespaces === "string") {
      const own = this.#own.get(scope.namespaces);
      own?.delete(active);
      if (own?.size === 0) this.#own.delete(scope.namespaces);
    }
    return true;
  }

  /** A namespace came, went, or has other labels. */
  namespaceChanged(name: string): void {
    const namespace = this.#view.table("Namespace").get(name);
    for (const active of this.#across) {
      const reached = reaches(active.scope, name, namespace);
      if (reached === active.namespaces.has(name)) continue;
      if (reached) this.#reach(active, name);
      else this.#leave(active, name);
    }
  }

  /** The ids of the scopes in use that an address is a member of. */
  *scopesOf(ip: Ip): Iterable<string> {
    for (const active of this.#identityOf.get(ip)?.scopes ?? []) {
      yield active.scope.id;
    }
  }

  /** Every address that has an owner. */
  addresses(): Iterable<Ip> {
    return this.#identityOf.keys();
  }

  #identity(namespace: string, labels: LabelSet): Identity {
    let byLabels = this.#identities.get(namespace);
    if (byLabels === undefined) {
      byLabels = new Map();
      this.#identities.set(namespace, byLabels);
    }
    const known = byLabels.get(labels);
    if (known !== undefined) return known;
    const identity: Identity = {
      namespace,
      labels,
      addresses: new Set(),
      scopes: new Set(),
    };
    byLabels.set(labels, identity);
    for (const active of this.#own.get(namespace) ?? []) {
      join(active, identity);
    }
    for (const active of this.#across) {
      if (active.namespaces.has(namespace)) join(active, identity);
    }
    return identity;
  }

  #forget(identity: Identity): void {
    const byLabels = this.#identities.get(identity.namespace);
    byLabels?.delete(identity.labels);
    if (byLabels?.size === 0) this.#identities.delete(identity.namespace);
    for (const active of identity.scopes) active.identities.delete(identity);
  }

  #reach(active: ActiveScope, namespace: string): void {
    active.namespaces.add(namespace);
    for (const identity of this.#identities.get(namespace)?.values() ?? []) {
      if (join(active, identity)) this.#touch(identity);
    }
  }

  #leave(active: ActiveScope, namespace: string): void {
    active.namespaces.delete(namespace);
    for (const identity of this.#identities.get(namespace)?.values() ?? []) {
      if (!identity.scopes.delete(active)) continue;
      active.identities.delete(identity);
      this.#touch(identity);
    }
  }

  #touch(identity: Identity): void {
    for (const ip of identity.addresses) this.#touched(ip);
  }
}

/** Makes an identity a member if the scope selects its labels. */
function join(active: ActiveScope, identity: Identity): boolean {
  if (!matches(active.scope.pods, identity.labels)) return false;
  active.identities.add(identity);
  identity.scopes.add(active);
  return true;
}
