/** Whose traffic it is, and pods that come and go: rows 79 to 109 of the edge-case list. */

import { type Case, once } from "./case.ts";
import { podObject } from "./cast.ts";

export const IDENTITY: readonly Case[] = [
  once(
    "83 a pod and its own node's listeners: egress applies",
    "x/p: {podSelector: {matchLabels: {pod: a}}, egress: [{to: [{podSelector: {}}]}]}",
    `x/a -> n1 TCP 30080: no
     x/a -> n1 UDP 53: no
     x/b -> n1 TCP 30080: yes
     x/a -> x/host TCP 30080: no`,
  ),
  once(
    "87 a node always reaches its own pods",
    "x/p: {podSelector: {}, policyTypes: [Ingress, Egress]}",
    `n1 -> x/a TCP 80: yes
     x/host -> x/a TCP 80: yes`,
  ),
  once(
    "88 another node does not",
    "x/p: {podSelector: {}, policyTypes: [Ingress]}",
    `n2 -> x/a TCP 80: no
     x/host -> y/b TCP 80: yes`,
  ),
  once(
    "89, 90 a pod on the host network is neither isolated nor a peer",
    `x/p: {podSelector: {}, policyTypes: [Ingress, Egress]}
y/q: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}, podSelector: {matchLabels: {pod: a}}}]}]}
z/r: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}}]}]}`,
    `outside -> x/host TCP 80: yes
     x/host -> outside TCP 80: yes
     x/host -> z/a TCP 80: no
     x/host -> y/b TCP 80: no`,
  ),
  once(
    "95 two pods of one node",
    "x/p: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}",
    `x/b -> x/a TCP 80: yes
     x/c -> x/a TCP 80: no
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "93, 100 an address of the pod CIDR that no known pod has: closed both ways",
    "",
    `outside -> unknown TCP 80: no
     unknown -> outside TCP 80: no
     x/a -> unknown TCP 80: no
     unknown -> n1 TCP 80: no
     n1 -> unknown TCP 80: yes`,
  ),
  {
    name: "103 a pod is isolated from the moment it has an address",
    steps: [
      {
        objects: [podObject("x/a", { ips: [] })],
        policies: "x/p: {podSelector: {}, ingress: []}",
        flows: "y/a -> 10.1.0.10 TCP 80 IPv4: no",
      },
      { objects: [podObject("x/a")], flows: "y/a -> x/a TCP 80: no" },
      { policies: "x/p: null", flows: "y/a -> x/a TCP 80: yes" },
    ],
  },
  once(
    "104 a dual-stack pod is isolated in both families",
    "x/p: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}",
    `x/b -> x/a TCP 80 IPv4: yes
     x/b -> x/a TCP 80 IPv6: yes
     y/a -> x/a TCP 80 IPv4: no
     y/a -> x/a TCP 80 IPv6: no`,
  ),
  {
    name: "105 the second family's address comes later",
    steps: [
      {
        objects: [podObject("x/a", { ips: ["10.1.0.10"] })],
        policies: "x/p: {podSelector: {}, ingress: []}",
        flows: `y/a -> x/a TCP 80 IPv4: no
                y/a -> fd00:1::10 TCP 80 IPv6: no`,
      },
      {
        objects: [podObject("x/a")],
        flows: `y/a -> x/a TCP 80 IPv4: no
                y/a -> x/a TCP 80 IPv6: no`,
      },
    ],
  },
  {
    name: "106 a finished pod leaves every set, its address is used again",
    steps: [
      {
        policies:
          "x/p: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}",
        flows: "x/b -> x/a TCP 80: yes",
      },
      {
        objects: [podObject("x/b", { phase: "Succeeded" })],
        flows: "10.1.0.11 -> x/a TCP 80 IPv4: no",
      },
      {
        objects: [
          podObject("x/new", {
            ips: ["10.1.0.11", "fd00:1::11"],
            labels: { pod: "c" },
          }),
        ],
        flows: `x/new -> x/a TCP 80: no
                outside -> x/new TCP 80: no`,
      },
    ],
  },
  {
    name: "107 a terminating pod stays selected",
    steps: [{
      objects: [
        podObject("x/b", { deleted: true }),
        podObject("x/a", { deleted: true }),
      ],
      policies:
        "x/p: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}",
      flows: `x/b -> x/a TCP 80: yes
              x/c -> x/a TCP 80: no`,
    }],
  },
  {
    name: "108 an address is used again before the old pod's deletion is seen",
    steps: [
      {
        objects: [
          podObject("x/b", { deleted: true }),
          podObject("y/heir", {
            node: "n1",
            ips: ["10.1.0.11", "fd00:1::11"],
            labels: { pod: "heir" },
          }),
        ],
        policies:
          `x/p: {podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}
y/p: {podSelector: {matchLabels: {pod: heir}}, ingress: [{from: [{podSelector: {}}]}]}`,
        flows: `y/heir -> x/a TCP 80: no
                y/a -> y/heir TCP 80: yes
                x/a -> y/heir TCP 80: no`,
      },
      {
        gone: ["Pod x/b"],
        flows: `y/heir -> x/a TCP 80: no
                y/a -> y/heir TCP 80: yes
                x/a -> y/heir TCP 80: no`,
      },
    ],
  },
  {
    name: "109 Failed is finished, Unknown is still there",
    steps: [{
      objects: [
        podObject("x/b", { phase: "Unknown" }),
        podObject("x/c", { phase: "Failed" }),
      ],
      policies:
        "x/p: {podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {}}]}]}",
      flows: `x/b -> x/a TCP 80: yes
              10.1.0.12 -> x/a TCP 80 IPv4: no`,
    }],
  },
  once(
    "120 a policy's ingress rules do not open its pods' egress",
    "x/p: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{ports: [{port: 53, protocol: UDP}]}]}",
    `x/a -> x/b TCP 80: no
     x/a -> x/b UDP 53: yes`,
  ),
];
