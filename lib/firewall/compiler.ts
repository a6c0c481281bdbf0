/**
 * NetworkPolicy as entries of the table `inet fairway`, kept up with the
 * cluster.
 *
 * The work of a change is the change: a pod's address is one source, with its
 * elements in the maps of local pods and in the sets of the peers that mean it;
 * a policy is a source, and the pods it selects are pointed to a new profile. A
 * policy that selects no pod of this node leaves nothing in the kernel.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Entry, SourceUpdate } from "../base/target.ts";
import type {
  ChangeSet,
  ClusterView,
  NetworkPolicy,
  ObjectKey,
  Pod,
} from "../cluster/model.ts";
import { matches } from "../cluster/selector.ts";
import { nftEntry, type NftValue } from "../dataplane/nft.ts";
import { type Family, familyOf, type Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import { prefixFamily } from "../net/prefix.ts";
import { ownerOf, ownsAddresses } from "./address_owner.ts";
import { BASE_SOURCE, compileBase } from "./base.ts";
import { podMap } from "./names.ts";
import { portNameElement, portNameSet } from "./named_port.ts";
import { selectorSet } from "./peer_scope.ts";
import { allowVerdict } from "./policy_form.ts";
import { PortNameIndex } from "./port_name_index.ts";
import type { Profile } from "./profile.ts";
import { ProfileBook } from "./profile_book.ts";
import { SelectorIndex } from "./selector_index.ts";

/** What a compiler works for. */
export interface FirewallOptions {
  readonly view: ClusterView;
  /** The node this agent runs on; its pod CIDRs are read from its Node object. */
  readonly node: string;
  /** Families to filter. A packet of another one passes unjudged. */
  readonly families: readonly Family[];
  /** The node's pod CIDRs as an earlier run knew them: closed until the Node object says others. */
  readonly podCidrs?: readonly Prefix[];
}

/** The profiles of a local pod; undefined: no policy speaks about the direction. */
interface LocalPod {
  readonly addresses: readonly Ip[];
  readonly ingress: Profile | undefined;
  readonly egress: Profile | undefined;
}

const DIRECTIONS = ["ingress", "egress"] as const;

/** Compiles the policies of a cluster for one node. */
export class FirewallCompiler {
  readonly #view: ClusterView;
  readonly #node: string;
  readonly #families: readonly Family[];
  /** Policies the kernel refused, until they change. */
  #held = new Set<ObjectKey>();
  /** Sources the caller knows. */
  readonly #told = new Set<string>();
  #pending = new Map<string, readonly Entry<NftValue>[]>();
  #touched = new Set<Ip>();
  #selectors: SelectorIndex;
  #portNames: PortNameIndex;
  #profiles: ProfileBook;
  /** The addresses each pod owned, or claimed, when it was last seen. */
  readonly #addresses = new Map<ObjectKey, readonly Ip[]>();
  readonly #local = new Map<ObjectKey, LocalPod>();
  readonly #localByNamespace = new Map<string, Set<ObjectKey>>();
  /** Kept when the Node object goes or loses its ranges: a range once closed stays so. */
  #podCidrs: readonly Prefix[];
  /** Addresses that several pods claim. */
  readonly #disputed = new Set<Ip>();

