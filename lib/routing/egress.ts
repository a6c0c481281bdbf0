/**
 * The networks of the cluster as sets, and masquerade of what pods send to
 * anywhere else.
 *
 * A packet from a pod to an address that is neither a pod's nor a node's gets
 * the address of the interface it leaves by, as nobody out there knows the way
 * back to a pod.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Entry, SourceUpdate } from "../base/target.ts";
import type { ChangeSet, ClusterView, ObjectKey } from "../cluster/model.ts";
import { allNodeIps, type Families } from "../cluster/node_ips.ts";
import {
  canonicalElement,
  nftEntry,
  type NftRule,
  nftRules,
  type NftValue,
} from "../dataplane/nft.ts";
import { type Family, familyOf, type Ip } from "../net/ip.ts";
import {
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from "../net/prefix.ts";

/** What the operator chose. */
export interface EgressSettings {
  readonly families: Families;
  /** `--enable-pod-egress`. */
  readonly enablePodEgress: boolean;
}

/** After service NAT, which decides first about load-balanced connections. */
const PRIORITY = 101;

/** Source of the sets, and of the chain when it is wanted. */
export const EGRESS_SOURCE = "egress base";

/** The sets `pod_cidrs4`, `node_ips4` and their twins, and the chain that masquerades. */
export function compileEgress(
  settings: EgressSettings,
): readonly Entry<NftValue>[] {
  const entries: Entry<NftValue>[] = [];
  const rules: NftRule[] = [];
  const needs: string[] = [];
  for (const family of [4, 6] as const) {
    if (!settings.families[family]) continue;
    const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
    const pods = `pod_cidrs${family}`;
    const nodes = `node_ips${family}`;
    entries.push(
      nftEntry({ kind: "set", name: pods, type, interval: true }),
      nftEntry({ kind: "set", name: nodes, type }),
    );
    needs.push(`set/${pods}`, `set/${nodes}`);
    const ip = family === 4 ? "ip" : "ip6";
    rules.push({
      body: `${ip} saddr @${pods} ${ip} daddr != @${pods} ` +
        `${ip} daddr != @${nodes} masquerade fully-random`,
      note: "from a pod to outside of the cluster",
    });
  }
  if (!settings.enablePodEgress) return entries;
  entries.push(
    nftEntry({
      kind: "chain",
      name: "egress_postrouting",
      hook: {
        type: "nat",
        hook: "postrouting",
        priority: PRIORITY,
        policy: "accept",
      },
    }),
    nftEntry(nftRules("egress_postrouting", rules), { needs }),
  );
  return entries;
}

/** What changed, and what is now wrong with each source that was compiled. */
export interface EgressUpdates {
  readonly nft: readonly SourceUpdate<NftValue>[];
  readonly issues: ReadonlyMap<string, readonly Issue[]>;
}

/** Keeps the sets of pod networks and node addresses by changes of nodes. */
export class EgressCompiler {
  readonly #view: ClusterView;
  #settings: EgressSettings;
  /** Nodes by pod network. */
  readonly #holders = new Map<Prefix, Set<ObjectKey>>();
  readonly #cidrsOf = new Map<ObjectKey, readonly Prefix[]>();
  /** How many different networks there are of each length, by `family/length`. */
  readonly #lengths = new Map<string, number>();
  readonly #withIssues = new Set<string>();

  constructor(view: ClusterView, settings: EgressSettings) {
    this.#view = view;
    this.#settings = settings;
  }

