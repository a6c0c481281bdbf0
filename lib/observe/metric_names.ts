/**
 * The names of all metrics. Code, tests and alert rules read them here, so that
 * a name exists once.
 *
 * @see https://prometheus.io/docs/practices/naming/
 * @module
 */

/** What a metric is called, and what it counts. */
export interface MetricName {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

function metric(
  name: string,
  help: string,
  ...labels: readonly string[]
): MetricName {
  return { name: `fairway_${name}`, help, labels };
}

/** Every metric of the agent. Labels take few values: never a pod or a client. */
export const METRICS = {
  buildInfo: metric(
    "build_info",
    "Always 1; the labels say what is running.",
    "version",
    "deno",
  ),
  startTime: metric(
    "start_time_seconds",
    "When the agent started, seconds since the epoch.",
  ),
  residentMemory: metric(
    "memory_resident_bytes",
    "Memory of the process in RAM.",
  ),
  heapUsed: metric("memory_heap_used_bytes", "JavaScript heap in use."),
  heapTotal: metric("memory_heap_total_bytes", "JavaScript heap reserved."),
  externalMemory: metric(
    "memory_external_bytes",
    "Memory held by JavaScript objects outside the heap.",
  ),
  moduleReady: metric(
    "module_ready",
    "1 when the module is ready, else 0.",
    "module",
  ),
  moduleRestarts: metric(
    "module_restarts_total",
    "Times the module was started again after a failure.",
    "module",
  ),
  reconcileDuration: metric(
    "reconcile_duration_seconds",
    "Time from taking a difference to the kernel holding it.",
    "target",
  ),
  reconcileOps: metric(
    "reconcile_ops_total",
    "Operations the kernel carried out.",
    "target",
    "op",
  ),
  reconcileErrors: metric(
    "reconcile_errors_total",
    "Batches and entries the kernel or its tool refused.",
    "target",
    "code",
  ),
  reconcileDrift: metric(
    "reconcile_drift_total",
    "Differences found by the audit, which others had made.",
    "target",
  ),
  desiredEntries: metric(
    "reconcile_desired_entries",
    "Entries wanted in the kernel.",
    "target",
  ),
  refusedEntries: metric(
    "reconcile_refused_entries",
    "Entries the kernel refuses now.",
    "target",
  ),
  convergence: metric(
    "convergence_seconds",
    "Time from seeing a change of the cluster to the kernel holding it.",
  ),
  watchEvents: metric(
    "watch_events_total",
    "Changes received of a kind of object.",
    "kind",
    "type",
  ),
  watchRestarts: metric(
    "watch_restarts_total",
    "Times a watch broke off and began again.",
    "kind",
    "reason",
  ),
  watchLastEvent: metric(
    "watch_last_event_timestamp_seconds",
    "When the last change of a kind was received, seconds since the epoch.",
    "kind",
  ),
  clusterObjects: metric(
    "cluster_objects",
    "Objects in the model.",
    "kind",
  ),
  bgpSessionState: metric(
    "bgp_session_state",
    "1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established (RFC 4273).",
    "peer",
  ),
  bgpSessionSince: metric(
    "bgp_session_state_timestamp_seconds",
    "When the session entered its state, seconds since the epoch.",
    "peer",
  ),
  bgpMessages: metric(
    "bgp_messages_total",
    "BGP messages.",
    "peer",
    "type",
    "direction",
  ),
  bgpPrefixes: metric(
    "bgp_prefixes",
    "Prefixes received from, accepted from and advertised to a peer.",
    "peer",
    "table",
  ),
} as const satisfies Readonly<Record<string, MetricName>>;