  constructor(options: FirewallOptions) {
    this.#view = options.view;
    this.#node = options.node;
    this.#podCidrs = options.podCidrs ?? [];
    this.#families = [...options.families].sort();
    [this.#selectors, this.#portNames, this.#profiles] = this.#indexes();
  }

  /**
   * What changed, as sources that replace what they said before.
   *
   * `"all"` starts over from the view and also ends the sources that are gone.
   * The view must be synced: a cluster that is half known compiles to a firewall
   * that is closed where it should not be.
   */
  compile(changes: ChangeSet | "all"): readonly SourceUpdate<NftValue>[] {
    const gone = changes === "all" ? new Set(this.#told) : new Set<string>();
    if (changes === "all") this.#reset();
    const stale = new Set<ObjectKey>();
    if (changes === "all" || changes.Node.has(this.#node)) this.#emitBase();
    const pods = changes === "all"
      ? this.#view.table("Pod").keys()
      : changes.Pod;
    for (const key of pods) {
      if (this.#podChanged(key)) stale.add(key);
    }
    if (changes !== "all") {
      for (const key of changes.Namespace) {
        this.#selectors.namespaceChanged(key);
      }
      for (const key of changes.NetworkPolicy) {
        this.#held.delete(key);
        this.#policyChanged(key, stale);
      }
    }
    this.#finish(stale);
    return this.#take(gone);
  }

  /**
   * Closes policies that the kernel refused, in place of what was given here
   * before: such a policy isolates the pods it selects and allows nothing; what
   * others allow stays. A policy that changes is tried again.
   *
   * @param owners texts of {@linkcode Entry.owner}; what names no policy is ignored
   */
  hold(owners: Iterable<string>): readonly SourceUpdate<NftValue>[] {
    const held = new Set<ObjectKey>();
    for (const owner of owners) {
      for (const [, key] of owner.matchAll(/NetworkPolicy ([^\s,]+)/g)) {
        if (key !== undefined && this.#view.table("NetworkPolicy").get(key)) {
          held.add(key);
        }
      }
    }
    const changed = held.symmetricDifference(this.#held);
    this.#held = held;
    const stale = new Set<ObjectKey>();
    for (const key of changed) this.#policyChanged(key, stale);
    this.#finish(stale);
    return this.#take(new Set());
  }

  /** What is wrong now with objects that this room looks at. */
  issues(): readonly Issue[] {
    const issues: Issue[] = [];
    for (const policy of [...this.#held].sort()) {
      issues.push({
        object: `NetworkPolicy ${policy}`,
        field: "spec",
        problem: "the kernel refused it",
        mend:
          "its pods stay closed where only it would open them; change it, or look at the agent's log for the kernel's words",
      });
    }
    for (const ip of [...this.#disputed].sort()) {
      const claims = this.#view.podsByIp(ip).map((pod) => pod.key).sort();
      issues.push({
        object: `Pod ${claims.join(", Pod ")}`,
        field: "status.podIPs",
        problem: `${ip} is claimed by several pods`,
        mend: `${ownerOf(this.#view, ip)?.key} is taken for its owner`,
      });
    }
    for (const family of this.#families) {
      if (this.#podCidrs.some((cidr) => prefixFamily(cidr) === family)) {
        continue;
      }
      issues.push({
        object: `Node ${this.#node}`,
        field: "spec.podCIDRs",
        problem: `has no IPv${family} range`,
        mend:
          `without one, a pod's IPv${family} address is open until the pod is known; give the node a range`,
      });
    }
    return issues;
  }

  #indexes(): [SelectorIndex, PortNameIndex, ProfileBook] {
    const touch = (ip: Ip): void => {
      this.#touched.add(ip);
    };
    const selectors = new SelectorIndex(this.#view, touch);
    const portNames = new PortNameIndex(touch);
    const profiles = new ProfileBook({
      families: this.#families,
      selectors,
      portNames,
      isHeld: (policy) => this.#held.has(policy),
      emit: (source, entries) => this.#pending.set(source, entries),
    });
    return [selectors, portNames, profiles];
  }

  #reset(): void {
    const policies = this.#view.table("NetworkPolicy");
    for (const key of this.#held) {
      if (policies.get(key) === undefined) this.#held.delete(key);
    }
    this.#pending = new Map();
    this.#touched = new Set();
    this.#addresses.clear();
    this.#local.clear();
    this.#localByNamespace.clear();
    this.#disputed.clear();
    [this.#selectors, this.#portNames, this.#profiles] = this.#indexes();
  }

  #emitBase(): void {
    const node = this.#view.table("Node").get(this.#node);
    if (node !== undefined && node.podCidrs.length > 0) {
      this.#podCidrs = node.podCidrs;
    }
    const { source, entries } = compileBase({
      families: this.#families,
      podCidrs: this.#podCidrs,
    });
    this.#pending.set(source, entries);
  }

  /** @returns whether the pod is or was local, so that its profiles may change */
  #podChanged(key: ObjectKey): boolean {
    const pod = this.#view.table("Pod").get(key);
    const before = this.#addresses.get(key) ?? [];
    const after = pod !== undefined && ownsAddresses(pod)
      ? pod.ips.filter((ip) => this.#families.includes(familyOf(ip)))
      : [];
    if (after.length === 0) this.#addresses.delete(key);
    else this.#addresses.set(key, after);
    for (const ip of new Set([...before, ...after])) this.#assign(ip);
    return after.length > 0 && pod?.node === this.#node ||
      this.#local.has(key);
  }

  #assign(ip: Ip): void {
    const owner = ownerOf(this.#view, ip);
    if (this.#view.podsByIp(ip).length > 1) this.#disputed.add(ip);
    else this.#disputed.delete(ip);
    this.#selectors.assign(ip, owner);
    this.#portNames.assign(ip, owner);
    this.#touched.add(ip);
  }

  #policyChanged(key: ObjectKey, stale: Set<ObjectKey>): void {
    this.#profiles.policyChanged(key);
    const namespace = key.slice(0, key.indexOf("/"));
    for (const pod of this.#localByNamespace.get(namespace) ?? []) {
      stale.add(pod);
    }
  }

  /** Brings the profiles of local pods up to date, and then every address that was touched. */
  #finish(stale: ReadonlySet<ObjectKey>): void {
    for (const key of [...stale].sort()) this.#updateLocal(key);
    this.#profiles.sweep();
    for (const ip of this.#touched) this.#emitAddress(ip);
    this.#touched = new Set();
  }

  #updateLocal(key: ObjectKey): void {
    const pod = this.#view.table("Pod").get(key);
    const addresses = this.#addresses.get(key);
    const before = this.#local.get(key);
    if (
      pod === undefined || addresses === undefined || pod.node !== this.#node
    ) {
      this.#local.delete(key);
      this.#indexLocal(key, false);
    } else {
      const policies = [...this.#view.policiesInNamespace(pod.namespace)]
        .filter((policy) => matches(policy.podSelector, pod.labels))
        .sort((a, b) => a.key < b.key ? -1 : 1);
      const after: LocalPod = {
        addresses,
        ingress: this.#profile("ingress", policies, pod),
        egress: this.#profile("egress", policies, pod),
      };
      this.#local.set(key, after);
      this.#indexLocal(key, true);
      if (
        before?.ingress !== after.ingress || before?.egress !== after.egress
      ) {
        for (const ip of addresses) this.#touched.add(ip);
      }
    }
    for (const direction of DIRECTIONS) {
      const profile = before?.[direction];
      if (profile !== undefined) this.#profiles.release(profile);
    }
  }

  #profile(
    direction: "ingress" | "egress",
    policies: readonly NetworkPolicy[],
    pod: Pod,
  ): Profile | undefined {
    const own = policies.filter((policy) => policy[direction] !== undefined);
    return own.length === 0
      ? undefined
      : this.#profiles.acquire(direction, own, pod);
  }

  #indexLocal(key: ObjectKey, local: boolean): void {
    const namespace = key.slice(0, key.indexOf("/"));
    const keys = this.#localByNamespace.get(namespace);
    if (local) {
      if (keys === undefined) {
        this.#localByNamespace.set(namespace, new Set([key]));
      } else keys.add(key);
    } else if (keys?.delete(key) && keys.size === 0) {
      this.#localByNamespace.delete(namespace);
    }
  }

  /** All elements of an address: its place among local pods, and the sets it is a member of. */
  #emitAddress(ip: Ip): void {
    const family = familyOf(ip);
    const pod = ownerOf(this.#view, ip);
    const entries: Entry<NftValue>[] = [];
    if (pod !== undefined) {
      const owner = `Pod ${pod.key}`;
      const add = (set: string, element: string, data?: string): void => {
        const value = { kind: "element", set, element } as const;
        entries.push(
          nftEntry(data === undefined ? value : { ...value, data }, { owner }),
        );
      };
      const local = pod.node === this.#node
        ? this.#local.get(pod.key)
        : undefined;
      for (const direction of local === undefined ? [] : DIRECTIONS) {
        const chain = local?.[direction]?.chain;
        const verdict = chain === undefined
          ? allowVerdict(direction, family)
          : `goto ${chain}`;
        add(podMap(direction, family), ip, verdict);
      }
      for (const id of this.#selectors.scopesOf(ip)) {
        add(selectorSet(id, family), ip);
      }
      for (const { name, number } of this.#portNames.servedAt(ip)) {
        add(portNameSet(name, family), portNameElement(ip, name, number));
      }
    }
    this.#pending.set(`Address ${ip}`, entries);
  }

  /** The pending sources in a fixed order, the base first, and those that are gone. */
  #take(gone: Set<string>): SourceUpdate<NftValue>[] {
    const updates: SourceUpdate<NftValue>[] = [];
    const pending = this.#pending;
    this.#pending = new Map();
    for (const source of [...pending.keys()].sort()) {
      const entries = pending.get(source) ?? [];
      gone.delete(source);
      if (entries.length > 0) this.#told.add(source);
      else if (!this.#told.delete(source)) continue;
      const update = { source, entries: sortEntries(entries) };
      if (source === BASE_SOURCE) updates.unshift(update);
      else updates.push(update);
    }
    for (const source of [...gone].sort()) {
      this.#told.delete(source);
      updates.push({ source, entries: [] });
    }
    return updates;
  }
}

function sortEntries(
  entries: readonly Entry<NftValue>[],
): readonly Entry<NftValue>[] {
  return [...entries].sort((a, b) => a.key < b.key ? -1 : 1);
}
