/**
 * Settings of kube-router that are taken and checked, but have no effect yet.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Settings } from "../cluster/config/settings.ts";
import type { PeerSpec } from "../routing/peers.ts";

/** Settings that ask for something that is not there, one line each. */
export function unsupportedSettings(settings: Settings): readonly string[] {
  const lines: string[] = [];
  const tell = (asked: boolean, flag: string, consequence: string): void => {
    if (asked) lines.push(`${flag} has no effect yet: ${consequence}`);
  };
  tell(
    settings.runLoadBalancer,
    "--run-loadbalancer",
    "no addresses are given to services of type LoadBalancer",
  );
  tell(
    settings.overlayType === "full",
    "--overlay-type=full",
    "there are no tunnels; nodes must reach each other's pods directly",
  );
  tell(
    settings.enableBfd,
    "--enable-bfd",
    "failures are seen by the hold time only",
  );
  tell(
    settings.ipvsGracefulTermination,
    "--ipvs-graceful-termination",
    "an endpoint that goes away is removed at once",
  );
  tell(
    settings.netpolDefaultDeny,
    "--netpol-default-deny",
    "pods that are not known yet are always closed",
  );
  tell(
    settings.nodePortBindOnAllIp,
    "--nodeport-bindon-all-ip",
    "node ports are served on one address of each family",
  );
  tell(
    settings.overrideNextHop,
    "--override-nexthop",
    "this node is always the next hop of what it announces",
  );
  tell(
    settings.serviceTcpTimeoutSeconds > 0 ||
      settings.serviceTcpFinTimeoutSeconds > 0 ||
      settings.serviceUdpTimeoutSeconds > 0,
    "--service-tcp-timeout, --service-tcpfin-timeout, --service-udp-timeout",
    "IPVS keeps the kernel's timeouts",
  );
  return lines;
}

/** Peers that can be had, and issues for what others ask that is not there. */
export function supportedPeers(
  peers: readonly PeerSpec[],
): { readonly peers: readonly PeerSpec[]; readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const tell = (peer: PeerSpec, problem: string, mend: string): void => {
    issues.push({ object: `BGP ${peer.name}`, field: "", problem, mend });
  };
  const kept = peers.filter((peer) => {
    if (peer.bfd !== undefined) {
      tell(peer, "asks for BFD, which is not there yet", "use the hold time");
    }
    if (peer.reflectorClient !== undefined) {
      tell(
        peer,
        "is a route reflector client, and reflection is not there yet",
        "use the full mesh",
      );
    }
    if ((peer.multihopTtl ?? 0) > 1) {
      tell(
        peer,
        "asks for a TTL; sessions always have the kernel's",
        "leave --peer-router-multihop-ttl out",
      );
    }
    // A session without its password would fail, or worse, come up.
    if (peer.password === undefined) return true;
    tell(
      peer,
      "has a password, and TCP-MD5 is not there yet, so there is no session",
      "remove the password on both sides, or wait for TCP-MD5",
    );
    return false;
  });
  return { peers: kept, issues };
}
