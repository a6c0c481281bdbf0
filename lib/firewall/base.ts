/**
 * The part of the table that is always there: base chains, dispatch, the maps of
 * local pods, and the drop for addresses that nobody owns.
 *
 * With its maps empty it is the closed table: what belongs to a known
 * connection passes, what the node itself sends passes, nothing else reaches or
 * leaves the pod CIDRs.
 *
 * @module
 */

import type { Entry, SourceUpdate } from "../base/target.ts";
import {
  type NftChain,
  nftEntry,
  type NftRule,
  type NftValue,
} from "../dataplane/nft.ts";
import type { Family } from "../net/ip.ts";
import { disjoint } from "../net/interval.ts";
import { type Prefix, prefixFamily } from "../net/prefix.ts";
import { blockElement } from "./block_set.ts";
import { chainEntries } from "./chain.ts";
import {
  addressType,
  COUNTERS,
  podCidrSet,
  podMap,
  protocolWord,
  toChain,
} from "./names.ts";

/** The source of {@linkcode compileBase}. */
export const BASE_SOURCE = "base";

/** What the base part depends on. */
export interface BaseOptions {
  readonly families: readonly Family[];
  /** Pod CIDRs of this node, of any family. */
  readonly podCidrs: readonly Prefix[];
}

/** The base part as one source. */
export function compileBase(options: BaseOptions): SourceUpdate<NftValue> {
  const { families, podCidrs } = options;
  const entries: Entry<NftValue>[] = Object.values(COUNTERS).map((name) =>
    nftEntry({ kind: "counter", name })
  );
  for (const family of families) entries.push(...setsOf(family, podCidrs));
  for (const hook of ["forward", "input", "output"] as const) {
    entries.push(
      ...chainEntries(hook, hookRules(hook, families), { hook: hookOf(hook) }),
    );
  }
  entries.push(
    ...chainEntries("pod_invalid", invalidRules(families)),
    ...chainEntries(toChain("any"), byFamily(families, toChain)),
  );
  for (const family of families) entries.push(...familyChains(family));
  return { source: BASE_SOURCE, entries };
}

/**
 * The table for a node that has none yet, before the cluster is known. Its one
 * source is the same as the compiler's base part, which replaces it.
 */
export function compileClosed(
  options: BaseOptions,
): readonly SourceUpdate<NftValue>[] {
  return [compileBase(options)];
}

function setsOf(
  family: Family,
  podCidrs: readonly Prefix[],
): Entry<NftValue>[] {
  const type = addressType(family);
  const set = podCidrSet(family);
  const own = podCidrs.filter((cidr) => prefixFamily(cidr) === family);
  return [
    nftEntry({ kind: "set", name: set, type, interval: true }),
    ...disjoint(own).map((cidr) =>
      nftEntry({ kind: "element", set, element: blockElement(cidr) })
    ),
    ...(["ingress", "egress"] as const).map((direction) =>
      nftEntry({
        kind: "set",
        name: podMap(direction, family),
        type,
        data: "verdict",
      })
    ),
  ];
}

function hookOf(
  hook: "forward" | "input" | "output",
): NonNullable<NftChain["hook"]> {
  // At 101 the input hook comes after IPVS (98, 99) took the packets of virtual
  // servers: what is left enters the host itself.
  const priority = hook === "input" ? 101 : 0;
  return { type: "filter", hook, priority, policy: "accept" };
}

function hookRules(
  hook: "forward" | "input" | "output",
  families: readonly Family[],
): NftRule[] {
  const rules: NftRule[] = [{ body: "ct state established,related accept" }];
  if (hook === "input") rules.push({ body: 'iifname "lo" accept' });
  if (hook === "output") {
    // The node reaches its own pods, always. What IPVS sends out of this hook
    // still carries the client's address, which is not local.
    rules.push({ body: 'oifname "lo" accept' });
    rules.push({ body: "fib saddr type local accept" });
  }
  rules.push({ body: "ct state invalid jump pod_invalid" });
  const prefix = hook === "input" ? "i" : "f";
  rules.push(...byFamily(families, (family) => `${prefix}${family}`));
  return rules;
}

/** The rules that send a packet to the chain of its family. */
function byFamily(
  families: readonly Family[],
  chain: (family: Family) => string,
): NftRule[] {
  return families.map((family) => ({
    body: `meta nfproto ipv${family} goto ${chain(family)}`,
  }));
}

function invalidRules(families: readonly Family[]): NftRule[] {
  // Only for pods: elsewhere a node may rightly see half of a conversation.
  return families.flatMap((family) =>
    ["saddr", "daddr"].map((side) => ({
      body: `${protocolWord(family)} ${side} @${
        podCidrSet(family)
      } counter name ${COUNTERS.invalid} drop`,
    }))
  );
}

function familyChains(family: Family): Entry<NftValue>[] {
  const ip = protocolWord(family);
  const cidrs = podCidrSet(family);
  const unknownSource = {
    body: `${ip} saddr @${cidrs} counter name ${COUNTERS.unprogrammed} drop`,
  };
  const egress = { body: `${ip} saddr vmap @${podMap("egress", family)}` };
  // Neighbour discovery and multicast listeners are part of the link, not traffic.
  const link = family === 6
    ? [{ body: "icmpv6 type 130-137 accept" }, {
      body: "icmpv6 type 143 accept",
    }]
    : [];
  return [
    ...chainEntries(`f${family}`, [
      ...link,
      egress,
      unknownSource,
      { body: `goto ${toChain(family)}` },
    ]),
    ...chainEntries(`i${family}`, [
      ...link,
      egress,
      unknownSource,
      { body: "accept" },
    ]),
    ...chainEntries(toChain(family), [
      { body: `${ip} daddr vmap @${podMap("ingress", family)}` },
      { body: `${ip} daddr @${cidrs} goto unknown${family}` },
      { body: "accept" },
    ]),
    // The bridge and the gateway have addresses of the pod CIDR and are no pods.
    ...chainEntries(`unknown${family}`, [
      { body: "fib daddr type local accept" },
      { body: `counter name ${COUNTERS.unprogrammed} drop` },
    ]),
  ];
}
