/** Ports and protocols: rows 57 to 75 of the edge-case list. */

import { type Case, once } from "./case.ts";
import { podObject } from "./cast.ts";

/** A policy x/p with these ingress ports for everyone. */
function ports(list: string): string {
  return `x/p: {podSelector: {}, ingress: [{ports: [${list}]}]}`;
}

export const PORTS: readonly Case[] = [
  once(
    "57 no protocol is TCP",
    ports("{port: 80}"),
    `y/a -> x/a TCP 80: yes
     y/a -> x/a UDP 80: no`,
  ),
  once(
    "58 a protocol without port is all its ports",
    ports("{protocol: UDP}"),
    `y/a -> x/a UDP 1: yes
     y/a -> x/a UDP 65535: yes
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "60, 61 a named port for ingress is each selected pod's own",
    ports("{port: web}"),
    `y/a -> x/a TCP 80: yes
     y/a -> x/a TCP 8080: no
     y/a -> x/b TCP 8080: yes
     y/a -> x/b TCP 80: no`,
  ),
  once(
    "62 a named port for egress is each destination's own, everywhere",
    "x/p: {podSelector: {}, egress: [{ports: [{port: web}]}]}",
    `x/a -> y/a TCP 80: yes
     x/a -> y/b TCP 8080: yes
     x/a -> y/b TCP 80: no
     x/a -> z/a TCP 8080: no
     x/a -> outside TCP 80: no`,
  ),
  once(
    "62 a named port for egress with peers",
    "x/p: {podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {ns: y}}}], ports: [{port: web}, {port: 9}]}]}",
    `x/a -> y/b TCP 8080: yes
     x/a -> y/b TCP 80: no
     x/a -> z/b TCP 8080: no
     x/a -> y/b TCP 9: yes`,
  ),
  once(
    "63 a name that nobody declares matches nothing",
    "x/p: {podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: nothing}]}], egress: [{to: [{podSelector: {}}], ports: [{port: nothing}]}]}",
    `x/b -> x/a TCP 80: no
     x/b -> x/a TCP 8080: no
     x/a -> y/a TCP 80: no`,
  ),
  once(
    "64 a name of another protocol does not match",
    ports("{port: web, protocol: UDP}"),
    `y/a -> x/a UDP 80: no
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "65 one name twice, of TCP and UDP",
    ports("{port: dns, protocol: UDP}, {port: dns, protocol: TCP}"),
    `y/a -> x/c UDP 53: yes
     y/a -> x/c TCP 5353: yes
     y/a -> x/c UDP 5353: no
     y/a -> x/c TCP 53: no`,
  ),
  {
    name:
      "66 a named port of a sidecar counts, of an init container it does not",
    steps: [{
      objects: [
        podObject("x/a", {
          initContainers: [
            {
              name: "proxy",
              restartPolicy: "Always",
              ports: [{ name: "proxy", containerPort: 15001 }],
            },
            { name: "setup", ports: [{ name: "setup", containerPort: 9 }] },
          ],
        }),
      ],
      policies: ports("{port: proxy}, {port: setup}"),
      flows: `y/a -> x/a TCP 15001: yes
              y/a -> x/a TCP 9: no`,
    }],
  },
  once(
    "67 a named port with a block: pods in the block that declare it",
    "x/p: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.2.0.0/24}}], ports: [{port: web}]}]}",
    `x/a -> y/b TCP 8080 IPv4: yes
     x/a -> y/a TCP 80 IPv4: no
     x/a -> 10.2.0.99 TCP 80 IPv4: no`,
  ),
  once(
    "68 endPort is inclusive",
    ports("{port: 80, endPort: 90}"),
    `y/a -> x/a TCP 79: no
     y/a -> x/a TCP 80: yes
     y/a -> x/a TCP 90: yes
     y/a -> x/a TCP 91: no`,
  ),
  once(
    "69 endPort equal to port, the whole range, and a name with endPort",
    `x/p: {podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 80, endPort: 80}]}]}
x/q: {podSelector: {matchLabels: {pod: b}}, ingress: [{ports: [{port: 1, endPort: 65535}]}]}
x/r: {podSelector: {matchLabels: {pod: c}}, ingress: [{ports: [{port: web, endPort: 90}]}]}`,
    `y/a -> x/a TCP 80: yes
     y/a -> x/a TCP 81: no
     y/a -> x/b TCP 65535: yes
     y/a -> x/b UDP 80: no
     y/a -> x/c TCP 80: no`,
  ),
  once(
    "70, 73 an SCTP rule opens SCTP and not TCP",
    ports("{port: 80, protocol: SCTP}"),
    `y/a -> x/a SCTP 80: yes
     y/a -> x/a SCTP 81: no
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "71, 72 rules of one protocol isolate from the others",
    ports("{protocol: UDP, port: 53}"),
    `y/a -> x/a UDP 53: yes
     y/a -> x/a TCP 53: no
     y/a -> x/a SCTP 53: no`,
  ),
  once(
    "74 one port of two protocols",
    ports("{port: 53, protocol: TCP}, {port: 53, protocol: UDP}"),
    `y/a -> x/a TCP 53: yes
     y/a -> x/a UDP 53: yes
     y/a -> x/a SCTP 53: no`,
  ),
  once(
    "75 ICMP: a rule without ports allows it, one with ports does not",
    `x/p: {podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]}
x/q: {podSelector: {matchLabels: {pod: b}}, ingress: [{ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]}]}`,
    `y/a -> x/a ICMP: yes
     z/a -> x/a ICMP: no
     y/a -> x/b ICMP: no`,
  ),
  once(
    "overlapping ranges of several rules and policies",
    `x/p: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}], ports: [{port: 80, endPort: 90}]}, {from: [{namespaceSelector: {matchLabels: {ns: z}}}], ports: [{port: 85, endPort: 95}]}]}
x/q: {podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 88}]}, {ports: [{port: 89}]}]}`,
    `y/a -> x/a TCP 84: yes
     z/a -> x/a TCP 84: no
     y/a -> x/a TCP 88: yes
     z/a -> x/a TCP 88: yes
     x/b -> x/a TCP 88: yes
     x/b -> x/a TCP 87: no
     x/a -> x/b TCP 88: no
     outside -> x/a TCP 89: yes
     z/a -> x/a TCP 95: yes
     y/a -> x/a TCP 95: no`,
  ),
  {
    name: "a pod's named port changes its number",
    steps: [
      {
        policies: `${ports("{port: web}")}
y/p: {podSelector: {}, egress: [{ports: [{port: web}]}]}`,
        flows: `y/a -> x/a TCP 80: yes
                y/a -> x/a TCP 8000: no`,
      },
      {
        objects: [
          podObject("x/a", { ports: [{ name: "web", containerPort: 8000 }] }),
        ],
        flows: `y/a -> x/a TCP 80: no
                y/a -> x/a TCP 8000: yes`,
      },
    ],
  },
];
