/**
 * The agent as others see it: what the HTTP API serves and the command line
 * prints. A view to read, made on demand; nothing in it can be changed.
 *
 * Every value is what `JSON.stringify` carries: `null` says "none" or "not
 * yet", times are milliseconds since the epoch, addresses are canonical text.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { EventFeed } from "../observe/events.ts";
import type { Phase } from "./module.ts";

/** One module of the service graph. */
export interface ModuleStatus {
  readonly name: string;
  readonly purpose: string;
  /** Names of modules that start before it. */
  readonly needs: readonly string[];
  readonly phase: Phase;
  readonly health: { readonly ready: boolean; readonly message: string };
  /** Times it was started again after a failure. */
  readonly restarts: number;
  /** What its last failure said. */
  readonly lastError: string | null;
  /** When it entered its phase. */
  readonly sinceMs: number;
}

/** An entry that the kernel does not take. */
export interface RefusedEntry {
  /** The entry's key, as the driver names it. */
  readonly key: string;
  /** The object it came from, for example `Service default/web`; empty when unknown. */
  readonly owner: string;
  readonly error: string;
  readonly retryAtMs: number;
}

/** One kernel tool and how far its state is from what is wanted. */
export interface TargetStatus {
  /** `nft`, `ipvs`, `ip`, `sysctl`. */
  readonly name: string;
  /** Entries wanted. */
  readonly desired: number;
  /** Entries of ours that exist, as far as known; null before the first read. */
  readonly observed: number | null;
  /** When wanted and existing state last agreed, but for refused entries. */
  readonly lastSyncMs: number | null;
  readonly lastDurationMs: number | null;
  /** What the last attempt said when it failed. */
  readonly lastError: string | null;
  /** Operations carried out since the start. */
  readonly opsTotal: number;
  /** Differences found by the audit since the start, which others had made. */
  readonly driftTotal: number;
  readonly refusedEntries: readonly RefusedEntry[];
}

/** One port of a service, and what it is reached by. */
export interface ServicePortStatus {
  readonly name: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly port: number;
  /** 0 when there is none. */
  readonly nodePort: number;
}

/** One virtual IP of a service. */
export interface VipStatus {
  readonly address: string;
  readonly kind: "cluster" | "external" | "loadbalancer";
}

/** One endpoint of one port of a service. */
export interface EndpointStatus {
  readonly address: string;
  readonly port: number;
  /** The name of the service port it stands behind; empty when the port has no name. */
  readonly portName: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** Empty when unknown. */
  readonly node: string;
  readonly ready: boolean;
  /** Whether this node sends it new connections. */
  readonly used: boolean;
}

/** One service. */
export interface ServiceStatus {
  readonly namespace: string;
  readonly name: string;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  readonly ports: readonly ServicePortStatus[];
  readonly vips: readonly VipStatus[];
  readonly endpoints: readonly EndpointStatus[];
  readonly issues: readonly Issue[];
}

/** One destination of a virtual server. */
export interface DestinationStatus {
  readonly address: string;
  readonly port: number;
  readonly method: "masquerade" | "tunnel" | "route";
  readonly weight: number;
}

/** One IPVS virtual server of ours, as the kernel was last told. */
export interface VirtualServerStatus {
  /** `tcp/10.96.0.1:80`, `mark/4/100`. */
  readonly at: string;
  readonly scheduler: string;
  readonly flags: readonly string[];
  /** Seconds; 0 for none. */
  readonly persistentSeconds: number;
  /** The service it serves, for example `Service default/web`; empty when unknown. */
  readonly owner: string;
  readonly destinations: readonly DestinationStatus[];
}

/** One NetworkPolicy. */
export interface PolicyStatus {
  readonly namespace: string;
  readonly name: string;
  /** Pods on this node that it selects. */
  readonly selectedPods: number;
  readonly directions: readonly ("ingress" | "egress")[];
  readonly issues: readonly Issue[];
  /** What the kernel said when it did not take the policy. */
  readonly refused: string | null;
}

/** One chain of the nftables table, with its rules. */
export interface ChainStatus {
  readonly name: string;
  /** `filter forward 0`; null for a chain that others jump to. */
  readonly hook: string | null;
  readonly rules: readonly { readonly body: string; readonly note: string }[];
}

/** One set or map of the nftables table. */
export interface SetStatus {
  readonly name: string;
  readonly type: string;
  readonly elements: number;
}

