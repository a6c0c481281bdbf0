/** ipBlock: rows 44 to 56 of the edge-case list. */

import { type Case, once } from "./case.ts";
import { podObject } from "./cast.ts";

export const BLOCKS: readonly Case[] = [
  once(
    "44, 51 a block matches by address, pods included",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.2.0.0/24}}]}]}",
    `z/a -> x/a TCP 80 IPv4: yes
     y/a -> x/a TCP 80 IPv4: no
     outside -> x/a TCP 80: no`,
  ),
  once(
    "45 except takes from its block",
    "x/p: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [198.51.100.0/24]}}]}]}",
    `x/a -> outside TCP 80 IPv4: no
     x/a -> elsewhere TCP 80 IPv4: yes`,
  ),
  once(
    "46 an excepted address that another rule allows",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [198.51.100.0/24]}}]}, {from: [{ipBlock: {cidr: 198.51.100.7/32}}]}]}",
    `outside -> x/a TCP 80 IPv4: yes
     198.51.100.8 -> x/a TCP 80 IPv4: no`,
  ),
  once(
    "47 an excepted address that another peer of the rule allows",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [198.51.100.0/24]}}, {ipBlock: {cidr: 198.51.100.0/29}}]}]}",
    `outside -> x/a TCP 80 IPv4: yes
     198.51.100.8 -> x/a TCP 80 IPv4: no
     elsewhere -> x/a TCP 80 IPv4: yes`,
  ),
  once(
    "48 nested and equal blocks of one rule are their union",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.2.0.0/16}}, {ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]}",
    `z/a -> x/a TCP 80 IPv4: yes
     y/a -> x/a TCP 80 IPv4: yes
     outside -> x/a TCP 80 IPv4: no`,
  ),
  once(
    "49 0.0.0.0/0 and ::/0 are everything of their family",
    `x/p: {podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
x/q: {podSelector: {matchLabels: {pod: b}}, ingress: [{from: [{ipBlock: {cidr: "::/0"}}]}]}`,
    `outside -> x/a TCP 80 IPv4: yes
     z/a -> x/a TCP 80 IPv4: yes
     z/a -> x/a TCP 80 IPv6: no
     outside -> x/b TCP 80 IPv6: yes
     64:ff9b::1 -> x/b TCP 80 IPv6: yes
     fe80::1 -> x/b TCP 80 IPv6: yes
     fc00::1 -> x/b TCP 80 IPv6: yes
     outside -> x/b TCP 80 IPv4: no`,
  ),
  once(
    "50 host bits of a stored block are masked",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 198.51.100.9/24}}]}]}",
    "outside -> x/a TCP 80 IPv4: yes",
  ),
  once(
    "52 a block that covers node addresses",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.2/32}}]}], egress: [{to: [{ipBlock: {cidr: 192.0.2.1/32}}]}]}",
    `n2 -> x/a TCP 80 IPv4: yes
     x/a -> n1 TCP 80 IPv4: yes
     x/a -> n2 TCP 80 IPv4: no`,
  ),
  once(
    "53 an IPv4 block says nothing about IPv6",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}",
    `y/a -> x/a TCP 80 IPv4: yes
     y/a -> x/a TCP 80 IPv6: no`,
  ),
  once(
    "54 overlapping exceptions",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 198.51.0.0/16, except: [198.51.100.0/24, 198.51.100.0/28, 198.51.64.0/18]}}]}]}",
    `outside -> x/a TCP 80 IPv4: no
     198.51.0.1 -> x/a TCP 80 IPv4: yes`,
  ),
  once(
    "56 a block beside a selector in one peer matches nothing",
    "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}, podSelector: {}}]}]}",
    `y/a -> x/a TCP 80: no
     x/b -> x/a TCP 80: no`,
  ),
  {
    name:
      "a block whose exceptions leave nothing, and a pod that takes an excepted address",
    steps: [
      {
        policies:
          "x/p: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.2.0.0/24, except: [10.2.0.0/25]}}]}]}",
        flows: "z/a -> x/a TCP 80 IPv4: no",
      },
      {
        objects: [podObject("z/a", { ips: ["10.2.0.200"] })],
        flows: "z/a -> x/a TCP 80 IPv4: yes",
      },
    ],
  },
];
