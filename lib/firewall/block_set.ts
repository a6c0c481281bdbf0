/**
 * The ipBlocks of one rule as an interval set.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import { contentHash } from "../base/content_hash.ts";
import type { PolicyPeer } from "../cluster/model.ts";
import { nftEntry, type NftValue } from "../dataplane/nft.ts";
import { subtract } from "../net/interval.ts";
import type { Family } from "../net/ip.ts";
import {
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from "../net/prefix.ts";
import { addressType } from "./names.ts";

/** A peer given by addresses. */
export type BlockPeer = Extract<PolicyPeer, { kind: "block" }>;

/** A set of addresses, named by its content. */
export interface BlockSet {
  readonly name: string;
  readonly entries: readonly Entry<NftValue>[];
}

/** A prefix as nft writes it as an element of an interval set: a single address goes without its length. */
export function blockElement(prefix: Prefix): string {
  const bits = prefixFamily(prefix) === 4 ? 32 : 128;
  return prefixLength(prefix) === bits ? prefixAddress(prefix) : prefix;
}

/**
 * The union of blocks, each without its own exceptions, in one family; undefined
 * when it is empty.
 */
export function blockSet(
  peers: readonly BlockPeer[],
  family: Family,
  owner: string,
): BlockSet | undefined {
  const own = peers.filter((peer) => prefixFamily(peer.cidr) === family);
  const prefixes = subtract(own);
  if (prefixes.length === 0) return undefined;
  const elements = prefixes.map(blockElement);
  const name = `c_${contentHash(...elements)}_${family}`;
  return {
    name,
    entries: [
      nftEntry(
        { kind: "set", name, type: addressType(family), interval: true },
        { owner },
      ),
      ...elements.map((element) =>
        nftEntry({ kind: "element", set: name, element }, { owner })
      ),
    ],
  };
}
