/**
 * What applies to a pod in one direction: all the policies that select it, as
 * one chain behind one port map.
 *
 * Pods that the same policies select, and that give the names those use the same
 * numbers, share a profile.
 *
 * @module
 */

import { contentHash } from "../base/content_hash.ts";
import type { Entry } from "../base/target.ts";
import type { Pod } from "../cluster/model.ts";
import { nftEntry, type NftRule, type NftValue } from "../dataplane/nft.ts";
import type { Family } from "../net/ip.ts";
import { chainEntries } from "./chain.ts";
import {
  COUNTERS,
  type Direction,
  note,
  policyOwner,
  protocolWord,
  transportWord,
} from "./names.ts";
import {
  type PortName,
  portNameKey,
  portNameOf,
  portNameSet,
  resolvePortName,
} from "./named_port.ts";
import { allowVerdict, type PolicyForm, type RuleForm } from "./policy_form.ts";
import {
  cutPorts,
  numericRange,
  type PortClaim,
  type PortPiece,
} from "./port_pieces.ts";

/** The policies of one direction of a pod, compiled. */
export interface Profile {
  /** Equal for pods that share it. */
  readonly key: string;
  readonly direction: Direction;
  readonly forms: readonly PolicyForm[];
  /** The chain to go to; undefined when everything is allowed. */
  readonly chain: string | undefined;
  /** Port names to be known of destinations. */
  readonly portNames: readonly PortName[];
  readonly entries: readonly Entry<NftValue>[];
}

/** What a profile is made of. */
export interface ProfileInput {
  readonly direction: Direction;
  /** At least one; sorted by policy. */
  readonly forms: readonly PolicyForm[];
  readonly pod: Pod;
  readonly families: readonly Family[];
}

/** The key of the profile that {@linkcode compileProfile} would make; cheap. */
export function profileKey(input: ProfileInput): string {
  const { direction, forms, pod } = input;
  const numbers = direction === "egress"
    ? []
    : namesIn(forms.flatMap((form) => form.rules)).map((name) =>
      `${portNameKey(name)}=${resolvePortName(pod, name) ?? ""}`
    );
  return contentHash(
    direction,
    ...forms.map((form) => form.hash),
    "",
    ...numbers,
  );
}

/** Compiles a profile. */
export function compileProfile(input: ProfileInput): Profile {
  const { direction, forms, families } = input;
  const rules = forms.flatMap((form) => form.rules);
  const common = { key: profileKey(input), direction, forms };
  if (
    rules.some((rule) => rule.chain === undefined && rule.ports === undefined)
  ) {
    return { ...common, chain: undefined, portNames: [], entries: [] };
  }
  const owner = forms.map((form) => policyOwner(form.policy)).join(", ");
  const entries = new Map<string, Entry<NftValue>>();
  const add = (more: readonly Entry<NftValue>[]): void => {
    for (const entry of more) entries.set(entry.key, entry);
  };
  const bodies: NftRule[] = [];
  const map = portMap(cutPorts(claimsOf(input)), direction, owner);
  if (map !== undefined) {
    add(map.entries);
    bodies.push({ body: `meta l4proto . th dport vmap @${map.name}` });
  }
  const names = direction === "egress" ? namesIn(rules) : [];
  for (const rule of direction === "egress" ? rules : []) {
    bodies.push(...namedRules(rule, families));
  }
  for (const { chain, ports } of rules) {
    if (ports === undefined && chain !== undefined) {
      bodies.push({ body: `jump ${chain}` });
    }
  }
  const isolators = forms.map((form) => form.policy).join(" ");
  bodies.push({
    body: `counter name ${COUNTERS[direction]} drop`,
    note: note(`isolated by ${isolators}`),
  });
  const prefix = direction === "ingress" ? "pi" : "pe";
  const texts = bodies.map((rule) => rule.body);
  const policies = forms.map((form) => form.policy);
  const chain = `${prefix}_${contentHash(...policies, "", ...texts)}`;
  add(chainEntries(chain, bodies, { owner }));
  return { ...common, chain, portNames: names, entries: [...entries.values()] };
}

