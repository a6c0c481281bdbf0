/**
 * Which endpoints serve a service port.
 *
 * Ready ones do. Only when none is ready, those that are terminating but still
 * serving do (KEP-1669). Topology hints narrow the choice for policy Cluster by
 * kube-proxy's rule: node hints count when every ready endpoint has one and one
 * of them names this node, else zone hints likewise, else all (KEP-4444, KEP-2433).
 * Policy Local looks at this node's endpoints alone and ignores hints (KEP-2086).
 *
 * @module
 */

import { compareIp, type Family, type Ip } from "../net/ip.ts";
import type {
  Endpoint,
  EndpointSlice,
  ServicePort,
  TrafficPolicy,
} from "./model.ts";

/** Where the question is asked from. */
export interface EndpointObserver {
  readonly node: string;
  /** Label topology.kubernetes.io/zone of the node; empty when it has none. */
  readonly zone: string;
  /** The node's own addresses: an endpoint without a node name is local when it has one of them. */
  readonly nodeAddresses: ReadonlySet<Ip>;
}

/** What is asked. */
export interface EndpointQuery {
  readonly port: Pick<ServicePort, "name" | "protocol">;
  readonly family: Family;
  readonly policy: TrafficPolicy;
}

/** An endpoint that takes new connections. */
export interface ServingEndpoint {
  readonly address: Ip;
  readonly port: number;
  /** On the observer's node. */
  readonly local: boolean;
}

/** The endpoints chosen, and of what kind they are. */
export interface EndpointChoice {
  /** Sorted by address, then port; no duplicates. */
  readonly endpoints: readonly ServingEndpoint[];
  readonly state: "ready" | "terminating" | "none";
}

interface Candidate extends ServingEndpoint {
  readonly ready: boolean;
  readonly hintZones: readonly string[];
  readonly hintNodes: readonly string[];
}

const NONE: EndpointChoice = { endpoints: [], state: "none" };

/**
 * Chooses the endpoints that new connections go to.
 *
 * An address may stand in two slices while it moves between them: it counts as
 * ready when one of them says so. All addresses of an endpoint are used.
 */
export function chooseEndpoints(
  slices: Iterable<EndpointSlice>,
  query: EndpointQuery,
  observer: EndpointObserver,
): EndpointChoice {
  const candidates = collect(slices, query, observer);
  const inScope = query.policy === "Local"
    ? candidates.filter((candidate) => candidate.local)
    : candidates;
  const ready = inScope.filter((candidate) => candidate.ready);
  const chosen = ready.length === 0
    ? inScope
    : query.policy === "Local"
    ? ready
    : byTopology(ready, observer);
  if (chosen.length === 0) return NONE;
  return {
    endpoints: chosen
      .map(({ address, port, local }) => ({ address, port, local }))
      .sort((a, b) => compareIp(a.address, b.address) || a.port - b.port),
    state: ready.length === 0 ? "terminating" : "ready",
  };
}

/** Whether an endpoint runs on the observer's node. */
export function isLocalEndpoint(
  endpoint: Endpoint,
  observer: EndpointObserver,
): boolean {
  return endpoint.node === ""
    ? endpoint.addresses.some((ip) => observer.nodeAddresses.has(ip))
    : endpoint.node === observer.node;
}

/** Every usable address and port once: ready, or terminating and still serving. */
function collect(
  slices: Iterable<EndpointSlice>,
  query: EndpointQuery,
  observer: EndpointObserver,
): readonly Candidate[] {
  const bySocket = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.family !== query.family) continue;
    const port = slice.ports.find((port) =>
      port.name === query.port.name && port.protocol === query.port.protocol
    )?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints) {
      if (!endpoint.ready && !(endpoint.serving && endpoint.terminating)) {
        continue;
      }
      const local = isLocalEndpoint(endpoint, observer);
      for (const address of endpoint.addresses) {
        const socket = `${address} ${port}`;
        const known = bySocket.get(socket);
        if (known !== undefined && (known.ready || !endpoint.ready)) continue;
        const { ready, hintZones, hintNodes } = endpoint;
        bySocket.set(socket, {
          address,
          port,
          local,
          ready,
          hintZones,
          hintNodes,
        });
      }
    }
  }
  return [...bySocket.values()];
}

function byTopology(
  ready: readonly Candidate[],
  { node, zone }: EndpointObserver,
): readonly Candidate[] {
  if (ready.every(({ hintNodes }) => hintNodes.length > 0)) {
    const near = ready.filter(({ hintNodes }) => hintNodes.includes(node));
    if (near.length > 0) return near;
  }
  if (zone !== "" && ready.every(({ hintZones }) => hintZones.length > 0)) {
    const near = ready.filter(({ hintZones }) => hintZones.includes(zone));
    if (near.length > 0) return near;
  }
  return ready;
}
