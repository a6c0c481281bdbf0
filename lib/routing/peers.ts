/**
 * Whom this node speaks BGP with: other nodes, and configured routers.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { ClusterView, Node } from "../cluster/model.ts";
import { allNodeIps, primaryNodeIp } from "../cluster/node_ips.ts";
import { compareIp, familyOf, type Ip } from "../net/ip.ts";
import { type NodeBgp, parseNodeBgp } from "./node_bgp.ts";
import {
  type BfdSpec,
  type ExternalPeer,
  hasPeerAnnotations,
  parsePeerAnnotations,
} from "./peer_annotations.ts";

/** What the operator chose. */
export interface PeerSettings {
  readonly nodeName: string;
  /** `--cluster-asn`: the AS of every node while the mesh is full. */
  readonly clusterAs: number;
  /** Peer with other nodes. */
  readonly enableIbgp: boolean;
  /** All nodes are one AS; else each node has annotation node.asn and peers with its equals. */
  readonly nodesFullMesh: boolean;
  /** TCP port of other nodes. */
  readonly bgpPort: number;
  /** Proposed to external peers, seconds. */
  readonly holdTimeSeconds: number;
  /** TTL towards external peers; below 2 it has no effect. */
  readonly multihopTtl: number;
  /** `--peer-router-*`; when there are any, peers in annotations are ignored. */
  readonly globalPeers: readonly ExternalPeer[];
}

/** One neighbour to have. */
export interface PeerSpec {
  /** For people: `Node worker-2`, `router 10.0.0.254`. */
  readonly name: string;
  /** `internal`: another node; `external`: a configured router, whatever its AS. */
  readonly kind: "internal" | "external";
  readonly address: Ip;
  readonly port: number;
  readonly remoteAs: number;
  readonly localAs: number;
  /** Local end of the connection; the kernel chooses when absent. */
  readonly localAddress?: Ip;
  /** TCP-MD5 key. */
  readonly password?: string;
  /** TTL of packets to an external peer that is not on our link, 2 to 255. */
  readonly multihopTtl?: number;
  readonly holdTimeSeconds: number;
  /** Name of the node, for internal peers. */
  readonly node?: string;
  /** We reflect routes to this peer, with this cluster id (RFC 4456). */
  readonly reflectorClient?: Ip;
  readonly bfd?: BfdSpec;
}

/** All neighbours, and this node's own part. */
export interface CompiledPeers {
  /** Undefined when this node cannot speak BGP; the issues say why. */
  readonly localAs: number | undefined;
  readonly own: NodeBgp | undefined;
  /** Sorted: internal first, then by address; no address twice. */
  readonly peers: readonly PeerSpec[];
  readonly issues: readonly Issue[];
}

const BGP_PORT = 179;
/** kube-router's `--bgp-holdtime` reaches external peers only; between nodes it is this. */
const INTERNAL_HOLD_SECONDS = 90;

/** Compiles the neighbours of this node. A bad entry costs only itself. */
export function compilePeers(
  view: ClusterView,
  settings: PeerSettings,
): CompiledPeers {
  const node = view.table("Node").get(settings.nodeName);
  if (node === undefined) {
    return none({
      object: `Node ${settings.nodeName}`,
      field: "",
      problem: "is not in the cluster, so it has no BGP peers",
      mend: "register the node, or name it with --hostname-override",
    });
  }
  const own = parseNodeBgp(node);
  const localAs = settings.nodesFullMesh ? settings.clusterAs : own.asn;
  if (localAs === undefined) {
    const missing = none({
      object: `Node ${node.name}`,
      field: 'metadata.annotations["kube-router.io/node.asn"]',
      problem: "is needed with --nodes-full-mesh=false",
      mend: "annotate the node with its AS number",
    });
    return { ...missing, own, issues: [...own.issues, ...missing.issues] };
  }
  const issues: Issue[] = [...own.issues];
  const external = externalPeers(node, localAs, settings, issues);
  const taken = new Set(external.map(({ address }) => address));
  const internal = settings.enableIbgp
    ? internalPeers(view, { node, own, localAs, settings, taken, issues })
    : [];
  const byAddress = (a: PeerSpec, b: PeerSpec): number =>
    compareIp(a.address, b.address);
  return {
    localAs,
    own,
    peers: [...internal.sort(byAddress), ...external.sort(byAddress)],
    issues,
  };
}

