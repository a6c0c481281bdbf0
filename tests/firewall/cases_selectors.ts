/** Selectors: rows 25 to 43 of the edge-case list. */

import { type Case, once } from "./case.ts";
import { namespaceObject, podObject } from "./cast.ts";

/** A policy x/p that lets a peer into every pod of x. */
function from(peer: string): string {
  return `x/p: {podSelector: {}, ingress: [{from: [${peer}]}]}`;
}

export const SELECTORS: readonly Case[] = [
  once(
    "25 a podSelector alone: pods of the policy's namespace only",
    from("{podSelector: {matchLabels: {pod: b}}}"),
    `x/b -> x/a TCP 80: yes
     x/c -> x/a TCP 80: no
     y/b -> x/a TCP 80: no`,
  ),
  once(
    "26 a namespaceSelector alone: every pod of the namespaces",
    from("{namespaceSelector: {matchLabels: {ns: y}}}"),
    `y/a -> x/a TCP 80: yes
     y/c -> x/a TCP 80: yes
     x/b -> x/a TCP 80: no`,
  ),
  once(
    "27 an empty namespaceSelector: every namespace, its own too, but no other addresses",
    from("{namespaceSelector: {}}"),
    `y/a -> x/a TCP 80: yes
     x/b -> x/a TCP 80: yes
     outside -> x/a TCP 80: no
     n2 -> x/a TCP 80: no`,
  ),
  once(
    "28 an empty podSelector alone: every pod of its own namespace",
    from("{podSelector: {}}"),
    `x/b -> x/a TCP 80: yes
     y/a -> x/a TCP 80: no`,
  ),
  once(
    "29 both in one peer: and",
    from(
      "{namespaceSelector: {matchLabels: {ns: y}}, podSelector: {matchLabels: {pod: b}}}",
    ),
    `y/b -> x/a TCP 80: yes
     y/a -> x/a TCP 80: no
     x/b -> x/a TCP 80: no`,
  ),
  once(
    "30 as two peers: or",
    from(
      "{namespaceSelector: {matchLabels: {ns: y}}}, {podSelector: {matchLabels: {pod: b}}}",
    ),
    `y/b -> x/a TCP 80: yes
     y/a -> x/a TCP 80: yes
     x/b -> x/a TCP 80: yes
     z/b -> x/a TCP 80: no`,
  ),
  once(
    "31 both empty in one peer: all pods, no nodes, nobody outside",
    from("{namespaceSelector: {}, podSelector: {}}"),
    `z/c -> x/a TCP 80: yes
     outside -> x/a TCP 80: no
     n2 -> x/a TCP 80: no`,
  ),
  {
    name: "32, 35 labels and expressions are all required",
    steps: [{
      objects: [
        podObject("y/a", { labels: { pod: "a", tier: "1", old: "" } }),
        podObject("y/b", { labels: { pod: "b", tier: "1" } }),
        podObject("y/c", { labels: { pod: "a", tier: "1" } }),
      ],
      policies: from(
        "{namespaceSelector: {}, podSelector: {matchLabels: {pod: a, tier: '1'}, matchExpressions: [{key: old, operator: DoesNotExist}]}}",
      ),
      flows: `y/a -> x/a TCP 80: no
              y/b -> x/a TCP 80: no
              y/c -> x/a TCP 80: yes`,
    }],
  },
  {
    name: "33 In and NotIn; NotIn also takes pods without the key",
    steps: [
      {
        objects: [podObject("y/c", { labels: {} })],
        policies: from(
          "{namespaceSelector: {matchLabels: {ns: y}}, podSelector: {matchExpressions: [{key: pod, operator: NotIn, values: [a]}]}}",
        ),
        flows: `y/a -> x/a TCP 80: no
                y/b -> x/a TCP 80: yes
                y/c -> x/a TCP 80: yes`,
      },
      {
        policies: from(
          "{namespaceSelector: {matchLabels: {ns: y}}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [a, c]}]}}",
        ),
        flows: `y/a -> x/a TCP 80: yes
                y/b -> x/a TCP 80: no
                y/c -> x/a TCP 80: no`,
      },
    ],
  },
  {
    name: "34 Exists and DoesNotExist, also with no labels at all",
    steps: [
      {
        objects: [podObject("y/c", { labels: {} })],
        policies: from(
          "{namespaceSelector: {matchLabels: {ns: y}}, podSelector: {matchExpressions: [{key: pod, operator: DoesNotExist}]}}",
        ),
        flows: `y/a -> x/a TCP 80: no
                y/c -> x/a TCP 80: yes`,
      },
      {
        policies: from(
          "{namespaceSelector: {matchLabels: {ns: y}}, podSelector: {matchExpressions: [{key: pod, operator: Exists}]}}",
        ),
        flows: `y/a -> x/a TCP 80: yes
                y/c -> x/a TCP 80: no`,
      },
    ],
  },
  once(
    "36 a selector that cannot be read matches nothing, other rules go on",
    `x/p: {podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: Near}]}}]}, {from: [{namespaceSelector: {matchLabels: {ns: y}}}]}]}`,
    `x/b -> x/a TCP 80: no
     y/a -> x/a TCP 80: yes`,
  ),
  once(
    "37 kubernetes.io/metadata.name is a label like others",
    from(
      "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}}",
    ),
    `y/a -> x/a TCP 80: yes
     z/a -> x/a TCP 80: no`,
  ),
  {
    name: "38 a namespace gains and loses a label",
    steps: [
      {
        policies: from("{namespaceSelector: {matchLabels: {friend: 'yes'}}}"),
        flows: "y/a -> x/a TCP 80: no",
      },
      {
        objects: [namespaceObject("y", { friend: "yes" })],
        flows: `y/a -> x/a TCP 80: yes
                y/b -> x/a TCP 80: yes`,
      },
      {
        objects: [namespaceObject("y", {})],
        flows: "y/a -> x/a TCP 80: no",
      },
    ],
  },
  {
    name: "39 a peer pod is relabelled",
    steps: [
      {
        policies: from("{podSelector: {matchLabels: {role: client}}}"),
        flows: "x/b -> x/a TCP 80: no",
      },
      {
        objects: [podObject("x/b", { labels: { role: "client" } })],
        flows: "x/b -> x/a TCP 80: yes",
      },
      {
        objects: [podObject("x/b")],
        flows: "x/b -> x/a TCP 80: no",
      },
    ],
  },
  {
    name: "40 a target pod is relabelled",
    steps: [
      {
        policies:
          "x/p: {podSelector: {matchLabels: {closed: 'yes'}}, ingress: []}",
        flows: "y/a -> x/a TCP 80: yes",
      },
      {
        objects: [podObject("x/a", { labels: { closed: "yes" } })],
        flows: "y/a -> x/a TCP 80: no",
      },
      { objects: [podObject("x/a")], flows: "y/a -> x/a TCP 80: yes" },
    ],
  },
  {
    name: "41 a namespace goes and comes back",
    steps: [
      {
        policies: from("{namespaceSelector: {matchLabels: {ns: y}}}"),
        flows: "y/a -> x/a TCP 80: yes",
      },
      {
        gone: ["Namespace y", "Pod y/a"],
        flows: "outside -> x/a TCP 80: no",
      },
      {
        objects: [namespaceObject("y"), podObject("y/a")],
        flows: "y/a -> x/a TCP 80: yes",
      },
    ],
  },
  {
    name: "42 a pod is seen before its namespace",
    steps: [
      {
        objects: [
          podObject("new/p", { node: "n1", ips: ["10.1.0.77"], labels: {} }),
        ],
        policies: from("{namespaceSelector: {}}"),
        flows: "new/p -> x/a TCP 80 IPv4: no",
      },
      {
        objects: [namespaceObject("new")],
        flows: "new/p -> x/a TCP 80 IPv4: yes",
      },
    ],
  },
  {
    name: "43 labels change while the address is unknown",
    steps: [
      {
        objects: [podObject("x/b", { ips: [], labels: { role: "client" } })],
        policies: from("{podSelector: {matchLabels: {role: client}}}"),
        flows: "x/c -> x/a TCP 80: no",
      },
      {
        objects: [podObject("x/b", { ips: [] })],
        flows: "x/c -> x/a TCP 80: no",
      },
      { objects: [podObject("x/b")], flows: "x/b -> x/a TCP 80: no" },
    ],
  },
];
