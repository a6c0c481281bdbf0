/**
 * What the service compilers must know besides the service itself.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { EndpointObserver } from "../cluster/endpoints.ts";
import type { ClusterView, Node } from "../cluster/model.ts";
import {
  allNodeIps,
  type Families,
  type FamilyIps,
  nodeIpsOf,
} from "../cluster/node_ips.ts";
import type { VirtualIpRules } from "../cluster/virtual_ips.ts";
import { type Family, familyOf, type Ip } from "../net/ip.ts";
import {
  type Prefix,
  prefixContains,
  prefixCovers,
  prefixFamily,
} from "../net/prefix.ts";

/** What the operator chose. */
export interface ServiceSettings {
  readonly nodeName: string;
  readonly families: Families;
  /** Service ranges and the rules for external addresses. */
  readonly virtualIps: VirtualIpRules;
  /** Replace the source address of every load-balanced connection. */
  readonly masqueradeAll: boolean;
  /**
   * Addresses on which node ports are served; undefined: the node's address of
   * each family.
   */
  readonly nodePortAddresses?: readonly Ip[];
  /** Networks outside the cluster's objects that this node uses: its connected subnets. */
  readonly occupied?: readonly Prefix[];
  /** `uname -r`; decides parameters that changed their meaning. */
  readonly kernelRelease?: string;
}

/** Everything a compiler needs that is not the service: the settings, and this node as the cluster knows it. */
export interface ServiceContext {
  readonly settings: ServiceSettings;
  readonly observer: EndpointObserver;
  /** The node's address of each family that is on; a family without one is not served. */
  readonly nodeIps: FamilyIps;
  /** This node's pod networks. */
  readonly podCidrs: readonly Prefix[];
  /** Service ranges that one local route can make local without harm to anything else. */
  readonly ranges: readonly Prefix[];
}

/** The context, and what is wrong with it. */
export interface ResolvedContext {
  readonly context: ServiceContext;
  readonly issues: readonly Issue[];
}

/**
 * Looks this node up and finds which service ranges can be routed as a whole.
 *
 * Costs one look at every node object; {@linkcode touchesContext} says when it
 * is worth it.
 */
export function resolveContext(
  view: ClusterView,
  settings: ServiceSettings,
): ResolvedContext {
  const issues: Issue[] = [];
  const node = view.table("Node").get(settings.nodeName);
  if (node === undefined) {
    issues.push({
      object: `Node ${settings.nodeName}`,
      field: "",
      problem: "is not in the cluster, so no service can be served here",
      mend: "register the node, or name it with --hostname-override",
    });
  }
  const nodeIps = node === undefined ? {} : nodeIpsOf(node, settings.families);
  if (node !== undefined) {
    for (const family of [4, 6] as const) {
      if (settings.families[family] && nodeIps[family] === undefined) {
        issues.push({
          object: `Node ${node.name}`,
          field: "status.addresses",
          problem: `no IPv${family} address, so no IPv${family} service works`,
          mend: `give the node one, or switch IPv${family} off`,
        });
      }
    }
  }
  const ranges = settings.virtualIps.serviceCidrs.filter((range) => {
    if (nodeIps[prefixFamily(range)] === undefined) return false;
    const holder = occupant(view, settings, range);
    if (holder === undefined) return true;
    issues.push({
      object: `service range ${range}`,
      field: "--service-cluster-ip-range",
      problem: `overlaps ${holder}, so each service address is routed alone`,
      mend: "give the range that the API server uses",
    });
    return false;
  });
  return {
    context: {
      settings,
      observer: {
        node: settings.nodeName,
        zone: node?.labels.get("topology.kubernetes.io/zone") ?? "",
        nodeAddresses: new Set(node === undefined ? [] : allNodeIps(node)),
      },
      nodeIps,
      podCidrs: (node?.podCidrs ?? [])
        .filter((cidr) => nodeIps[prefixFamily(cidr)] !== undefined),
      ranges,
    },
    issues,
  };
}

/** Whether a change of this node object can change the context: it is our own, or it lies in a service range. */
export function touchesContext(
  node: Node,
  settings: ServiceSettings,
): boolean {
  return node.name === settings.nodeName ||
    settings.virtualIps.serviceCidrs.some((range) => liesIn(node, range));
}

/** Whether an address is local through the route of a service range. */
export function inRange(context: ServiceContext, ip: Ip): boolean {
  return context.ranges.some((range) => prefixContains(range, ip));
}

/** The node's own address of a family, when the family is served. */
export function nodeIp(
  context: ServiceContext,
  family: Family,
): Ip | undefined {
  return context.nodeIps[family];
}

/** Addresses on which node ports are served, of families that are served. */
export function nodePortAddresses(context: ServiceContext): readonly Ip[] {
  const chosen = context.settings.nodePortAddresses;
  if (chosen === undefined) {
    return ([4, 6] as const).flatMap((family) => nodeIp(context, family) ?? []);
  }
  return chosen.filter((ip) => nodeIp(context, familyOf(ip)) !== undefined);
}

/** Who has addresses in a range besides services: a network in use, or a node. */
function occupant(
  view: ClusterView,
  settings: ServiceSettings,
  range: Prefix,
): string | undefined {
  const network = settings.occupied?.find((used) => overlaps(range, used));
  if (network !== undefined) return `the network ${network}`;
  for (const node of view.table("Node").values()) {
    if (liesIn(node, range)) return `Node ${node.name}`;
  }
  return undefined;
}

function liesIn(node: Node, range: Prefix): boolean {
  return allNodeIps(node).some((ip) => prefixContains(range, ip)) ||
    node.podCidrs.some((cidr) => overlaps(range, cidr));
}

function overlaps(a: Prefix, b: Prefix): boolean {
  return prefixCovers(a, b) || prefixCovers(b, a);
}
