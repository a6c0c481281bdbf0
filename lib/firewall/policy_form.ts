/**
 * One direction of one policy, in the form that profiles are made of.
 *
 * A rule becomes a chain that knows its peers and nothing of ports: it accepts
 * (or, for egress, goes on to judge the destination) when the other end is one
 * of them, and returns when not. Which ports lead to it is the profile's part,
 * because a port's name means another number on another pod.
 *
 * @module
 */

import { contentHash } from "../base/content_hash.ts";
import type { Entry } from "../base/target.ts";
import type {
  NetworkPolicy,
  ObjectKey,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from "../cluster/model.ts";
import type { NftRule, NftValue } from "../dataplane/nft.ts";
import type { Family } from "../net/ip.ts";
import { type BlockPeer, blockSet } from "./block_set.ts";
import { chainEntries } from "./chain.ts";
import {
  type Direction,
  note,
  policyOwner,
  protocolWord,
  toChain,
} from "./names.ts";
import { type PeerScope, scopeOf, selectorSet } from "./peer_scope.ts";

/** One rule that can match something. */
export interface RuleForm {
  /** The chain that knows the peers; undefined: every peer. */
  readonly chain: string | undefined;
  /** undefined: every port and protocol. */
  readonly ports: readonly PolicyPort[] | undefined;
}

/** One direction of one policy. */
export interface PolicyForm {
  readonly policy: ObjectKey;
  readonly direction: Direction;
  /** Equal for equal behaviour of the same policy. */
  readonly hash: string;
  /** Without those that match nothing. */
  readonly rules: readonly RuleForm[];
  /** The peers whose sets the chains use. */
  readonly scopes: readonly PeerScope[];
  readonly entries: readonly Entry<NftValue>[];
}

/** The verdict for a packet that a direction allows. */
export function allowVerdict(
  direction: Direction,
  family: Family | "any",
): string {
  return direction === "ingress" ? "accept" : `goto ${toChain(family)}`;
}

/**
 * Compiles one direction of a policy.
 *
 * @param held the kernel refused it: it isolates what it selects and allows nothing
 */
export function compilePolicy(
  policy: NetworkPolicy,
  direction: Direction,
  options: { readonly families: readonly Family[]; readonly held: boolean },
): PolicyForm {
  const { families, held } = options;
  const entries = new Map<string, Entry<NftValue>>();
  const scopes = new Map<string, PeerScope>();
  const rules: RuleForm[] = [];
  const source = held ? [] : policy[direction] ?? [];
  for (const [index, rule] of source.entries()) {
    if (rule.peers === undefined) {
      rules.push({ chain: undefined, ports: rule.ports });
      continue;
    }
    const body = compilePeers({ policy, direction, families, rule, index });
    if (body.rules.length === 0) continue;
    const texts = body.rules.map((each) => each.body);
    const hash = contentHash(policy.key, direction, String(index), ...texts);
    const chain = `${direction === "ingress" ? "ri" : "re"}_${hash}`;
    const owner = policyOwner(policy.key);
    for (const scope of body.scopes) scopes.set(scope.id, scope);
    for (
      const entry of [
        ...body.entries,
        ...chainEntries(chain, body.rules, { owner }),
      ]
    ) entries.set(entry.key, entry);
    rules.push({ chain, ports: rule.ports });
  }
  return {
    policy: policy.key,
    direction,
    hash: contentHash(policy.key, direction, JSON.stringify(rules)),
    rules,
    scopes: [...scopes.values()],
    entries: [...entries.values()],
  };
}

interface RuleContext {
  readonly policy: NetworkPolicy;
  readonly direction: Direction;
  readonly families: readonly Family[];
  readonly rule: PolicyRule;
  readonly index: number;
}

/** The peers of one rule as rule bodies, with the sets they use. */
function compilePeers(context: RuleContext): {
  readonly rules: readonly NftRule[];
  readonly scopes: readonly PeerScope[];
  readonly entries: readonly Entry<NftValue>[];
} {
  const { policy, direction, families, rule, index } = context;
  const peers = rule.peers ?? [];
  const scopes = podPeers(peers).map((peer) => scopeOf(policy.namespace, peer))
    .filter((scope) => scope !== undefined);
  const unique = new Map(scopes.map((scope) => [scope.id, scope]));
  const ids = [...unique.keys()].sort();
  const side = direction === "ingress" ? "saddr" : "daddr";
  const words = note(`${policy.key} ${direction} ${index}`);
  const rules: NftRule[] = [];
  const entries: Entry<NftValue>[] = [];
  for (const family of families) {
    const match = (set: string): void => {
      const allow = allowVerdict(direction, family);
      const body = `${protocolWord(family)} ${side} @${set} ${allow}`;
      rules.push({ body, note: words });
    };
    for (const id of ids) match(selectorSet(id, family));
    const blocks = blockSet(
      peers.filter((peer): peer is BlockPeer => peer.kind === "block"),
      family,
      policyOwner(policy.key),
    );
    if (blocks === undefined) continue;
    match(blocks.name);
    entries.push(...blocks.entries);
  }
  return { rules, scopes: [...unique.values()], entries };
}

function podPeers(
  peers: readonly PolicyPeer[],
): Extract<PolicyPeer, { kind: "pods" }>[] {
  return peers.filter((peer) => peer.kind === "pods");
}
