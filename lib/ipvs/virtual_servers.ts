/**
 * The virtual servers of a service: every address and port on which it listens.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type {
  Protocol,
  Service,
  ServicePort,
  TrafficPolicy,
} from "../cluster/model.ts";
import { trafficPolicies, virtualIps } from "../cluster/virtual_ips.ts";
import { type IpvsAddress, ipvsAddressText } from "../dataplane/ipvs.ts";
import { type Family, familyOf, type Ip } from "../net/ip.ts";
import { nodeIp, nodePortAddresses, type ServiceContext } from "./context.ts";

/**
 * Why a service listens at an address. The order is the order of precedence when
 * two services want the same address and port: what the API server allots comes
 * before what a controller writes, and that before what a user writes.
 */
export const SERVER_KINDS = [
  "cluster",
  "node_port",
  "load_balancer",
  "external",
] as const;

/** See {@linkcode SERVER_KINDS}. */
export type ServerKind = typeof SERVER_KINDS[number];

/** One virtual server. */
export interface VirtualServer {
  /** `tcp/10.96.0.1:80`: what two services cannot both have. */
  readonly text: string;
  readonly at: SocketAddress;
  readonly family: Family;
  readonly kind: ServerKind;
  readonly port: ServicePort;
  readonly policy: TrafficPolicy;
}

/** An address with port, not a mark. */
export type SocketAddress = Exclude<
  IpvsAddress,
  { readonly protocol: "mark" }
>;

const IPVS_PROTOCOL: Readonly<Record<Protocol, SocketAddress["protocol"]>> = {
  TCP: "tcp",
  UDP: "udp",
  SCTP: "sctp",
};

/**
 * Lists the virtual servers of a service, in order of precedence, each address
 * and port once. Families without a node address are left out.
 */
export function listVirtualServers(
  service: Service,
  context: ServiceContext,
): {
  readonly servers: readonly VirtualServer[];
  readonly issues: readonly Issue[];
} {
  const ips = virtualIps(service, context.settings.virtualIps);
  const policies = trafficPolicies(service);
  const servers = new Map<string, VirtualServer>();
  const add = (
    address: Ip,
    number: number,
    port: ServicePort,
    kind: ServerKind,
  ): void => {
    const family = familyOf(address);
    if (nodeIp(context, family) === undefined) return;
    const at: SocketAddress = {
      protocol: IPVS_PROTOCOL[port.protocol],
      address,
      port: number,
    };
    const text = ipvsAddressText(at);
    if (servers.has(text)) return;
    const policy = kind === "cluster" ? policies.internal : policies.external;
    servers.set(text, { text, at, family, kind, port, policy });
  };
  const families = new Set(ips.cluster.map(familyOf));
  for (const port of service.ports) {
    for (const ip of ips.cluster) add(ip, port.port, port, "cluster");
    if (port.nodePort !== 0 && families.size > 0) {
      for (const ip of nodePortAddresses(context)) {
        if (families.has(familyOf(ip))) {
          add(ip, port.nodePort, port, "node_port");
        }
      }
    }
  }
  for (const port of service.ports) {
    for (const ip of ips.loadBalancer) {
      add(ip, port.port, port, "load_balancer");
    }
    for (const ip of ips.external) add(ip, port.port, port, "external");
  }
  return { servers: [...servers.values()], issues: ips.issues };
}
