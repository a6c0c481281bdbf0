/**
 * Settings of the service proxy, the firewall and the load-balancer allocator.
 *
 * @module
 */

import type { SettingGroup } from "./setting.ts";
import {
  BOOLEAN,
  CIDR_LIST,
  durationMs,
  durationSeconds,
  PORT_RANGE,
  TEXT,
} from "./value_type.ts";

const SECOND = 1000;

/** Services over IPVS. */
export const SERVICE_SETTINGS = {
  serviceClusterIpRanges: {
    name: "service-cluster-ip-range",
    type: CIDR_LIST,
    default: "10.96.0.0/12",
    description:
      "Ranges of cluster IPs, one of each family. All their addresses become local to the node.",
  },
  serviceExternalIpRanges: {
    name: "service-external-ip-range",
    type: CIDR_LIST,
    default: "",
    description: "Ranges that external IPs of services may come from.",
  },
  serviceNodePortRange: {
    name: "service-node-port-range",
    type: PORT_RANGE,
    default: "30000-32767",
    description: "Ports of services on node addresses.",
  },
  strictExternalIpValidation: {
    name: "strict-external-ip-validation",
    type: BOOLEAN,
    default: "true",
    description:
      "Serve and announce external and load-balancer IPs only when they lie in the ranges given for them (CVE-2020-8554). With no range given, none is served.",
  },
  masqueradeAll: {
    name: "masquerade-all",
    type: BOOLEAN,
    default: "false",
    description: "Give all traffic to services the node's source address.",
  },
  hairpinMode: {
    name: "hairpin-mode",
    type: BOOLEAN,
    default: "false",
    description:
      "Accepted for compatibility: a pod always reaches itself through its service.",
  },
  nodePortBindOnAllIp: {
    name: "nodeport-bindon-all-ip",
    type: BOOLEAN,
    default: "false",
    description:
      "Serve node ports on every address of the node instead of one of each family.",
  },
  excludedCidrs: {
    name: "excluded-cidrs",
    type: CIDR_LIST,
    default: "",
    description:
      "IPVS services with an address in these ranges belong to others and stay untouched.",
  },
  ipvsPermitAll: {
    name: "ipvs-permit-all",
    type: BOOLEAN,
    default: "true",
    description: "Refuse traffic to ports of virtual IPs that no service has.",
  },
  ipvsGracefulTermination: {
    name: "ipvs-graceful-termination",
    type: BOOLEAN,
    default: "false",
    description:
      "Let connections to an endpoint that goes away end by themselves for a while.",
  },
  ipvsGracefulPeriodSeconds: {
    name: "ipvs-graceful-period",
    type: durationSeconds({ minMs: 0 }),
    default: "30s",
    description: "How long, when the pod's own grace period is not known.",
  },
  ipvsSyncPeriodMs: {
    name: "ipvs-sync-period",
    type: durationMs({ minMs: SECOND }),
    default: "5m",
    description: "Upper bound of the time between two audits of IPVS.",
  },
  serviceTcpTimeoutSeconds: {
    name: "service-tcp-timeout",
    type: durationSeconds({ minMs: 0 }),
    default: "0s",
    description: "IPVS timeout of idle TCP connections; 0 leaves the kernel's.",
  },
  serviceTcpFinTimeoutSeconds: {
    name: "service-tcpfin-timeout",
    type: durationSeconds({ minMs: 0 }),
    default: "0s",
    description:
      "IPVS timeout of TCP connections after FIN; 0 leaves the kernel's.",
  },
  serviceUdpTimeoutSeconds: {
    name: "service-udp-timeout",
    type: durationSeconds({ minMs: 0 }),
    default: "0s",
    description: "IPVS timeout of UDP flows; 0 leaves the kernel's.",
  },
  runtimeEndpoint: {
    name: "runtime-endpoint",
    type: TEXT,
    default: "",
    description:
      "Socket of the container runtime, needed for direct server return.",
  },
} as const satisfies SettingGroup;

/** NetworkPolicies. */
export const FIREWALL_SETTINGS = {
  netpolDefaultDeny: {
    name: "netpol-default-deny",
    type: BOOLEAN,
    default: "false",
    description:
      "Refuse traffic of a local pod until its policies are in the kernel.",
  },
  iptablesSyncPeriodMs: {
    name: "iptables-sync-period",
    type: durationMs({ minMs: SECOND }),
    default: "5m",
    description: "Upper bound of the time between two audits of the firewall.",
  },
  useNftablesForNetpol: {
    name: "use-nftables-for-netpol",
    type: BOOLEAN,
    default: "false",
    description:
      "Accepted for compatibility, without effect: policies always are nftables rules.",
  },
} as const satisfies SettingGroup;

/** Addresses for services of type LoadBalancer. */
export const LOAD_BALANCER_SETTINGS = {
  loadBalancerIpRanges: {
    name: "loadbalancer-ip-range",
    type: CIDR_LIST,
    default: "",
    description:
      "Ranges that addresses are given out of, and that load-balancer IPs may come from.",
  },
  loadBalancerDefaultClass: {
    name: "loadbalancer-default-class",
    type: BOOLEAN,
    default: "true",
    description:
      "Also serve services without a load-balancer class, or with class `default`.",
  },
  loadBalancerSyncPeriodMs: {
    name: "loadbalancer-sync-period",
    type: durationMs({ minMs: SECOND }),
    default: "1m",
    description:
      "Upper bound of the time between two checks of the addresses given out.",
  },
} as const satisfies SettingGroup;