/** The nftables table as the kernel was last told. */
export interface FirewallStatus {
  readonly table: string;
  readonly chains: readonly ChainStatus[];
  readonly sets: readonly SetStatus[];
  /** Pods on this node that some policy isolates. */
  readonly isolatedPods: number;
}

/** States of a BGP session (RFC 4271 §8.2.2). */
export type SessionState =
  | "Idle"
  | "Connect"
  | "Active"
  | "OpenSent"
  | "OpenConfirm"
  | "Established";

/** One BGP peer. */
export interface PeerStatus {
  readonly address: string;
  readonly port: number;
  readonly localAsn: number;
  readonly remoteAsn: number;
  readonly kind: "external" | "internal";
  /** Where it comes from: `--peer-router-ips`, `Node worker-2`. */
  readonly source: string;
  readonly state: SessionState;
  /** When it entered its state. */
  readonly sinceMs: number;
  /** Prefixes received, and those of them that passed import policy. */
  readonly received: number;
  readonly accepted: number;
  readonly advertised: number;
  /** Negotiated; null unless the session is established. */
  readonly holdTimeSeconds: number | null;
  /** Negotiated address families, for example `ipv4-unicast`. */
  readonly families: readonly string[];
  /** Why the session last ended or did not come up. */
  readonly lastError: string | null;
  readonly lastErrorMs: number | null;
}

/** One path in a BGP table. */
export interface BgpRouteStatus {
  readonly prefix: string;
  readonly nextHop: string;
  /** The peer it came from or goes to; `local` for what this node originates. */
  readonly peer: string;
  readonly asPath: readonly number[];
  readonly origin: "igp" | "egp" | "incomplete";
  readonly localPreference: number | null;
  readonly med: number | null;
  /** `64512:100`. */
  readonly communities: readonly string[];
  /** Why policy or a check refused it. */
  readonly rejected: string | null;
}

/** The BGP tables. */
export interface BgpRoutes {
  /** Adj-RIB-In of all peers. */
  readonly received: readonly BgpRouteStatus[];
  /** Loc-RIB: the chosen paths. */
  readonly best: readonly BgpRouteStatus[];
  /** Adj-RIB-Out of all peers. */
  readonly advertised: readonly BgpRouteStatus[];
}

/** One kernel route of ours, as the kernel was last told. */
export interface RouteStatus {
  readonly destination: string;
  readonly table: number;
  readonly type: "unicast" | "local" | "blackhole" | "unreachable";
  readonly nextHops: readonly {
    readonly via: string | null;
    readonly link: string | null;
    readonly weight: number;
  }[];
  /** Preferred source address. */
  readonly source: string | null;
  /** Why it is there: `Node worker-2`, `peer 10.0.0.1`; empty when unknown. */
  readonly owner: string;
}

/** One kind of object that is being watched. */
export interface WatchStatus {
  readonly kind: string;
  readonly objects: number;
  readonly synced: boolean;
  readonly lastEventMs: number | null;
  readonly restarts: number;
  readonly lastError: string | null;
}

/** Where the cluster's objects come from. */
export interface WatcherStatus {
  readonly source: "kubernetes" | "manifests";
  /** The API server's URL or the directory. */
  readonly location: string;
  readonly synced: boolean;
  readonly kinds: readonly WatchStatus[];
}

/** Whether the node is ready, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** One for each module that is not ready; empty when ready. */
  readonly reasons: readonly {
    readonly name: string;
    readonly message: string;
  }[];
}

/** The agent, to read. */
export interface AgentState {
  readonly version: string;
  /** The node's name. */
  readonly node: string;
  readonly startedAtMs: number;
  graph(): readonly ModuleStatus[];
  targets(): readonly TargetStatus[];
  services(): readonly ServiceStatus[];
  ipvs(): readonly VirtualServerStatus[];
  policies(): readonly PolicyStatus[];
  firewall(): FirewallStatus;
  peers(): readonly PeerStatus[];
  bgpRoutes(): BgpRoutes;
  routes(): readonly RouteStatus[];
  watcher(): WatcherStatus;
  /** Everything that is wrong with objects or files now. */
  issues(): readonly Issue[];
  readonly events: EventFeed;
  readiness(): Readiness;
  /** Prometheus text. */
  metricsText(): Promise<string>;
}