function none(issue: Issue): CompiledPeers {
  return { localAs: undefined, own: undefined, peers: [], issues: [issue] };
}

function externalPeers(
  node: Node,
  localAs: number,
  settings: PeerSettings,
  issues: Issue[],
): PeerSpec[] {
  let configured = settings.globalPeers;
  if (configured.length === 0) {
    const parsed = parsePeerAnnotations(node);
    configured = parsed.peers;
    issues.push(...parsed.issues);
  } else if (hasPeerAnnotations(node)) {
    issues.push({
      object: `Node ${node.name}`,
      field: 'metadata.annotations["kube-router.io/peers"]',
      problem: "is ignored, as --peer-router-ips names peers for all nodes",
      mend: "use one of the two",
    });
  }
  const addresses = new Set(allNodeIps(node));
  const peers = new Map<Ip, PeerSpec>();
  for (const peer of configured) {
    const name = `router ${peer.address}`;
    if (addresses.has(peer.address) || peers.has(peer.address)) {
      issues.push({
        object: `BGP ${name}`,
        field: "",
        problem: addresses.has(peer.address)
          ? "is this node itself"
          : "is configured twice",
        mend: "remove it",
      });
      continue;
    }
    peers.set(peer.address, {
      name,
      kind: "external",
      address: peer.address,
      port: peer.port ?? BGP_PORT,
      remoteAs: peer.remoteAs,
      localAs,
      holdTimeSeconds: settings.holdTimeSeconds,
      ...(settings.multihopTtl < 2
        ? {}
        : { multihopTtl: settings.multihopTtl }),
      ...(peer.localAddress === undefined
        ? {}
        : { localAddress: peer.localAddress }),
      ...(peer.password === undefined ? {} : { password: peer.password }),
      ...(peer.bfd === undefined ? {} : { bfd: peer.bfd }),
    });
  }
  return [...peers.values()];
}

function internalPeers(
  view: ClusterView,
  { node, own, localAs, settings, taken, issues }: {
    readonly node: Node;
    readonly own: NodeBgp;
    readonly localAs: number;
    readonly settings: PeerSettings;
    readonly taken: ReadonlySet<Ip>;
    readonly issues: Issue[];
  },
): PeerSpec[] {
  const localAddress = primaryNodeIp(node);
  if (localAddress === undefined) {
    issues.push({
      object: `Node ${node.name}`,
      field: "status.addresses",
      problem: "has no address, so no other node can peer with it",
      mend: "give the node an InternalIP",
    });
    return [];
  }
  const peers: PeerSpec[] = [];
  const owners = new Map<Ip, string>();
  const others = [...view.table("Node").values()]
    .filter((other) => other.name !== node.name)
    .sort((a, b) => a.name < b.name ? -1 : 1);
  for (const other of others) {
    const theirs = parseNodeBgp(other);
    if (!settings.nodesFullMesh && theirs.asn !== localAs) continue;
    if (
      own.reflection?.role === "client" && theirs.reflection?.role !== "server"
    ) continue;
    const address = primaryNodeIp(other);
    const problem = address === undefined
      ? "has no address, so it cannot be a BGP peer"
      : familyOf(address) !== familyOf(localAddress)
      ? `has the address ${address}, of another family than ours`
      : address === localAddress
      ? `has our own address ${address}`
      : owners.has(address)
      ? `has the address ${address} of Node ${owners.get(address)}`
      : undefined;
    if (address === undefined || problem !== undefined) {
      issues.push({
        object: `Node ${other.name}`,
        field: "status.addresses",
        problem: problem ?? "has no address",
        mend: "give each node an InternalIP of its own, of one family first",
      });
      continue;
    }
    owners.set(address, other.name);
    // A router configured by hand at this address is what the operator wants.
    if (taken.has(address)) continue;
    peers.push({
      name: `Node ${other.name}`,
      kind: "internal",
      address,
      port: settings.bgpPort,
      remoteAs: localAs,
      localAs,
      localAddress,
      holdTimeSeconds: INTERNAL_HOLD_SECONDS,
      node: other.name,
      ...(own.reflection?.role === "server" &&
          theirs.reflection?.role === "client"
        ? { reflectorClient: own.reflection.clusterId }
        : {}),
    });
  }
  return peers;
}
