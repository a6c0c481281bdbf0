/**
 * From the operator's settings to what each room takes.
 *
 * @module
 */

import type { Settings } from "../cluster/config/settings.ts";
import type { IpvsService } from "../dataplane/ipvs.ts";
import type { ServiceSettings } from "../ipvs/context.ts";
import type { VirtualIpRules } from "../cluster/virtual_ips.ts";
import type { Family } from "../net/ip.ts";
import { prefixContains } from "../net/prefix.ts";
import type { AnnounceSettings } from "../routing/context.ts";
import type { EgressSettings } from "../routing/egress.ts";
import type { PeerSettings } from "../routing/peers.ts";

/** Families that are on. */
export function familiesOf(settings: Settings): readonly Family[] {
  return [
    ...settings.enableIpv4 ? [4 as const] : [],
    ...settings.enableIpv6 ? [6 as const] : [],
  ];
}

/** The rules for addresses that users write into services. */
export function virtualIpRules(settings: Settings): VirtualIpRules {
  return {
    strict: settings.strictExternalIpValidation,
    serviceCidrs: settings.serviceClusterIpRanges,
    externalIpRanges: settings.serviceExternalIpRanges,
    loadBalancerIpRanges: settings.loadBalancerIpRanges,
  };
}

/** What the IPVS manager takes. */
export function serviceSettings(
  settings: Settings,
  node: string,
  kernelRelease: string | undefined,
): ServiceSettings {
  return {
    nodeName: node,
    families: { 4: settings.enableIpv4, 6: settings.enableIpv6 },
    virtualIps: virtualIpRules(settings),
    masqueradeAll: settings.masqueradeAll,
    ...(kernelRelease === undefined ? {} : { kernelRelease }),
  };
}

/** What the router takes. */
export function egressSettings(settings: Settings): EgressSettings {
  return {
    families: { 4: settings.enableIpv4, 6: settings.enableIpv6 },
    enablePodEgress: settings.enablePodEgress,
  };
}

/** What the compiler of announcements takes. */
export function announceSettings(
  settings: Settings,
  node: string,
): AnnounceSettings {
  return {
    nodeName: node,
    families: { 4: settings.enableIpv4, 6: settings.enableIpv6 },
    virtualIps: virtualIpRules(settings),
    advertisePodCidr: settings.advertisePodCidr,
    advertiseClusterIp: settings.advertiseClusterIp,
    advertiseExternalIp: settings.advertiseExternalIp,
    advertiseLoadBalancerIp: settings.advertiseLoadBalancerIp,
  };
}

/** What the compiler of peers takes. */
export function peerSettings(
  { settings, node }: { readonly settings: Settings; readonly node: string },
): PeerSettings {
  return {
    nodeName: node,
    clusterAs: settings.clusterAsn,
    enableIbgp: settings.enableIbgp,
    nodesFullMesh: settings.nodesFullMesh,
    bgpPort: settings.bgpPort,
    holdTimeSeconds: settings.bgpHoldTimeSeconds,
    multihopTtl: settings.peerRouterMultihopTtl,
    globalPeers: settings.peerRouterIps.map((address, i) => ({
      address,
      remoteAs: settings.peerRouterAsns[i] ?? 0,
      ...(settings.peerRouterPorts[i] === undefined
        ? {}
        : { port: settings.peerRouterPorts[i] }),
      ...((settings.peerRouterPasswords[i] ?? "") === ""
        ? {}
        : { password: settings.peerRouterPasswords[i] }),
    })),
  };
}

/**
 * Whether a virtual server found in the kernel is one that Fairway made: its
 * address lies in a range that services come from, or its port is a node port.
 * Without strict validation services may have any address, and everything
 * outside `--excluded-cidrs` is ours, as it is for kube-router.
 */
export function isOurVirtualServer(
  settings: Settings,
  service: IpvsService,
): boolean {
  const { at } = service;
  if (at.protocol === "mark") return false;
  const lies = (
    ranges: Settings["excludedCidrs"],
  ): boolean => ranges.some((range) => prefixContains(range, at.address));
  if (lies(settings.excludedCidrs)) return false;
  if (!settings.strictExternalIpValidation) return true;
  const { serviceNodePortRange } = settings;
  return lies(settings.serviceClusterIpRanges) ||
    lies(settings.serviceExternalIpRanges) ||
    lies(settings.loadBalancerIpRanges) ||
    (at.port >= serviceNodePortRange.first &&
      at.port <= serviceNodePortRange.last);
}
