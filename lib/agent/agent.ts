/**
 * The agent: which modules there are, and what each is made of.
 *
 * ```
 *  watcher ─▶ store ─▶ firewall ─▶ nft
 *                  ├─▶ services ─▶ sysctl, ip, nft, ipvs
 *                  ├─▶ router ───▶ ip, nft
 *                  └─▶ bgp ◀───── services (a VIP is announced once it works)
 * ```
 *
 * @module
 */

import { KINDS } from "../cluster/feed.ts";
import type { EventLog } from "../observe/events.ts";
import type { Metrics } from "../observe/metrics.ts";
import { ServiceGraph } from "./graph.ts";
import { engineModules, type Engines } from "./kernel.ts";
import type { Module } from "./module.ts";
import {
  createParts,
  type Parts,
  type PartsOptions,
  watcherModule,
} from "./parts.ts";
import type { AgentState } from "./state.ts";
import { createState } from "./views/state.ts";

/** What an agent is made of. */
export interface AgentOptions extends PartsOptions {
  readonly version: string;
  readonly events: EventLog;
  /** Further modules, which read the agent's state: the HTTP servers. */
  readonly outside?: (state: AgentState) => readonly Module[];
}

/** An agent that can be started. */
export interface Agent {
  readonly graph: ServiceGraph;
  readonly state: AgentState;
  readonly parts: Parts;
}

/** Makes the agent that the settings ask for; nothing runs yet. */
export function createAgent(options: AgentOptions): Agent {
  const { clock, log, metrics, events } = options;
  const parts = createParts(options);
  let graph: ServiceGraph | undefined = undefined;
  const state = createState({
    version: options.version,
    node: options.node,
    startedAtMs: clock.now(),
    parts,
    clock,
    events,
    metrics,
    nodes: () => graph?.nodes() ?? [],
  });
  graph = new ServiceGraph(
    [...modulesOf(parts), ...options.outside?.(state) ?? []],
    {
      clock,
      log,
      onChange: (node) => {
        metrics.module(node.name, node.phase === "running");
        if (node.phase === "backing_off") metrics.moduleRestarted(node.name);
      },
    },
  );
  metrics.beforeScrape(() => scrape(parts, metrics));
  return { graph, state, parts };
}

function modulesOf(parts: Parts): readonly Module[] {
  const used = new Set<keyof Engines>();
  const wanted = [parts.services, parts.firewall, parts.router, parts.bgp]
    .flatMap((part) => part?.module ?? []);
  for (const tool of ["sysctl", "ip", "nft", "ipvs"] as const) {
    if (wanted.some((module) => module.needs.includes(tool))) used.add(tool);
  }
  return [
    watcherModule(parts.watcher),
    ...engineModules(parts.engines, used),
    ...wanted,
  ];
}

function scrape(parts: Parts, metrics: Metrics): void {
  for (const kind of KINDS) {
    metrics.clusterObjects(kind, parts.store.table(kind).size);
  }
  for (const engine of Object.values(parts.engines)) {
    const { target, desired, refused } = engine.status();
    metrics.entries(target, desired, refused.length);
  }
}
