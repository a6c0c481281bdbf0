/**
 * The firewall compiler as a module: NetworkPolicies into the nft engine.
 *
 * The node's pods are closed before the cluster is known. A table that an
 * earlier run left is kept as it is until then; on a node without one, the pod
 * CIDRs that the agent knew last are closed at once.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Issue } from "../base/issue.ts";
import type { ClusterStore } from "../cluster/store.ts";
import type { NftValue } from "../dataplane/nft.ts";
import { compileClosed } from "../firewall/base.ts";
import { FirewallCompiler } from "../firewall/compiler.ts";
import type { Family } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Contributor, Engine } from "./engine/engine.ts";
import { modelKnown } from "./model.ts";
import type { Health } from "./module.ts";
import { Reconciler } from "./reconciler.ts";
import type { Remembered } from "./remembered.ts";

/** What the firewall works with. */
export interface FirewallModuleOptions {
  readonly store: ClusterStore;
  readonly node: string;
  readonly families: readonly Family[];
  readonly nft: Engine<NftValue>;
  readonly remembered: Remembered;
  readonly clock: Clock;
}

/** Names in the table that other parts own. */
const OTHERS = /^[a-z]+\/(?:svc_|egress_|pod_cidrs|node_ips)/;

/** The firewall's module, and what it can tell. */
export class Firewall {
  readonly module: Reconciler;
  readonly #options: FirewallModuleOptions;
  #compiler: FirewallCompiler;
  readonly #contributor: Contributor<NftValue>;
  #refusedOwners = "";

  constructor(options: FirewallModuleOptions) {
    this.#options = options;
    const { store, node, nft, clock } = options;
    this.#compiler = this.#makeCompiler([]);
    this.#contributor = nft.contributor(
      "firewall",
      (key) => !OTHERS.test(key),
    );
    nft.onRefusals(() => this.#holdRefused());
    this.module = new Reconciler({
      name: "firewall",
      purpose: "compiles NetworkPolicies into nftables",
      needs: ["watcher", "sysctl", "nft"],
      clock,
      openFeed: () => store.feed(),
      modelKnown: (signal) => modelKnown(store, signal),
      prepare: (signal) => this.#prepare(signal),
      compileAll: () => {
        this.handOver();
        this.#rememberPodCidrs();
      },
      compile: (changes) => {
        this.#contributor.put(this.#compiler.compile(changes));
        if (changes.Node.has(node)) this.#rememberPodCidrs();
      },
      settled: (signal) => nft.settled(signal),
      health: () => this.#health(),
    });
  }

  /** Compiles everything and hands it to the engine. */
  handOver(): void {
    this.#contributor.replace(this.#compiler.compile("all"));
    this.#contributor.complete();
  }

  /** What is wrong with objects, as the firewall sees them. */
  issues(): readonly Issue[] {
    return this.#options.store.isSynced() ? this.#compiler.issues() : [];
  }

  /** @param podCidrs closed even while the Node object is missing */
  #makeCompiler(podCidrs: readonly Prefix[]): FirewallCompiler {
    const { store, node, families } = this.#options;
    return new FirewallCompiler({ view: store, node, families, podCidrs });
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { nft, remembered, families } = this.#options;
    const podCidrs = await remembered.podCidrs();
    this.#compiler = this.#makeCompiler(podCidrs);
    if (nft.observed.size > 0 || podCidrs.length === 0) return;
    this.#contributor.put(compileClosed({ families, podCidrs }));
    await nft.settled(signal);
  }

  /** Closes the policies the kernel refused, so that their pods are not left open. */
  #holdRefused(): void {
    const owners = new Set<string>();
    for (const { owner } of this.#options.nft.status().refused) {
      if (owner?.includes("NetworkPolicy ")) owners.add(owner);
    }
    const text = [...owners].sort().join("\n");
    if (text === this.#refusedOwners) return;
    this.#refusedOwners = text;
    if (owners.size > 0) this.#contributor.put(this.#compiler.hold(owners));
  }

  #rememberPodCidrs(): void {
    const { store, node, remembered } = this.#options;
    const podCidrs = store.table("Node").get(node)?.podCidrs ?? [];
    if (podCidrs.length > 0) void remembered.rememberPodCidrs(podCidrs);
  }

  #health(): Health {
    const { store, node } = this.#options;
    if (store.table("Node").get(node) === undefined) {
      return {
        ready: false,
        message: `Node ${node} is not in the cluster: which pods are here is ` +
          "not known",
      };
    }
    const policies = store.table("NetworkPolicy").size;
    return { ready: true, message: `${policies} policies` };
  }
}