  /** Compiles changed nodes, or everything: at the start, and after `settings` were replaced. */
  compile(
    changes: ChangeSet | "all",
    settings: EgressSettings = this.#settings,
  ): EgressUpdates {
    const isAll = changes === "all" || settings !== this.#settings;
    this.#settings = settings;
    const table = this.#view.table("Node");
    const nodes = new Set(
      isAll ? [...this.#cidrsOf.keys(), ...table.keys()] : changes.Node,
    );
    const hadNesting = this.#hasNesting();
    let changed = false;
    for (const key of nodes) changed = this.#register(key) || changed;
    // Interval sets refuse a network inside another: then who is inside whom
    // may have changed for any node. Networks of one length are never nested.
    if (changed && (hadNesting || this.#hasNesting())) {
      for (const key of table.keys()) nodes.add(key);
    }
    const nft: SourceUpdate<NftValue>[] = isAll
      ? [{ source: EGRESS_SOURCE, entries: compileEgress(settings) }]
      : [];
    const issues = new Map<string, readonly Issue[]>();
    for (const key of [...nodes].sort()) {
      const source = `Node ${key}`;
      const compiled = this.#compileNode(key);
      nft.push({ source, entries: compiled.entries });
      const isNew = compiled.issues.length > 0;
      if (isNew || this.#withIssues.has(source)) {
        issues.set(source, compiled.issues);
      }
      if (isNew) this.#withIssues.add(source);
      else this.#withIssues.delete(source);
    }
    return { nft, issues };
  }

  #compileNode(
    key: ObjectKey,
  ): { entries: readonly Entry<NftValue>[]; issues: readonly Issue[] } {
    const node = this.#view.table("Node").get(key);
    if (node === undefined) return { entries: [], issues: [] };
    const owner = `Node ${key}`;
    const entries: Entry<NftValue>[] = [];
    const issues: Issue[] = [];
    const add = (set: string, family: Family, element: string): void => {
      if (!this.#settings.families[family]) return;
      entries.push(
        nftEntry({ kind: "element", set: `${set}${family}`, element }, {
          owner,
        }),
      );
    };
    for (const cidr of node.podCidrs) {
      const outer = this.#outer(cidr);
      if (outer === undefined) {
        add("pod_cidrs", prefixFamily(cidr), canonicalElement(cidr));
        continue;
      }
      const [holder] = [...this.#holders.get(outer) ?? []].sort();
      issues.push({
        object: owner,
        field: "spec.podCIDRs",
        problem: `"${cidr}" lies in ${outer} of Node ${holder ?? key}`,
        mend: "give every node a pod network of its own",
      });
    }
    for (const ip of new Set<Ip>(allNodeIps(node))) {
      add("node_ips", familyOf(ip), ip);
    }
    return { entries, issues };
  }

  /** A larger pod network around this one. */
  #outer(cidr: Prefix): Prefix | undefined {
    if (!this.#hasNesting()) return undefined;
    const family = prefixFamily(cidr);
    const address = prefixAddress(cidr);
    for (let length = 0; length < prefixLength(cidr); length++) {
      if (!this.#lengths.has(`${family}/${length}`)) continue;
      const outer = makePrefix(address, length);
      if (this.#holders.has(outer)) return outer;
    }
    return undefined;
  }

  /** Whether networks of different lengths exist in one family. */
  #hasNesting(): boolean {
    return ([4, 6] as const).some((family) =>
      [...this.#lengths.keys()].filter((key) => key.startsWith(`${family}/`))
        .length > 1
    );
  }

  /** Takes note of a node's networks; returns whether they changed. */
  #register(key: ObjectKey): boolean {
    const now = this.#view.table("Node").get(key)?.podCidrs ?? [];
    const before = this.#cidrsOf.get(key) ?? [];
    if (now.join() === before.join()) {
      if (now.length === 0) this.#cidrsOf.delete(key);
      return false;
    }
    for (const cidr of before) {
      const holders = this.#holders.get(cidr);
      holders?.delete(key);
      if (holders?.size === 0) {
        this.#holders.delete(cidr);
        this.#count(cidr, -1);
      }
    }
    for (const cidr of now) {
      const holders = this.#holders.get(cidr);
      if (holders === undefined) {
        this.#holders.set(cidr, new Set([key]));
        this.#count(cidr, 1);
      } else holders.add(key);
    }
    if (now.length === 0) this.#cidrsOf.delete(key);
    else this.#cidrsOf.set(key, now);
    return true;
  }

  #count(cidr: Prefix, by: 1 | -1): void {
    const key = `${prefixFamily(cidr)}/${prefixLength(cidr)}`;
    const count = (this.#lengths.get(key) ?? 0) + by;
    if (count === 0) this.#lengths.delete(key);
    else this.#lengths.set(key, count);
  }
}