/** The ports of all rules that have a number for this pod. */
function claimsOf(input: ProfileInput): PortClaim<RuleForm>[] {
  const { direction, forms, pod } = input;
  return forms.flatMap((form) => form.rules).flatMap((rule) =>
    (rule.ports ?? []).flatMap((port): PortClaim<RuleForm>[] => {
      const { protocol } = port;
      const range = numericRange(port);
      if (range !== undefined) return [{ protocol, ...range, claimant: rule }];
      const name = direction === "ingress" ? portNameOf(port) : undefined;
      const number = name && resolvePortName(pod, name);
      return number === undefined
        ? []
        : [{ protocol, from: number, to: number, claimant: rule }];
    })
  );
}

/** The map from protocol and port to the rules' chains, named by its content. */
function portMap(
  pieces: readonly PortPiece<RuleForm>[],
  direction: Direction,
  owner: string,
): { readonly name: string; readonly entries: Entry<NftValue>[] } | undefined {
  if (pieces.length === 0) return undefined;
  const entries: Entry<NftValue>[] = [];
  const elements = pieces.map((piece) => {
    const { from, to } = piece;
    const ports = from === to ? `${from}` : `${from}-${to}`;
    const element = `${transportWord(piece.protocol)} . ${ports}`;
    return { element, data: pieceVerdict(piece, direction, owner, entries) };
  });
  const texts = elements.map((each) => `${each.element} : ${each.data}`);
  const name = `m_${contentHash(...texts)}`;
  // Without ranges a hash table does; with them the kernel keeps a slower structure.
  const interval = pieces.some((piece) => piece.from !== piece.to);
  entries.push(
    nftEntry({
      kind: "set",
      name,
      type: "inet_proto . inet_service",
      data: "verdict",
      ...(interval ? { interval } : {}),
    }, { owner }),
    ...elements.map((each) =>
      nftEntry({ kind: "element", set: name, ...each }, { owner })
    ),
  );
  return { name, entries };
}

/** Where a piece leads: on when one of its rules takes every peer, else to its rules in turn. */
function pieceVerdict(
  piece: PortPiece<RuleForm>,
  direction: Direction,
  owner: string,
  entries: Entry<NftValue>[],
): string {
  const chains = piece.claimants.flatMap((rule) => rule.chain ?? []);
  if (chains.length < piece.claimants.length) {
    return allowVerdict(direction, "any");
  }
  if (chains.length === 1) return `jump ${chains[0]}`;
  const bodies = chains.map((chain) => ({ body: `jump ${chain}` }));
  const hash = contentHash(...bodies.map((rule) => rule.body));
  const name = `${direction === "ingress" ? "li" : "le"}_${hash}`;
  entries.push(...chainEntries(name, bodies, { owner }));
  return `jump ${name}`;
}

/** The rules for ports whose number depends on the destination. */
function namedRules(
  rule: RuleForm,
  families: readonly Family[],
): NftRule[] {
  return namesIn([rule]).flatMap((name) =>
    families.map((family) => {
      const ip = protocolWord(family);
      const verdict = rule.chain === undefined
        ? allowVerdict("egress", family)
        : `jump ${rule.chain}`;
      const set = portNameSet(name, family);
      return {
        body: `${ip} daddr . meta l4proto . th dport @${set} ${verdict}`,
      };
    })
  );
}

/** The port names that rules use, sorted, each once. */
function namesIn(rules: readonly RuleForm[]): PortName[] {
  const names = new Map<string, PortName>();
  for (const rule of rules) {
    for (const port of rule.ports ?? []) {
      const name = portNameOf(port);
      if (name !== undefined) names.set(portNameKey(name), name);
    }
  }
  return [...names.keys()].sort().flatMap((key) => names.get(key) ?? []);
}
