/**
 * The part of `inet fairway` that serves services: which load-balanced
 * connections get a new source address, and what becomes of packets to a virtual
 * IP that IPVS did not take.
 *
 * A connection is recognised by its original destination, which connection
 * tracking keeps: IPVS changes the reply direction of the entry only
 * (`net.ipv4.vs.conntrack`), so `ct original ip daddr` is still the virtual IP
 * at postrouting, where the packet's own destination is the endpoint.
 *
 * The source address is replaced where the reply would not come back through
 * this node. It comes back when the client is one of this node's pods or the
 * node itself, and when the endpoint is. A pod that reaches itself through a
 * service (hairpin) would see its own address as client, so there it is replaced
 * too.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import {
  canonicalElement,
  nftEntry,
  type NftRule,
  nftRules,
  type NftValue,
} from "../dataplane/nft.ts";
import { disjoint } from "../net/interval.ts";
import type { Family, Ip } from "../net/ip.ts";
import { prefixFamily } from "../net/prefix.ts";
import { nodeIp, type ServiceContext } from "./context.ts";

/** Names of sets; each exists once per family, with suffix 4 or 6. */
export type ServiceSet =
  /** Service ranges that are local as a whole. */
  | "svc_ranges"
  /** Virtual IPs outside these ranges. */
  | "svc_vips"
  /** Addresses of the node itself at which services listen. */
  | "svc_nodes"
  /** This node's pods: their networks, or each address when the node has none. */
  | "svc_local"
  /** Endpoint on this node, twice: a pod that reaches itself. */
  | "svc_hairpin";

const SETS: readonly ServiceSet[] = [
  "svc_ranges",
  "svc_vips",
  "svc_nodes",
  "svc_local",
  "svc_hairpin",
];

const INTERVALS: ReadonlySet<ServiceSet> = new Set(["svc_ranges", "svc_local"]);

/** Postrouting NAT, where iptables users expect it (`srcnat`). */
const SOURCE_NAT_PRIORITY = 100;
/** IPVS takes its packets at 98 (NF_IP_PRI_NAT_SRC - 2); what arrives here it did not want. */
const AFTER_IPVS_PRIORITY = 101;

/** An element of a set of this room. */
export function serviceElement(
  set: ServiceSet,
  family: Family,
  element: string,
  owner?: string,
): Entry<NftValue> {
  const canonical = canonicalElement(element);
  return nftEntry(
    { kind: "element", set: `${set}${family}`, element: canonical },
    owner === undefined ? {} : { owner },
  );
}

/** Sets, chains, rules and the elements that are not any service's. */
export function compileServiceNat(
  context: ServiceContext,
): readonly Entry<NftValue>[] {
  const families = ([4, 6] as const).flatMap((family) => {
    const source = nodeIp(context, family);
    return source === undefined ? [] : [{ family, source }];
  });
  const entries: Entry<NftValue>[] = [];
  for (const { family, source } of families) {
    for (const set of SETS) entries.push(setEntry(set, family));
    entries.push(...sourceChain(context, family, source));
  }
  for (const range of disjoint(context.ranges)) {
    entries.push(serviceElement("svc_ranges", prefixFamily(range), range));
  }
  for (const cidr of disjoint(context.podCidrs)) {
    entries.push(serviceElement("svc_local", prefixFamily(cidr), cidr));
  }
  entries.push(...baseChains(families.map(({ family }) => family)));
  return entries;
}

function setEntry(set: ServiceSet, family: Family): Entry<NftValue> {
  const address = family === 4 ? "ipv4_addr" : "ipv6_addr";
  return nftEntry({
    kind: "set",
    name: `${set}${family}`,
    type: set === "svc_hairpin" ? `${address} . ${address}` : address,
    ...(INTERVALS.has(set) ? { interval: true } : {}),
  });
}

/** Decides about the source address of one load-balanced connection. */
function sourceChain(
  context: ServiceContext,
  family: Family,
  source: Ip,
): readonly Entry<NftValue>[] {
  const ip = family === 4 ? "ip" : "ip6";
  const chain = `svc_source${family}`;
  const replace = `snat ${ip} to ${source} fully-random`;
  const rules: NftRule[] = context.settings.masqueradeAll
    ? [{ body: replace, note: "masquerade-all" }]
    : [
      {
        body: `${ip} saddr . ${ip} daddr @svc_hairpin${family} ${replace}`,
        note: "a pod that reaches itself",
      },
      {
        body: `${ip} saddr @svc_local${family} return`,
        note: "from a pod of this node",
      },
      { body: "fib saddr type local return", note: "from this node" },
      {
        body: `${ip} daddr @svc_local${family} return`,
        note: "to a pod of this node",
      },
      { body: replace, note: "from elsewhere to elsewhere" },
    ];
  return [
    nftEntry({ kind: "chain", name: chain }),
    nftEntry(nftRules(chain, rules), {
      needs: context.settings.masqueradeAll
        ? []
        : [`set/svc_hairpin${family}`, `set/svc_local${family}`],
    }),
  ];
}

function baseChains(families: readonly Family[]): readonly Entry<NftValue>[] {
  const postrouting: NftRule[] = [];
  const input: NftRule[] = [{ body: "ct state established,related accept" }];
  const needs = { postrouting: [] as string[], input: [] as string[] };
  for (const family of families) {
    const ip = family === 4 ? "ip" : "ip6";
    for (const set of ["svc_ranges", "svc_vips", "svc_nodes"] as const) {
      const name = `${set}${family}`;
      postrouting.push({
        body: `ct original ${ip} daddr @${name} goto svc_source${family}`,
      });
      needs.postrouting.push(`set/${name}`);
      // The node's own addresses are never refused: the node must stay reachable.
      if (set === "svc_nodes") continue;
      input.push({ body: `${ip} daddr @${name} goto svc_refuse` });
      needs.input.push(`set/${name}`);
    }
    needs.postrouting.push(
      `chain/svc_source${family}`,
      `rules/svc_source${family}`,
    );
  }
  needs.input.push("chain/svc_refuse", "rules/svc_refuse");
  return [
    nftEntry({
      kind: "chain",
      name: "svc_postrouting",
      hook: {
        type: "nat",
        hook: "postrouting",
        priority: SOURCE_NAT_PRIORITY,
        policy: "accept",
      },
    }),
    nftEntry(nftRules("svc_postrouting", postrouting), {
      needs: needs.postrouting,
    }),
    nftEntry({ kind: "chain", name: "svc_refuse" }),
    nftEntry(nftRules("svc_refuse", [
      {
        body: "meta l4proto { icmp, ipv6-icmp } accept",
        note: "a virtual IP answers ping",
      },
      { body: "meta l4proto tcp reject with tcp reset" },
      { body: "reject with icmpx port-unreachable" },
    ])),
    nftEntry({
      kind: "chain",
      name: "svc_input",
      hook: {
        type: "filter",
        hook: "input",
        priority: AFTER_IPVS_PRIORITY,
        policy: "accept",
      },
    }),
    nftEntry(nftRules("svc_input", input), { needs: needs.input }),
  ];
}
