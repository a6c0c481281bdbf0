/**
 * One screen of the agent: what `fairway status` asks for.
 *
 * @module
 */

import type { Issue } from "../lib/base/issue.ts";
import type {
  AgentState,
  ModuleStatus,
  PeerStatus,
  Readiness,
  TargetStatus,
  WatcherStatus,
} from "../lib/agent/state.ts";

/** The agent at a glance. */
export interface AgentSummary {
  readonly version: string;
  readonly node: string;
  readonly startedAtMs: number;
  /** The agent's clock, so that ages need no clock of the reader's. */
  readonly nowMs: number;
  readonly readiness: Readiness;
  readonly modules: readonly ModuleStatus[];
  readonly targets: readonly TargetStatus[];
  readonly services: {
    readonly total: number;
    /** With a virtual IP, but nobody behind it. */
    readonly withoutEndpoints: number;
    readonly withIssues: number;
  };
  readonly policies: {
    readonly total: number;
    readonly refused: number;
    readonly withIssues: number;
  };
  readonly peers: readonly PeerStatus[];
  /** Kernel routes of ours. */
  readonly routes: number;
  readonly watcher: WatcherStatus;
  readonly issues: readonly Issue[];
}

/** Sums the state up. */
export function summarise(state: AgentState, nowMs: number): AgentSummary {
  const services = state.services();
  const policies = state.policies();
  return {
    version: state.version,
    node: state.node,
    startedAtMs: state.startedAtMs,
    nowMs,
    readiness: state.readiness(),
    modules: state.graph(),
    targets: state.targets(),
    services: {
      total: services.length,
      withoutEndpoints: services.filter((service) =>
        service.vips.length > 0 &&
        !service.endpoints.some((endpoint) => endpoint.used)
      ).length,
      withIssues: services.filter((service) => service.issues.length > 0)
        .length,
    },
    policies: {
      total: policies.length,
      refused: policies.filter((policy) => policy.refused !== null).length,
      withIssues: policies.filter((policy) => policy.issues.length > 0).length,
    },
    peers: state.peers(),
    routes: state.routes().length,
    watcher: state.watcher(),
    issues: state.issues(),
  };
}
