/**
 * A chain as entries.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import {
  type NftChain,
  nftEntry,
  type NftRule,
  nftRules,
  type NftValue,
} from "../dataplane/nft.ts";

/** What {@linkcode chainEntries} may be given beside name and rules. */
export interface ChainOptions {
  readonly hook?: NonNullable<NftChain["hook"]>;
  readonly owner?: string;
}

/** A chain and its rules; the rules need the sets, counters and chains that they name. */
export function chainEntries(
  name: string,
  rules: readonly NftRule[],
  options: ChainOptions = {},
): Entry<NftValue>[] {
  const { hook, owner } = options;
  const owned = owner === undefined ? {} : { owner };
  return [
    nftEntry(
      { kind: "chain", name, ...(hook === undefined ? {} : { hook }) },
      owned,
    ),
    nftEntry(nftRules(name, rules), { needs: needsOf(rules), ...owned }),
  ];
}

/** The keys of what rule bodies name. */
function needsOf(rules: readonly NftRule[]): string[] {
  const needs = new Set<string>();
  for (const { body } of rules) {
    for (const [, set] of body.matchAll(/@([A-Za-z0-9_]+)/g)) {
      needs.add(`set/${set}`);
    }
    for (const [, name] of body.matchAll(/counter name ([A-Za-z0-9_]+)/g)) {
      needs.add(`counter/${name}`);
    }
    for (const [, name] of body.matchAll(/(?:goto|jump) ([A-Za-z0-9_]+)/g)) {
      // With its rules: a chain that is reached by goto and holds none would let everything through.
      needs.add(`chain/${name}`);
      needs.add(`rules/${name}`);
    }
  }
  return [...needs];
}
