/**
 * Settings of routing and BGP.
 *
 * @module
 */

import type { SettingGroup } from "./setting.ts";
import {
  ASN_LIST,
  BOOLEAN,
  choice,
  durationMs,
  durationSeconds,
  integer,
  IP_LIST,
  LISTEN_ADDRESS,
  OPTIONAL_PORT,
  PASSWORD_LIST,
  PORT,
  PORT_LIST,
  PRIVATE_ASN,
  ROUTER_ID,
  TEXT,
} from "./value_type.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** What the node announces, and to whom. */
export const BGP_SETTINGS = {
  clusterAsn: {
    name: "cluster-asn",
    type: PRIVATE_ASN,
    default: "64512",
    description:
      "AS number of the nodes when they form a full mesh. 0 means 64512.",
  },
  routerId: {
    name: "router-id",
    type: ROUTER_ID,
    default: "",
    description:
      "BGP identifier: an IPv4 address, or `generate` to derive one from the node's address. Empty: the node's IPv4 address.",
  },
  bgpPort: {
    name: "bgp-port",
    type: PORT,
    default: "179",
    description:
      "Port the speaker listens on, and the port of other nodes' speakers.",
  },
  bgpHoldTimeSeconds: {
    name: "bgp-holdtime",
    type: durationSeconds({
      minMs: 3 * SECOND,
      maxMs: 65_535 * SECOND,
      orZero: true,
    }),
    default: "1m30s",
    description:
      "Hold time offered to peers (RFC 4271 §4.2): without a message for that long the session ends. 0 sends no keepalives.",
  },
  bgpGracefulRestart: {
    name: "bgp-graceful-restart",
    type: BOOLEAN,
    default: "false",
    description:
      "Offer graceful restart (RFC 4724), so that peers keep our routes while the agent restarts.",
  },
  bgpGracefulRestartTimeSeconds: {
    name: "bgp-graceful-restart-time",
    type: durationSeconds({ minMs: SECOND, maxMs: 4095 * SECOND }),
    default: "1m30s",
    description: "How long peers keep our routes while the session is down.",
  },
  bgpGracefulRestartDeferralTimeSeconds: {
    name: "bgp-graceful-restart-deferral-time",
    type: durationSeconds({ minMs: SECOND, maxMs: 18 * HOUR }),
    default: "6m",
    description:
      "How long route selection waits at most for peers that are restarting themselves.",
  },
  enableIbgp: {
    name: "enable-ibgp",
    type: BOOLEAN,
    default: "true",
    description: "Peer with other nodes.",
  },
  nodesFullMesh: {
    name: "nodes-full-mesh",
    type: BOOLEAN,
    default: "true",
    description:
      "Peer with every other node. When off, each node's AS number comes from its annotation `kube-router.io/node.asn`, and nodes with the same number peer.",
  },
  overrideNextHop: {
    name: "override-nexthop",
    type: BOOLEAN,
    default: "false",
    description:
      "Announce routes to external peers with this node as next hop.",
  },
  peerRouterIps: {
    name: "peer-router-ips",
    type: IP_LIST,
    default: "",
    description:
      "External routers that every node peers with. When set, peers in node annotations are not used.",
  },
  peerRouterAsns: {
    name: "peer-router-asns",
    type: ASN_LIST,
    default: "",
    description: "AS number of each external router, in the same order.",
  },
  peerRouterPorts: {
    name: "peer-router-ports",
    type: PORT_LIST,
    default: "",
    description:
      "Port of each external router, in the same order. Empty: 179 for all.",
  },
  peerRouterPasswords: {
    name: "peer-router-passwords",
    type: PASSWORD_LIST,
    default: "",
    description:
      "TCP-MD5 password (RFC 2385) of each external router in base64, in the same order; an empty element is none.",
  },
  peerRouterPasswordsFile: {
    name: "peer-router-passwords-file",
    type: TEXT,
    default: "",
    description:
      "File that holds the passwords in the same form; the flag with the passwords wins.",
  },
  peerRouterMultihopTtl: {
    name: "peer-router-multihop-ttl",
    type: integer(0, 255),
    default: "0",
    description:
      "TTL of packets to external routers that are several hops away; 0 and 1 mean neighbours only.",
  },
  advertiseClusterIp: {
    name: "advertise-cluster-ip",
    type: BOOLEAN,
    default: "false",
    description:
      "Announce cluster IPs. A service may differ by annotation, as for the next two.",
  },
  advertiseExternalIp: {
    name: "advertise-external-ip",
    type: BOOLEAN,
    default: "false",
    description: "Announce external IPs of services.",
  },
  advertiseLoadBalancerIp: {
    name: "advertise-loadbalancer-ip",
    type: BOOLEAN,
    default: "false",
    description: "Announce load-balancer IPs of services.",
  },
  advertisePodCidr: {
    name: "advertise-pod-cidr",
    type: BOOLEAN,
    default: "true",
    description:
      "Announce the node's pod CIDRs to external peers. Other nodes always get them.",
  },
  enableBfd: {
    name: "enable-bfd",
    type: BOOLEAN,
    default: "false",
    description:
      "Watch the path to the routers of `--peer-router-ips` with BFD (RFC 5880).",
  },
  bfdDesiredMinTxIntervalMs: {
    name: "bfd-desired-min-tx-interval",
    type: integer(1, 4_294_967),
    default: "1000",
    description: "Shortest interval at which we want to send, milliseconds.",
  },
  bfdRequiredMinRxIntervalMs: {
    name: "bfd-required-min-rx-interval",
    type: integer(1, 4_294_967),
    default: "1000",
    description: "Shortest interval at which we can receive, milliseconds.",
  },
  bfdDetectionMultiplier: {
    name: "bfd-detection-multiplier",
    type: integer(1, 255),
    default: "3",
    description: "How many packets may be missing before the path is down.",
  },
  bfdPort: {
    name: "bfd-port",
    type: PORT,
    default: "3784",
    description: "UDP port of BFD (RFC 5881).",
  },
  gobgpAdminAddress: {
    name: "gobgp-admin-address",
    type: LISTEN_ADDRESS,
    default: "127.0.0.1",
    description:
      "Accepted for compatibility, without effect: there is no GoBGP inside. Use the state API.",
  },
  gobgpAdminPort: {
    name: "gobgp-admin-port",
    type: OPTIONAL_PORT,
    default: "50051",
    description: "Accepted for compatibility, without effect.",
  },
} as const satisfies SettingGroup;

