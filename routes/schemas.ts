/**
 * The shapes of the API's answers, for OpenAPI and for tests. Each `satisfies`
 * holds a schema to the type it describes.
 *
 * @module
 */

import { z } from "zod";
import type { Issue } from "../lib/base/issue.ts";
import type {
  BgpRoutes,
  BgpRouteStatus,
  FirewallStatus,
  ModuleStatus,
  PeerStatus,
  PolicyStatus,
  Readiness,
  RouteStatus,
  ServiceStatus,
  TargetStatus,
  VirtualServerStatus,
  WatcherStatus,
} from "../lib/agent/state.ts";
import type { AgentEvent } from "../lib/observe/events.ts";
import type { AgentSummary } from "./summary.ts";

const timeMs = z.number().meta({
  description: "Milliseconds since the Unix epoch.",
});
const count = z.number().int().nonnegative();
const protocol = z.enum(["TCP", "UDP", "SCTP"]);

/** A list as the API answers it: an object, so that it can grow. */
function listOf<T extends z.ZodType>(
  name: string,
  item: T,
): z.ZodObject<{ items: z.ZodArray<T> }> {
  return z.object({ items: z.array(item) }).meta({ ref: name });
}

/** A problem (RFC 9457) with a code of Fairway's. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  code: z.string().optional(),
}).meta({ ref: "Problem" });

export const issueSchema = z.object({
  object: z.string(),
  field: z.string(),
  problem: z.string(),
  mend: z.string(),
}).meta({ ref: "Issue" }) satisfies z.ZodType<Issue>;

export const readinessSchema = z.object({
  ready: z.boolean(),
  reasons: z.array(z.object({ name: z.string(), message: z.string() })),
}).meta({ ref: "Readiness" }) satisfies z.ZodType<Readiness>;

export const moduleSchema = z.object({
  name: z.string(),
  purpose: z.string(),
  needs: z.array(z.string()),
  phase: z.enum([
    "waiting",
    "starting",
    "running",
    "backing_off",
    "stopping",
    "stopped",
    "failed",
  ]),
  health: z.object({ ready: z.boolean(), message: z.string() }),
  restarts: count,
  lastError: z.string().nullable(),
  sinceMs: timeMs,
}).meta({ ref: "Module" }) satisfies z.ZodType<ModuleStatus>;

export const targetSchema = z.object({
  name: z.string(),
  desired: count,
  observed: count.nullable(),
  lastSyncMs: timeMs.nullable(),
  lastDurationMs: z.number().nonnegative().nullable(),
  lastError: z.string().nullable(),
  opsTotal: count,
  driftTotal: count,
  refusedEntries: z.array(z.object({
    key: z.string(),
    owner: z.string(),
    error: z.string(),
    retryAtMs: timeMs,
  })),
}).meta({ ref: "Target" }) satisfies z.ZodType<TargetStatus>;

export const serviceSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  type: z.enum(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
  ports: z.array(z.object({
    name: z.string(),
    protocol,
    port: count,
    nodePort: count,
  })),
  vips: z.array(z.object({
    address: z.string(),
    kind: z.enum(["cluster", "external", "loadbalancer"]),
  })),
  endpoints: z.array(z.object({
    address: z.string(),
    port: count,
    portName: z.string(),
    protocol,
    node: z.string(),
    ready: z.boolean(),
    used: z.boolean(),
  })),
  issues: z.array(issueSchema),
}).meta({ ref: "Service" }) satisfies z.ZodType<ServiceStatus>;

export const virtualServerSchema = z.object({
  at: z.string(),
  scheduler: z.string(),
  flags: z.array(z.string()),
  persistentSeconds: count,
  owner: z.string(),
  destinations: z.array(z.object({
    address: z.string(),
    port: count,
    method: z.enum(["masquerade", "tunnel", "route"]),
    weight: count,
  })),
}).meta({ ref: "VirtualServer" }) satisfies z.ZodType<VirtualServerStatus>;

export const policySchema = z.object({
  namespace: z.string(),
  name: z.string(),
  selectedPods: count,
  directions: z.array(z.enum(["ingress", "egress"])),
  issues: z.array(issueSchema),
  refused: z.string().nullable(),
}).meta({ ref: "Policy" }) satisfies z.ZodType<PolicyStatus>;

export const firewallSchema = z.object({
  table: z.string(),
  chains: z.array(z.object({
    name: z.string(),
    hook: z.string().nullable(),
    rules: z.array(z.object({ body: z.string(), note: z.string() })),
  })),
  sets: z.array(z.object({
    name: z.string(),
    type: z.string(),
    elements: count,
  })),
  isolatedPods: count,
}).meta({ ref: "Firewall" }) satisfies z.ZodType<FirewallStatus>;

export const peerSchema = z.object({
  address: z.string(),
  port: count,
  localAsn: count,
  remoteAsn: count,
  kind: z.enum(["external", "internal"]),
  source: z.string(),
  state: z.enum([
    "Idle",
    "Connect",
    "Active",
    "OpenSent",
    "OpenConfirm",
    "Established",
  ]),
  sinceMs: timeMs,
  received: count,
  accepted: count,
  advertised: count,
  holdTimeSeconds: count.nullable(),
  families: z.array(z.string()),
  lastError: z.string().nullable(),
  lastErrorMs: timeMs.nullable(),
}).meta({ ref: "Peer" }) satisfies z.ZodType<PeerStatus>;

const bgpRouteSchema = z.object({
  prefix: z.string(),
  nextHop: z.string(),
  peer: z.string(),
  asPath: z.array(count),
  origin: z.enum(["igp", "egp", "incomplete"]),
  localPreference: count.nullable(),
  med: count.nullable(),
  communities: z.array(z.string()),
  rejected: z.string().nullable(),
}).meta({ ref: "BgpRoute" }) satisfies z.ZodType<BgpRouteStatus>;

export const bgpRoutesSchema = z.object({
  received: z.array(bgpRouteSchema),
  best: z.array(bgpRouteSchema),
  advertised: z.array(bgpRouteSchema),
}).meta({ ref: "BgpRoutes" }) satisfies z.ZodType<BgpRoutes>;

export const routeSchema = z.object({
  destination: z.string(),
  table: count,
  type: z.enum(["unicast", "local", "blackhole", "unreachable"]),
  nextHops: z.array(z.object({
    via: z.string().nullable(),
    link: z.string().nullable(),
    weight: count,
  })),
  source: z.string().nullable(),
  owner: z.string(),
}).meta({ ref: "Route" }) satisfies z.ZodType<RouteStatus>;

export const watcherSchema = z.object({
  source: z.enum(["kubernetes", "manifests"]),
  location: z.string(),
  synced: z.boolean(),
  kinds: z.array(z.object({
    kind: z.string(),
    objects: count,
    synced: z.boolean(),
    lastEventMs: timeMs.nullable(),
    restarts: count,
    lastError: z.string().nullable(),
  })),
}).meta({ ref: "Watcher" }) satisfies z.ZodType<WatcherStatus>;

export const eventSchema = z.object({
  id: count,
  timeMs,
  level: z.enum(["info", "warn", "error"]),
  event: z.string(),
  message: z.string(),
  object: z.string(),
}).meta({ ref: "Event" }) satisfies z.ZodType<AgentEvent>;

export const summarySchema = z.object({
  version: z.string(),
  node: z.string(),
  startedAtMs: timeMs,
  nowMs: timeMs,
  readiness: readinessSchema,
  modules: z.array(moduleSchema),
  targets: z.array(targetSchema),
  services: z.object({
    total: count,
    withoutEndpoints: count,
    withIssues: count,
  }),
  policies: z.object({ total: count, refused: count, withIssues: count }),
  peers: z.array(peerSchema),
  routes: count,
  watcher: watcherSchema,
  issues: z.array(issueSchema),
}).meta({ ref: "Summary" }) satisfies z.ZodType<AgentSummary>;

export const graphSchema = z.object({
  ready: z.boolean(),
  modules: z.array(moduleSchema),
}).meta({ ref: "Graph" });

export const targetsSchema = listOf("Targets", targetSchema);
export const servicesSchema = listOf("Services", serviceSchema);
export const ipvsSchema = listOf("VirtualServers", virtualServerSchema);
export const policiesSchema = listOf("Policies", policySchema);
export const peersSchema = listOf("Peers", peerSchema);
export const routesSchema = listOf("Routes", routeSchema);
export const issuesSchema = listOf("Issues", issueSchema);
