/**
 * The router as a module: source NAT of what pods send out of the cluster, and
 * the kernel routes that BGP learned.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Issue } from "../base/issue.ts";
import type { SourceUpdate } from "../base/target.ts";
import type { ClusterStore } from "../cluster/store.ts";
import { allNodeIps } from "../cluster/node_ips.ts";
import { type IpValue, TABLE_MAIN } from "../dataplane/ip.ts";
import type { NftValue } from "../dataplane/nft.ts";
import {
  compileRoute,
  type RouteRules,
  withdrawRoute,
} from "../routing/compile_routes.ts";
import { EgressCompiler, type EgressSettings } from "../routing/egress.ts";
import type { RouteChange } from "../speaker/api.ts";
import type { Contributor } from "./engine/engine.ts";
import type { Engines } from "./kernel.ts";
import { modelKnown } from "./model.ts";
import { Reconciler } from "./reconciler.ts";

/** What the router works with. */
export interface RouterModuleOptions {
  readonly store: ClusterStore;
  readonly node: string;
  readonly egress: EgressSettings;
  readonly engines: Engines;
  readonly clock: Clock;
}

/** The router's module, and where learned routes go. */
export class Router {
  readonly module: Reconciler;
  readonly #options: RouterModuleOptions;
  readonly #compiler: EgressCompiler;
  readonly #nft: Contributor<NftValue>;
  readonly #routes: Contributor<IpValue>;
  readonly #issues = new Map<string, readonly Issue[]>();

  constructor(options: RouterModuleOptions) {
    this.#options = options;
    const { store, egress, engines, clock } = options;
    this.#compiler = new EgressCompiler(store, egress);
    this.#nft = engines.nft.contributor(
      "router",
      (key) => /^[a-z]+\/(?:egress_|pod_cidrs|node_ips)/.test(key),
    );
    this.#routes = engines.ip.contributor(
      "router",
      (key) => key.startsWith(`route/${TABLE_MAIN}/`),
    );
    this.module = new Reconciler({
      name: "router",
      purpose: "routes to other nodes' pods, source NAT out of the cluster",
      needs: ["watcher", "ip", "nft"],
      clock,
      openFeed: () => store.feed(),
      modelKnown: (signal) => modelKnown(store, signal),
      compileAll: () => this.handOver(),
      compile: (changes) => this.#compile(changes),
      settled: async (signal) => {
        await engines.nft.settled(signal);
        await engines.ip.settled(signal);
      },
      health: () => {
        const { size } = store.table("Node");
        return { ready: true, message: `${size} nodes` };
      },
    });
  }

  /** Compiles everything but learned routes and hands it to the engines. */
  handOver(): void {
    this.#compile("all");
    this.#nft.complete();
  }

  /** What is wrong with nodes' networks. */
  issues(): readonly Issue[] {
    return [...this.#issues.values()].flat();
  }

  /** Takes in what BGP learned or lost. */
  learned(changes: readonly RouteChange[]): void {
    const rules = this.#rules();
    this.#routes.put(
      changes.map((change): SourceUpdate<IpValue> =>
        change.kind === "removed"
          ? withdrawRoute(change.prefix)
          : compileRoute({
            prefix: change.route.prefix,
            nextHops: change.route.nextHops,
            from: `BGP peer ${change.route.peer}`,
          }, rules)
      ),
    );
  }

  /**
   * Says that BGP has heard everything peers had to say: routes that an earlier
   * run left and nobody announced again are removed.
   */
  learnedAll(): void {
    this.#routes.complete();
  }

  #compile(changes: Parameters<EgressCompiler["compile"]>[0]): void {
    const { nft, issues } = this.#compiler.compile(changes);
    this.#nft.put(nft);
    for (const [source, found] of issues) {
      if (found.length === 0) this.#issues.delete(source);
      else this.#issues.set(source, found);
    }
  }

  #rules(): RouteRules {
    const { store, node } = this.#options;
    const own = store.table("Node").get(node);
    return {
      connected: undefined,
      overlay: "off",
      ownAddresses: new Set(own === undefined ? [] : allNodeIps(own)),
    };
  }
}