/** Pod routes, tunnels and pod networking. */
export const ROUTING_SETTINGS = {
  enableIpv4: {
    name: "enable-ipv4",
    type: BOOLEAN,
    default: "true",
    description: "Serve IPv4. The node must have an IPv4 address.",
  },
  enableIpv6: {
    name: "enable-ipv6",
    type: BOOLEAN,
    default: "false",
    description: "Serve IPv6. The node must have an IPv6 address.",
  },
  enableOverlay: {
    name: "enable-overlay",
    type: BOOLEAN,
    default: "true",
    description: "Tunnel to nodes that cannot be reached directly.",
  },
  overlayType: {
    name: "overlay-type",
    type: choice("subnet", "full"),
    default: "subnet",
    description:
      "`subnet` tunnels to nodes of other subnets only, `full` to all nodes.",
  },
  overlayEncap: {
    name: "overlay-encap",
    type: choice("ipip", "fou"),
    default: "ipip",
    description: "How tunnels wrap packets: IP in IP, or that in UDP.",
  },
  overlayEncapPort: {
    name: "overlay-encap-port",
    type: integer(1024, 65535, "port"),
    default: "5555",
    description: "UDP port of tunnels, with `fou`.",
  },
  enablePodEgress: {
    name: "enable-pod-egress",
    type: BOOLEAN,
    default: "true",
    description:
      "Masquerade traffic of pods to addresses outside of the cluster.",
  },
  enableCni: {
    name: "enable-cni",
    type: BOOLEAN,
    default: "true",
    description:
      "Write the pod CIDRs into the CNI configuration. Switch it off beside another pod network.",
  },
  autoMtu: {
    name: "auto-mtu",
    type: BOOLEAN,
    default: "true",
    description:
      "Set the MTU of pods from that of the interface with the node's address.",
  },
  disableSourceDestCheck: {
    name: "disable-source-dest-check",
    type: BOOLEAN,
    default: "true",
    description:
      "On AWS, let the instance forward packets that are not its own.",
  },
  routesSyncPeriodMs: {
    name: "routes-sync-period",
    type: durationMs({ minMs: SECOND }),
    default: "5m",
    description:
      "Upper bound of the time between two audits of routes and announcements.",
  },
  injectedRoutesSyncPeriodMs: {
    name: "injected-routes-sync-period",
    type: durationMs({ minMs: SECOND }),
    default: "1m",
    description:
      "Upper bound of the time between two audits of learned routes in the kernel.",
  },
} as const satisfies SettingGroup;
