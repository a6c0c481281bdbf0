/**
 * What Fairway keeps in nftables: entries of the one table `inet fairway`.
 *
 * Keys: `counter/NAME`, `set/NAME`, `chain/NAME`, `rules/CHAIN`,
 * `element/SET/KEY`. A chain and its rules are two entries, so that chains may
 * name each other; within a batch the order is counters, sets, chains, rules,
 * elements, and the reverse for removals.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import { shortHash } from "../base/hash.ts";

/** The name of the table; no other is read or written. */
export const NFT_TABLE = "fairway";

/** A named counter object. */
export interface NftCounter {
  readonly kind: "counter";
  readonly name: string;
}

/** A named set, or a map when `data` is given. */
export interface NftSet {
  readonly kind: "set";
  readonly name: string;
  /** Key type in nft's words: `ipv4_addr`, `inet_proto . inet_service`, `ifname . ipv4_addr`. */
  readonly type: string;
  /** Data type of a map: `verdict`; absent for a set. */
  readonly data?: string;
  /** Elements are ranges or prefixes; they must be disjoint. */
  readonly interval?: boolean;
}

/** A chain without its rules. */
export interface NftChain {
  readonly kind: "chain";
  readonly name: string;
  /** For a base chain. */
  readonly hook?: {
    readonly type: "filter" | "nat";
    readonly hook:
      | "prerouting"
      | "input"
      | "forward"
      | "output"
      | "postrouting";
    readonly priority: number;
    readonly policy: "accept" | "drop";
  };
}

/** All rules of one chain, in order. */
export interface NftRules {
  readonly kind: "rules";
  readonly chain: string;
  /** Rule bodies in nft's words, without comment: `ip saddr @sel_x4 accept`. */
  readonly rules: readonly NftRule[];
  /** Hash of the rules; the driver writes it into each rule's comment and reads it back. */
  readonly hash: string;
}

/** One rule. */
export interface NftRule {
  readonly body: string;
  /** For people and logs, at most 60 characters of `[A-Za-z0-9 _./:-]`: which policy, which rule. */
  readonly note?: string;
}

/** One element of a set or map. */
export interface NftElement {
  readonly kind: "element";
  readonly set: string;
  /**
   * The key in nft's canonical words: `10.0.0.1`, `tcp . 80`, `10.0.0.0/8`,
   * `80-90`, `veth1 . 10.0.0.1`. nft lists a range that is a prefix as a prefix,
   * so `10.0.0.0-10.0.0.255` never comes back as written; protocols and ports are
   * `tcp`, `udp`, `sctp`, `icmp`, `ipv6-icmp` and decimal numbers.
   */
  readonly element: string;
  /** For a map, the data: `accept`, `goto CHAIN`. */
  readonly data?: string;
}

/** A value of the nft target. */
export type NftValue = NftCounter | NftSet | NftChain | NftRules | NftElement;

/** The key of a value. */
export function nftKey(value: NftValue): string {
  switch (value.kind) {
    case "counter":
    case "set":
    case "chain":
      return `${value.kind}/${value.name}`;
    case "rules":
      return `rules/${value.chain}`;
    case "element":
      return `element/${value.set}/${canonicalElement(value.element)}`;
  }
}

/** An element as the kernel's listing writes it: no quotes, a prefix of one address as the address. */
export function canonicalElement(text: string): string {
  if (!text.includes("/") && !text.includes('"')) return text;
  return text.replaceAll('"', "").split(" . ").map((part) =>
    /^[\d.]+\/32$|:.*\/128$/.test(part)
      ? part.slice(0, part.indexOf("/"))
      : part
  ).join(" . ");
}

/** The rules of a chain, with their hash. */
export function nftRules(
  chain: string,
  rules: readonly NftRule[],
): NftRules {
  const parts = rules.flatMap((rule) => [rule.body, rule.note ?? ""]);
  return { kind: "rules", chain, rules, hash: shortHash(...parts) };
}

/**
 * An entry with its key and with what it needs: rules need their chain, elements
 * their set, map elements also the chain they go to. Further needs (the sets and
 * chains that rules name) are given by the caller.
 */
export function nftEntry(
  value: NftValue,
  options: { readonly needs?: readonly string[]; readonly owner?: string } = {},
): Entry<NftValue> {
  const needs: string[] = [...options.needs ?? []];
  if (value.kind === "rules") needs.push(`chain/${value.chain}`);
  if (value.kind === "element") {
    needs.push(`set/${value.set}`);
    const target = /^(?:goto|jump) (.+)$/.exec(value.data ?? "")?.[1];
    if (target !== undefined) needs.push(`chain/${target}`, `rules/${target}`);
  }
  return {
    key: nftKey(value),
    value,
    ...(needs.length > 0 ? { needs } : {}),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
  };
}
