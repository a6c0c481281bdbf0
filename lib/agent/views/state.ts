/**
 * The agent's state, put together from its parts on demand.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import type { EventLog } from "../../observe/events.ts";
import type { Metrics } from "../../observe/metrics.ts";
import type { GraphNode } from "../graph.ts";
import { issuesOf, type Parts } from "../parts.ts";
import type { AgentState, ModuleStatus, WatcherStatus } from "../state.ts";
import { viewFirewall, viewPolicies } from "./policies.ts";
import { viewRoutes } from "./routes.ts";
import { viewIpvs, viewServices } from "./services.ts";
import { conflictIssues, viewTargets } from "./targets.ts";
import { viewWatcher } from "./watcher.ts";

/** What the state is read from. */
export interface StateOptions {
  readonly version: string;
  readonly node: string;
  readonly startedAtMs: number;
  readonly parts: Parts;
  readonly clock: Clock;
  readonly events: EventLog;
  readonly metrics: Metrics;
  readonly nodes: () => readonly GraphNode[];
}

/** The agent's state, to read. */
export function createState(options: StateOptions): AgentState {
  const { parts, clock, nodes, node } = options;
  const { store, engines, bgp } = parts;
  return {
    version: options.version,
    node,
    startedAtMs: options.startedAtMs,
    events: options.events,
    graph: () => nodes().map(viewModule),
    targets: () => viewTargets(engines, clock),
    services: () => viewServices(store, engines.ipvs.observed),
    ipvs: () =>
      viewIpvs(engines.ipvs.observed, (key) => engines.ipvs.ownerOf(key)),
    policies: () => viewPolicies(store, node, engines.nft.status()),
    firewall: () => viewFirewall(store, node, engines.nft.observed),
    peers: () => bgp?.peers() ?? [],
    bgpRoutes: () =>
      bgp?.routes() ?? { received: [], best: [], advertised: [] },
    routes: () => viewRoutes(engines.ip),
    watcher: (): WatcherStatus => viewWatcher(parts),
    issues: () => [...issuesOf(parts), ...conflictIssues(engines)],
    readiness: () => {
      const reasons = nodes()
        .filter(({ health }) => !health.ready)
        .map(({ name, health }) => ({ name, message: health.message }));
      return { ready: reasons.length === 0, reasons };
    },
    metricsText: () => options.metrics.text(),
  };
}

function viewModule(node: GraphNode): ModuleStatus {
  return { ...node, lastError: node.lastError ?? null };
}
