/**
 * The IPVS manager as a module: Services into the ipvs, ip, nft and sysctl
 * engines.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Issue } from "../base/issue.ts";
import type { ClusterStore } from "../cluster/store.ts";
import type { ServiceSettings } from "../ipvs/context.ts";
import type { Prefix } from "../net/prefix.ts";
import {
  ServiceCompiler,
  type ServiceUpdates,
} from "../ipvs/service_compiler.ts";
import { DUMMY_LINK, TABLE_LOCAL } from "../dataplane/ip.ts";
import type { Engines } from "./kernel.ts";
import { modelKnown } from "./model.ts";
import type { Health } from "./module.ts";
import { Reconciler } from "./reconciler.ts";

/** What the IPVS manager works with. */
export interface ServiceModuleOptions {
  readonly store: ClusterStore;
  readonly settings: ServiceSettings;
  readonly engines: Engines;
  readonly clock: Clock;
  /** Reads the networks that this node is connected to. */
  readonly readNetworks: (signal: AbortSignal) => Promise<readonly Prefix[]>;
}

/** The IPVS manager's module, and what it can tell. */
export class Services {
  readonly module: Reconciler;
  readonly #options: ServiceModuleOptions;
  readonly #compiler: ServiceCompiler;
  readonly #contributors: ReturnType<typeof contribute>;
  readonly #issues = new Map<string, readonly Issue[]>();
  #settings: ServiceSettings;

  constructor(options: ServiceModuleOptions) {
    this.#options = options;
    const { store, settings, engines, clock } = options;
    this.#settings = settings;
    this.#compiler = new ServiceCompiler(store, settings);
    this.#contributors = contribute(engines);
    this.module = new Reconciler({
      name: "services",
      purpose: "compiles Services into IPVS",
      needs: ["watcher", "sysctl", "ip", "nft", "ipvs"],
      clock,
      openFeed: () => store.feed(),
      modelKnown: (signal) => modelKnown(store, signal),
      prepare: (signal) => this.prepare(signal),
      compileAll: () => this.handOver(),
      compile: (changes) => this.#hand(this.#compiler.compile(changes)),
      settled: async (signal) => {
        for (const engine of Object.values(engines)) {
          await engine.settled(signal);
        }
      },
      health: () => this.#health(),
    });
  }

  /**
   * Looks which networks are in use here: a service range over one of them is
   * not made local as a whole, or the node would lose its neighbours.
   *
   * @throws {KernelError}
   */
  async prepare(signal: AbortSignal): Promise<void> {
    const { settings, readNetworks } = this.#options;
    this.#settings = { ...settings, occupied: await readNetworks(signal) };
  }

  /** Compiles everything and hands it to the engines. */
  handOver(): void {
    this.#hand(this.#compiler.compile("all", this.#settings));
    for (const contributor of Object.values(this.#contributors)) {
      contributor.complete();
    }
  }

  /** What is wrong with services, and with this node as their place. */
  issues(): readonly Issue[] {
    return [...this.#issues.values()].flat();
  }

  #hand(updates: ServiceUpdates): void {
    const { sysctl, ip, nft, ipvs } = this.#contributors;
    sysctl.put(updates.sysctl);
    ip.put(updates.ip);
    nft.put(updates.nft);
    ipvs.put(updates.ipvs);
    for (const [source, issues] of updates.issues) {
      if (issues.length === 0) this.#issues.delete(source);
      else this.#issues.set(source, issues);
    }
  }

  #health(): Health {
    const { store, settings } = this.#options;
    if (store.table("Node").get(settings.nodeName) === undefined) {
      return {
        ready: false,
        message: `Node ${settings.nodeName} is not in the cluster: services ` +
          "need its address",
      };
    }
    const services = store.table("Service").size;
    return { ready: true, message: `${services} services` };
  }
}

// deno-lint-ignore explicit-function-return-type -- the type is what the engines make
function contribute({ sysctl, ip, nft, ipvs }: Engines) {
  const routes = `route/${TABLE_LOCAL}/`;
  return {
    sysctl: sysctl.contributor("services"),
    ip: ip.contributor(
      "services",
      (key) => key === `link/${DUMMY_LINK}` || key.startsWith(routes),
    ),
    nft: nft.contributor("services", (key) => /^[a-z]+\/svc_/.test(key)),
    ipvs: ipvs.contributor("services"),
  };
}
