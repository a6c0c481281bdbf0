/**
 * What services need of the node whatever services there are: kernel
 * parameters, the dummy link, local routes of the service ranges, and the chains.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import type { IpValue } from "../dataplane/ip.ts";
import type { NftValue } from "../dataplane/nft.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import { prefixFamily } from "../net/prefix.ts";
import { nodeIp, type ServiceContext } from "./context.ts";
import { compileServiceNat } from "./service_nat.ts";
import { DUMMY_LINK_ENTRY, localRoute } from "./vip_route.ts";

/** The base, by tool. */
export interface IpvsBase {
  readonly sysctl: readonly Entry<SysctlValue>[];
  readonly ip: readonly Entry<IpValue>[];
  readonly nft: readonly Entry<NftValue>[];
}

/** Compiles the base; empty when the node serves no family. */
export function compileIpvsBase(context: ServiceContext): IpvsBase {
  if (context.nodeIps[4] === undefined && context.nodeIps[6] === undefined) {
    return { sysctl: [], ip: [], nft: [] };
  }
  const routes = context.ranges.flatMap((range) => {
    const source = nodeIp(context, prefixFamily(range));
    return source === undefined ? [] : [localRoute(range, source)];
  });
  return {
    sysctl: compileSysctls(context),
    ip: [DUMMY_LINK_ENTRY, ...routes],
    nft: compileServiceNat(context),
  };
}

/**
 * `conn_reuse_mode` for a kernel: 1 from 5.9 on. Before that, 1 delays a SYN
 * that reuses a port by a second (kubernetes#70747), and 0 is the lesser evil
 * although it keeps such a client on a drained endpoint (kubernetes#81775).
 *
 * @param release `uname -r`, for example `6.1.0-30-amd64`; undefined counts as new
 */
export function connReuseMode(release: string | undefined): 0 | 1 {
  const match = /^(\d+)\.(\d+)/.exec(release ?? "");
  if (match === null) return 1;
  const major = Number(match[1]);
  return major > 5 || (major === 5 && Number(match[2]) >= 9) ? 1 : 0;
}

function compileSysctls(
  context: ServiceContext,
): readonly Entry<SysctlValue>[] {
  const values: SysctlValue[] = [
    // Load-balanced connections are tracked, so that NAT and policies see them.
    { name: "net.ipv4.vs.conntrack", value: "1" },
    // Connections and affinity to an endpoint that is gone end at once.
    { name: "net.ipv4.vs.expire_nodest_conn", value: "1" },
    { name: "net.ipv4.vs.expire_quiescent_template", value: "1" },
    {
      name: "net.ipv4.vs.conn_reuse_mode",
      value: String(connReuseMode(context.settings.kernelRelease)),
      optional: true,
    },
    // Virtual IPs are local, but no neighbour may learn their link address.
    { name: "net.ipv4.conf.all.arp_ignore", value: "1" },
    { name: "net.ipv4.conf.all.arp_announce", value: "2" },
    // Loose: replies and requests of one connection may use different links.
    { name: "net.ipv4.conf.all.rp_filter", value: "2" },
    { name: "net.ipv4.ip_forward", value: "1" },
    // A pod's answer to a pod on the same bridge must pass IPVS on its way back.
    {
      name: "net.bridge.bridge-nf-call-iptables",
      value: "1",
      optional: true,
    },
  ];
  if (context.nodeIps[6] !== undefined) {
    values.push({ name: "net.ipv6.conf.all.forwarding", value: "1" }, {
      name: "net.bridge.bridge-nf-call-ip6tables",
      value: "1",
      optional: true,
    });
  }
  return values.map((value) => ({ key: value.name, value }));
}
