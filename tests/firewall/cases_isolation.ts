/** Isolation, policy types and the union of policies: rows 1 to 24 of the edge-case list. */

import { type Case, once } from "./case.ts";
import { namespaceObject, podObject } from "./cast.ts";

export const ISOLATION: readonly Case[] = [
  once(
    "1 no policy selects the pod: both directions open",
    "",
    `y/a -> x/a TCP 80: yes
     x/a -> y/a UDP 53: yes
     x/a -> outside TCP 443: yes
     outside -> x/a SCTP 9: yes
     y/a -> x/a ICMP: yes`,
  ),
  once(
    "2 an empty podSelector selects every pod of the policy's namespace and no other",
    "x/p: {podSelector: {}, policyTypes: [Ingress]}",
    `y/a -> x/a TCP 80: no
     x/a -> x/b TCP 80: no
     outside -> x/c UDP 53: no
     x/a -> y/a TCP 80: yes
     z/a -> y/a TCP 80: yes`,
  ),
  {
    name: "3 a selector that matches nothing is inert until a pod appears",
    steps: [
      {
        policies:
          "x/p: {podSelector: {matchLabels: {pod: late}}, policyTypes: [Ingress]}",
        flows: "y/a -> x/a TCP 80: yes",
      },
      {
        objects: [
          podObject("x/a", { labels: { pod: "late" } }),
        ],
        flows: `y/a -> x/a TCP 80: no
                y/a -> x/b TCP 80: yes`,
      },
    ],
  },
  once(
    "4 no policyTypes and no egress: ingress only",
    "x/p: {podSelector: {}, ingress: []}",
    `y/a -> x/a TCP 80: no
     x/a -> y/a TCP 80: yes`,
  ),
  once(
    "5 no policyTypes, an egress rule: both directions, ingress without a rule",
    "x/p: {podSelector: {}, egress: [{}]}",
    `x/a -> y/a TCP 80: yes
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "6 no policyTypes, an empty egress list: egress stays open",
    "x/p: {podSelector: {}, egress: []}",
    `x/a -> y/a TCP 80: yes
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "7 policyTypes Egress: ingress rules mean nothing",
    "x/p: {podSelector: {}, policyTypes: [Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{}]}",
    `y/a -> x/a TCP 80: yes
     x/a -> y/a TCP 80: yes`,
  ),
  once(
    "8 policyTypes Egress without rules denies all egress and no ingress",
    "x/p: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]}",
    `x/a -> y/a TCP 80: no
     x/a -> outside TCP 443: no
     x/b -> y/a TCP 80: yes
     y/a -> x/a TCP 80: yes`,
  ),
  once(
    "9 both types without rules deny both ways",
    "x/p: {podSelector: {}, policyTypes: [Ingress, Egress]}",
    `x/a -> y/a TCP 80: no
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "10 one empty rule allows everything, from outside too",
    "x/p: {podSelector: {}, ingress: [{}]}",
    `y/a -> x/a TCP 80: yes
     outside -> x/a SCTP 5: yes
     outside -> x/a ICMP: yes`,
  ),
  once(
    "11 a null list of rules is an empty one",
    "x/p: {podSelector: {}, policyTypes: [Ingress], ingress: null}",
    "y/a -> x/a TCP 80: no",
  ),
  once(
    "12 an empty from is anyone, pod or not",
    "x/p: {podSelector: {}, ingress: [{from: [], ports: [{port: 80}]}]}",
    `y/a -> x/a TCP 80: yes
     outside -> x/a TCP 80: yes
     outside -> x/a TCP 81: no`,
  ),
  once(
    "13 empty ports are every port and protocol",
    "x/p: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}], ports: []}]}",
    `y/a -> x/a TCP 80: yes
     y/a -> x/a UDP 53: yes
     y/a -> x/a SCTP 7: yes
     y/a -> x/a ICMP: yes
     z/a -> x/a TCP 80: no`,
  ),
  once(
    "14 several policies are a union",
    `x/p: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
x/q: {podSelector: {}, ingress: [{ports: [{port: 81}]}]}`,
    `y/a -> x/a TCP 80: yes
     y/a -> x/a TCP 81: yes
     y/a -> x/a TCP 82: no`,
  ),
  once(
    "15 allow-all beside a narrow policy wins",
    `x/deny: {podSelector: {}, policyTypes: [Ingress, Egress]}
x/open: {podSelector: {}, ingress: [{}], egress: [{}]}`,
    `y/a -> x/a TCP 80: yes
     x/a -> outside UDP 9: yes`,
  ),
  once(
    "16 within a rule, a peer and a port must match",
    "x/p: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}, {podSelector: {}}], ports: [{port: 80}, {port: 81}]}]}",
    `y/a -> x/a TCP 80: yes
     x/b -> x/a TCP 81: yes
     z/a -> x/a TCP 80: no
     y/a -> x/a TCP 82: no`,
  ),
  once(
    "17 two rules are no cross product",
    "x/p: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: y}}}], ports: [{port: 80}]}, {from: [{namespaceSelector: {matchLabels: {ns: z}}}], ports: [{port: 443}]}]}",
    `y/a -> x/a TCP 80: yes
     y/a -> x/a TCP 443: no
     z/a -> x/a TCP 443: yes
     z/a -> x/a TCP 80: no`,
  ),
  once(
    "18 the client's egress and the server's ingress must both allow",
    `x/in: {podSelector: {matchLabels: {pod: a}}, ingress: [{}]}
y/out: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]}`,
    `y/a -> x/a TCP 80: no
     y/b -> x/a TCP 80: yes`,
  ),
  once(
    "19 egress allowed and ingress denied on one pod are independent",
    "x/p: {podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], egress: [{}]}",
    `x/a -> x/b TCP 80: yes
     x/b -> x/a TCP 80: no`,
  ),
  {
    name: "21, 22 a policy is edited from allow to deny, then deleted",
    steps: [
      {
        policies: "x/p: {podSelector: {}, ingress: [{}]}",
        flows: "y/a -> x/a TCP 80: yes",
      },
      {
        policies: "x/p: {podSelector: {}, ingress: []}",
        flows: "y/a -> x/a TCP 80: no",
      },
      { policies: "x/p: null", flows: "y/a -> x/a TCP 80: yes" },
    ],
  },
  {
    name: "23 names whose joining collides share nothing",
    steps: [
      {
        objects: [
          namespaceObject("x1"),
          podObject("x1/p", { node: "n1", ips: ["10.1.0.90"], labels: {} }),
        ],
        policies:
          `x/1a: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
x1/a: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
x/p: {podSelector: {}, egress: []}
x1/p: {podSelector: {}, ingress: []}`,
        flows: `x/b -> x/a TCP 80: yes
                x1/p -> x/a TCP 80 IPv4: no
                x/a -> x1/p TCP 80 IPv4: no`,
      },
    ],
  },
  {
    name: "24 the last policy of a pod goes while others stay",
    steps: [
      {
        policies: `x/a: {podSelector: {matchLabels: {pod: a}}, ingress: []}
x/b: {podSelector: {matchLabels: {pod: b}}, ingress: []}`,
        flows: `y/a -> x/a TCP 80: no
                y/a -> x/b TCP 80: no`,
      },
      {
        policies: "x/a: null",
        flows: `y/a -> x/a TCP 80: yes
                y/a -> x/b TCP 80: no`,
      },
    ],
  },
];
