/**
 * What the routing compilers must know besides the objects they compile.
 *
 * @module
 */

import type { EndpointObserver } from "../cluster/endpoints.ts";
import type { ClusterView } from "../cluster/model.ts";
import {
  allNodeIps,
  type Families,
  type FamilyIps,
  nodeIpsOf,
} from "../cluster/node_ips.ts";
import type { VirtualIpRules } from "../cluster/virtual_ips.ts";
import { type Prefix, prefixFamily } from "../net/prefix.ts";

/** What the operator wants announced. */
export interface AnnounceSettings {
  readonly nodeName: string;
  readonly families: Families;
  readonly virtualIps: VirtualIpRules;
  /** To external peers; other nodes always learn the pod networks. */
  readonly advertisePodCidr: boolean;
  /** Where a service's annotation does not say otherwise. */
  readonly advertiseClusterIp: boolean;
  readonly advertiseExternalIp: boolean;
  readonly advertiseLoadBalancerIp: boolean;
}

/** The settings, and this node as the cluster knows it. */
export interface AnnounceContext {
  readonly settings: AnnounceSettings;
  readonly observer: EndpointObserver;
  /** Next hops of what is announced; a family without one is not announced. */
  readonly nodeIps: FamilyIps;
  /** This node's pod networks of families that are on. */
  readonly podCidrs: readonly Prefix[];
}

/** Looks this node up; an unknown node announces nothing. */
export function resolveAnnounceContext(
  view: ClusterView,
  settings: AnnounceSettings,
): AnnounceContext {
  const node = view.table("Node").get(settings.nodeName);
  const nodeIps = node === undefined ? {} : nodeIpsOf(node, settings.families);
  return {
    settings,
    observer: {
      node: settings.nodeName,
      zone: node?.labels.get("topology.kubernetes.io/zone") ?? "",
      nodeAddresses: new Set(node === undefined ? [] : allNodeIps(node)),
    },
    nodeIps,
    podCidrs: (node?.podCidrs ?? [])
      .filter((cidr) => nodeIps[prefixFamily(cidr)] !== undefined),
  };
}
