/** Values of the nft target for the conformance suite. */

import {
  type NftChain,
  nftKey,
  nftRules,
  type NftSet,
  type NftValue,
} from "../../lib/dataplane/nft.ts";
import type { Sample } from "./conformance.ts";

const keyed = (values: readonly NftValue[]): [string, NftValue][] =>
  values.map((value) => [nftKey(value), value]);

const set = (
  name: string,
  type: string,
  more: Omit<Partial<NftSet>, "kind"> = {},
): NftSet => ({ kind: "set", name, type, ...more });
const chain = (name: string): NftChain => ({ kind: "chain", name });
const forward = (policy: "accept" | "drop"): NftChain => ({
  kind: "chain",
  name: "forward",
  hook: { type: "filter", hook: "forward", priority: 0, policy },
});
const element = (set: string, element: string, data?: string): NftValue => ({
  kind: "element",
  set,
  element,
  ...(data === undefined ? {} : { data }),
});

const VALUES: readonly NftValue[] = [
  { kind: "counter", name: "denied_in" },
  set("sel_4", "ipv4_addr"),
  set("cidr_4", "ipv4_addr", { interval: true }),
  set("cidr_6", "ipv6_addr", { interval: true }),
  set("spoof4", "ifname . ipv4_addr"),
  set("in4", "ipv4_addr", { data: "verdict" }),
  set("ports", "inet_proto . inet_service", {
    data: "verdict",
    interval: true,
  }),
  set("exact", "inet_proto . inet_service", { data: "verdict" }),
  set("span", "inet_service", { data: "verdict", interval: true }),
  set("dnat4", "ipv4_addr . inet_proto . inet_service", {
    data: "ipv4_addr . inet_service",
  }),
  set("marks", "mark"),
  forward("accept"),
  {
    kind: "chain",
    name: "nat-out",
    hook: {
      type: "nat",
      hook: "postrouting",
      priority: 100,
      policy: "accept",
    },
  },
  chain("ps_x7/in"),
  chain("np/shop/web/in/r0"),
  chain("empty"),
  chain("bare"),
  nftRules("forward", [
    { body: "ct state established,related accept" },
    { body: "ip saddr vmap @in4", note: "np shop/web: who may enter" },
    { body: "meta l4proto . th dport vmap @ports" },
    { body: 'counter name "denied_in" drop', note: "x".repeat(200) },
  ]),
  nftRules("ps_x7/in", [{ body: "ip saddr @sel_4 accept" }]),
  nftRules("np/shop/web/in/r0", [{ body: "ip6 saddr @cidr_6 counter accept" }]),
  nftRules("empty", []),
  element("sel_4", "10.0.0.1"),
  element("sel_4", "10.0.0.2"),
  element("cidr_4", "10.0.0.0/8"),
  element("cidr_4", "11.0.0.1"),
  element("cidr_4", "12.0.0.1-12.0.0.9"),
  element("cidr_4", "14.0.0.0/25"),
  element("cidr_4", "14.0.0.128/25"),
  element("cidr_6", "2001:db8::/32"),
  element("cidr_6", "::a00:1"),
  element("cidr_6", "2001:db9::1-2001:db9::5"),
  element("spoof4", "veth1a2b . 10.0.0.1"),
  element("spoof4", "a.b@c-d . 10.0.0.1"),
  element("in4", "10.0.0.1", "goto ps_x7/in"),
  element("in4", "10.0.0.2", "accept"),
  element("ports", "tcp . 80", "goto np/shop/web/in/r0"),
  element("ports", "udp . 8000-8999", "jump ps_x7/in"),
  element("ports", "sctp . 1024-2047", "drop"),
  element("exact", "icmp . 0", "return"),
  element("exact", "ipv6-icmp . 0", "continue"),
  element("span", "80-89", "accept"),
  element("span", "90-99", "accept"),
  element("span", "65535", "drop"),
  element("dnat4", "10.96.0.1 . tcp . 80", "10.244.0.7 . 8080"),
  element("marks", "16"),
];

export const NFT_SAMPLE: Sample<NftValue> = {
  entries: keyed(VALUES),
  changes: keyed([
    forward("drop"),
    nftRules("forward", [{ body: "accept" }]),
    nftRules("empty", [{ body: "drop" }]),
    nftRules("ps_x7/in", []),
    element("in4", "10.0.0.1", "drop"),
    element("in4", "10.0.0.2", "goto ps_x7/in"),
    element("span", "80-89", "drop"),
    element("ports", "udp . 8000-8999", "accept"),
  ]),
  duplicate: ["element/in4/10.0.0.1", element("in4", "10.0.0.1", "accept")],
  missing: ["element/sel_4/10.9.9.9", element("sel_4", "10.9.9.9")],
  bad: ["element/in4/10.0.0.8", element("in4", "10.0.0.8", "goto nowhere")],
  around: [
    ["element/in4/10.0.0.7", element("in4", "10.0.0.7", "accept")],
    ["element/in4/10.0.0.9", element("in4", "10.0.0.9", "goto ps_x7/in")],
  ],
  rest: "not_done",
  many: keyed(
    Array.from(
      { length: 10_000 },
      (_, i) => element("sel_4", `10.7.${i >> 8}.${i & 255}`),
    ),
  ),
  removes: true,
};
