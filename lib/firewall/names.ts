/**
 * Names in the table, and the notes beside rules.
 *
 * The fixed names are the layout (README.md). The others carry a hash of what
 * they hold: chains are never edited, a changed chain is a new chain that the
 * verdict maps are pointed to, in the same transaction. Only sets of pod
 * addresses keep their name while their elements come and go.
 *
 * @module
 */

import type { Family } from "../net/ip.ts";
import type { ObjectKey, Protocol } from "../cluster/model.ts";

/** A direction of a policy, as seen from the pod it selects. */
export type Direction = "ingress" | "egress";

/** Counters of dropped packets. */
export const COUNTERS = {
  /** From or to an address of the node's pod CIDR that no known pod owns. */
  unprogrammed: "unprogrammed",
  /** Of or for a pod, and belonging to no connection. */
  invalid: "invalid_state",
  ingress: "denied_in",
  egress: "denied_eg",
} as const;

/** The chain that judges a packet's destination; reached after its egress was allowed. */
export function toChain(family: Family | "any"): string {
  return family === "any" ? "to_any" : `to${family}`;
}

/** The map from a local pod's address to the verdict for a direction. */
export function podMap(direction: Direction, family: Family): string {
  return `${direction === "ingress" ? "in" : "eg"}${family}`;
}

/** The set of the node's pod CIDRs. */
export function podCidrSet(family: Family): string {
  return `podcidr${family}`;
}

/** The address type of a family in nft's words. */
export function addressType(family: Family): string {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}

/** The protocol keyword of a family in a rule: `ip` or `ip6`. */
export function protocolWord(family: Family): string {
  return family === 4 ? "ip" : "ip6";
}

/** A transport protocol in nft's words. */
export function transportWord(protocol: Protocol): string {
  return protocol.toLowerCase();
}

/** The text of a policy where entries name their owner. */
export function policyOwner(policy: ObjectKey): string {
  return `NetworkPolicy ${policy}`;
}

/** Longest note that {@linkcode note} gives, characters. */
const NOTE_LENGTH = 60;

/**
 * Makes a note for a rule from words that may hold object names: whatever is not
 * `[A-Za-z0-9 _./:-]` becomes `_`, and what is too long loses its end.
 */
export function note(text: string): string {
  const clean = text.replaceAll(/[^A-Za-z0-9 _./:-]/g, "_");
  return clean.length <= NOTE_LENGTH
    ? clean
    : `${clean.slice(0, NOTE_LENGTH - 2)}..`;
}
