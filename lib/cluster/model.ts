/**
 * The cluster as Fairway sees it: plain, parsed, and only what is used.
 *
 * Everything here was validated by the projections in this room; nothing is a
 * string as the API server sent it, except names (RFC 1123 labels) and labels.
 *
 * @module
 */

import type { Family, Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Selector } from "./selector.ts";

/** `namespace/name`, or `name` for cluster-scoped objects. */
export type ObjectKey = string;

/** Transport protocols that Services and policies know. */
export type Protocol = "TCP" | "UDP" | "SCTP";

/**
 * A set of labels. Equal sets are the same object (interned), so they can be
 * compared with `===` and matched once per set.
 */
export interface LabelSet {
  /** Unique among live label sets. */
  readonly id: number;
  get(key: string): string | undefined;
  /** Pairs in the order of their keys. */
  entries(): Iterable<readonly [string, string]>;
}

/** A named container port of a pod. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** A pod; finished ones (Succeeded, Failed) stay in the model but own no address. */
export interface Pod {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: LabelSet;
  /** status.podIPs, at most one of each family; empty while the pod has none or is finished. */
  readonly ips: readonly Ip[];
  /** spec.nodeName; empty while unscheduled. */
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly finished: boolean;
  readonly terminating: boolean;
  /** Named ports of containers and of restartable init containers. */
  readonly ports: readonly NamedPort[];
}

/** A namespace. */
export interface Namespace {
  readonly key: ObjectKey;
  readonly name: string;
  readonly labels: LabelSet;
}

/** A node. */
export interface Node {
  readonly key: ObjectKey;
  readonly name: string;
  readonly labels: LabelSet;
  /** status.addresses of type InternalIP, then ExternalIP, in the object's order. */
  readonly internalIps: readonly Ip[];
  readonly externalIps: readonly Ip[];
  /** Annotation kube-router.io/pod-cidrs or pod-cidr, else spec.podCIDRs or podCIDR. */
  readonly podCidrs: readonly Prefix[];
  /** Annotations whose key starts with `kube-router.io/` or `fairway.`, verbatim. */
  readonly annotations: ReadonlyMap<string, string>;
}

/** One port of a service. */
export interface ServicePort {
  /** Empty when the only port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** 0 when there is none. */
  readonly nodePort: number;
}

/** Which endpoints a kind of traffic may reach (internalTrafficPolicy, externalTrafficPolicy). */
export type TrafficPolicy = "Cluster" | "Local";

/** A service. */
export interface Service {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Empty for headless and ExternalName services. */
  readonly clusterIps: readonly Ip[];
  readonly externalIps: readonly Ip[];
  /** status.loadBalancer.ingress[].ip whose ipMode is not Proxy. */
  readonly loadBalancerIps: readonly Ip[];
  readonly ports: readonly ServicePort[];
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly externalTrafficPolicy: TrafficPolicy;
  /** sessionAffinity ClientIP with its timeout, seconds; undefined for None. */
  readonly affinitySeconds: number | undefined;
  /** 0 when there is none. */
  readonly healthCheckNodePort: number;
  readonly loadBalancerSourceRanges: readonly Prefix[];
  readonly loadBalancerClass: string | undefined;
  /** Label service.kubernetes.io/service-proxy-name, when present. */
  readonly proxyName: string | undefined;
  /** Label service.kubernetes.io/headless is present. */
  readonly headlessLabel: boolean;
  readonly hasSelector: boolean;
  /** Annotations whose key starts with `kube-router.io/` or `fairway.`, verbatim. */
  readonly annotations: ReadonlyMap<string, string>;
}

/** One port of an endpoint slice. */
export interface EndpointPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** One endpoint of a slice. */
export interface Endpoint {
  readonly addresses: readonly Ip[];
  /** Empty when unknown. */
  readonly node: string;
  /** nil means true (KEP-752). */
  readonly ready: boolean;
  /** nil means the same as ready. */
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zone: string;
  /** hints.forZones; empty when there are none. */
  readonly hintZones: readonly string[];
  /** hints.forNodes; empty when there are none. */
  readonly hintNodes: readonly string[];
}

/** An endpoint slice of family 4 or 6; FQDN slices are not in the model. */
export interface EndpointSlice {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  /** Key of the service it belongs to, or empty. */
  readonly service: ObjectKey;
  readonly family: Family;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** Who a policy rule speaks about. */
export type PolicyPeer =
  | {
    readonly kind: "pods";
    /** undefined: the policy's own namespace only. */
    readonly namespaces: Selector | undefined;
    readonly pods: Selector;
  }
  | {
    readonly kind: "block";
    readonly cidr: Prefix;
    readonly except: readonly Prefix[];
  };

/** Which ports a policy rule speaks about. */
export interface PolicyPort {
  readonly protocol: Protocol;
  /** undefined: every port of the protocol; text: the name of a container port. */
  readonly port: number | string | undefined;
  /** Last port of an inclusive range that starts at `port`. */
  readonly endPort: number | undefined;
}

/**
 * One rule: any of the peers on any of the ports. `undefined` means every peer
 * or every port and protocol; an empty list means none, which is what remains
 * when all were unusable.
 */
export interface PolicyRule {
  readonly peers: readonly PolicyPeer[] | undefined;
  readonly ports: readonly PolicyPort[] | undefined;
}

/** A NetworkPolicy (networking.k8s.io/v1). */
export interface NetworkPolicy {
  readonly key: ObjectKey;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly podSelector: Selector;
  /** undefined: the policy says nothing about ingress; a list: ingress is isolated but for these. */
  readonly ingress: readonly PolicyRule[] | undefined;
  readonly egress: readonly PolicyRule[] | undefined;
}

/** The kinds in the model, and their types. */
export interface Kinds {
  readonly Pod: Pod;
  readonly Namespace: Namespace;
  readonly Node: Node;
  readonly Service: Service;
  readonly EndpointSlice: EndpointSlice;
  readonly NetworkPolicy: NetworkPolicy;
}

/** The name of a kind in the model. */
export type Kind = keyof Kinds;

/** All objects of one kind. */
export interface Table<T> {
  readonly size: number;
  get(key: ObjectKey): T | undefined;
  values(): Iterable<T>;
  keys(): Iterable<ObjectKey>;
}

/** The cluster, to read. Look-ups cost what they return, never what exists. */
export interface ClusterView {
  table<K extends Kind>(kind: K): Table<Kinds[K]>;
  /** Pods that own an address now: not finished, not on the host network. */
  podsByIp(ip: Ip): readonly Pod[];
  podsOnNode(node: string): Iterable<Pod>;
  podsInNamespace(namespace: string): Iterable<Pod>;
  slicesOf(service: ObjectKey): Iterable<EndpointSlice>;
  servicesInNamespace(namespace: string): Iterable<Service>;
  policiesInNamespace(namespace: string): Iterable<NetworkPolicy>;
  /** Every node address (internal or external) and its node. */
  nodeByIp(ip: Ip): Node | undefined;
}

/**
 * Which objects changed since the feed was last taken: added, changed or gone
 * (then the table has no such key). A burst on one object is one key.
 */
export type ChangeSet = { readonly [K in Kind]: ReadonlySet<ObjectKey> };
