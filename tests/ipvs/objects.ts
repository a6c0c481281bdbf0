/** Small clusters for the tests of services and routing: Kubernetes objects in few words. */

import { storeOf } from "../../lib/cluster/load.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import type { ServiceSettings } from "../../lib/ipvs/context.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";

/** A Kubernetes object as JSON. */
export type Raw = Record<string, unknown>;

/** `namespace/name` taken apart; namespace `default` when there is none. */
function metadata(key: string, more: Raw = {}): Raw {
  const slash = key.indexOf("/");
  return {
    namespace: slash < 0 ? "default" : key.slice(0, slash),
    name: key.slice(slash + 1),
    ...more,
  };
}

/** A node with addresses, pod networks and annotations. */
export function node(name: string, options: {
  readonly ips?: readonly string[];
  readonly externalIps?: readonly string[];
  readonly podCidrs?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly zone?: string;
} = {}): Raw {
  const address = (type: string) => (address: string): Raw => ({
    type,
    address,
  });
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: options.zone === undefined
        ? {}
        : { "topology.kubernetes.io/zone": options.zone },
      annotations: options.annotations ?? {},
    },
    spec: { podCIDRs: options.podCidrs ?? [] },
    status: {
      addresses: [
        ...(options.ips ?? []).map(address("InternalIP")),
        ...(options.externalIps ?? []).map(address("ExternalIP")),
      ],
    },
  };
}

/** A service; `port` is one TCP port without a name unless `spec.ports` says otherwise. */
export function service(key: string, clusterIps: readonly string[], options: {
  readonly port?: number;
  readonly spec?: Raw;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ingress?: readonly Raw[];
} = {}): Raw {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(key, {
      uid: `uid-${key}`,
      annotations: options.annotations ?? {},
      labels: options.labels ?? {},
    }),
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIps[0],
      clusterIPs: clusterIps,
      ports: [{ port: options.port ?? 80, protocol: "TCP" }],
      ...options.spec,
    },
    status: { loadBalancer: { ingress: options.ingress ?? [] } },
  };
}

/** An endpoint as text: `ADDRESS@NODE`, and conditions after blanks: `!ready`, `terminating`, `serving`, `zone=Z`, `fornode=N`. */
function endpoint(text: string): Raw {
  const [place = "", ...words] = text.split(" ");
  const [address, nodeName] = place.split("@");
  const conditions: Raw = {};
  for (const word of words) {
    if (word === "!ready") conditions["ready"] = false;
    else if (word === "ready") conditions["ready"] = true;
    else if (word === "serving") conditions["serving"] = true;
    else if (word === "!serving") conditions["serving"] = false;
    else if (word === "terminating") conditions["terminating"] = true;
  }
  const named = (prefix: string): Raw[] =>
    words.filter((word) => word.startsWith(prefix))
      .map((word) => ({ name: word.slice(prefix.length) }));
  return {
    addresses: [address],
    ...(nodeName === undefined ? {} : { nodeName }),
    conditions,
    hints: { forZones: named("zone="), forNodes: named("fornode=") },
  };
}

/** A slice of a service; see {@linkcode endpoint} for the endpoints. */
export function slice(
  key: string,
  of: string,
  endpoints: readonly string[],
  options: {
    readonly port?: number;
    readonly ports?: readonly Raw[];
  } = {},
): Raw {
  const family =
    endpoints.some((text) => (text.split("@")[0] ?? "").includes(":"))
      ? "IPv6"
      : "IPv4";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: metadata(key, {
      labels: { "kubernetes.io/service-name": of },
    }),
    addressType: family,
    ports: options.ports ??
      [{ name: "", port: options.port ?? 8080, protocol: "TCP" }],
    endpoints: endpoints.map(endpoint),
  };
}

/** A pod with addresses on a node. */
export function pod(
  key: string,
  node: string,
  ips: readonly string[],
  spec: Raw = {},
): Raw {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadata(key, { uid: `uid-${key}` }),
    spec: { nodeName: node, containers: [], ...spec },
    status: { phase: "Running", podIPs: ips.map((ip) => ({ ip })) },
  };
}

/** A synced store with these objects; each must be usable. */
export function clusterOf(...objects: readonly Raw[]): ClusterStore {
  const { store, issues } = storeOf(objects);
  if (issues.length > 0) throw new Error(JSON.stringify(issues));
  return store;
}

/** Settings of node `a`: both families, kube-router's defaults. */
export function serviceSettings(
  more: Partial<ServiceSettings> = {},
): ServiceSettings {
  return {
    nodeName: "a",
    families: { 4: true, 6: true },
    virtualIps: {
      strict: true,
      serviceCidrs: [parsePrefix("10.96.0.0/12"), parsePrefix("fd96::/112")],
      externalIpRanges: [],
      loadBalancerIpRanges: [],
    },
    masqueradeAll: false,
    ...more,
  };
}

/** Nodes `a` and `b` with both families. */
export const NODES: readonly Raw[] = [
  node("a", {
    ips: ["10.0.0.1", "fd10::1"],
    podCidrs: ["10.244.1.0/24", "fd44:1::/64"],
  }),
  node("b", {
    ips: ["10.0.0.2", "fd10::2"],
    podCidrs: ["10.244.2.0/24", "fd44:2::/64"],
  }),
];
