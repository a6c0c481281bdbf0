/**
 * Whom a pod peer means, and the name of the set that holds them.
 *
 * @module
 */

import { contentHash } from "../base/content_hash.ts";
import type { Namespace, PolicyPeer } from "../cluster/model.ts";
import { matches, type Selector } from "../cluster/selector.ts";
import type { Family } from "../net/ip.ts";

/** The pods that one peer of a rule means; equal scopes have equal ids, and share a set. */
export interface PeerScope {
  readonly id: string;
  /** One namespace by name, or those that a selector matches. */
  readonly namespaces: string | Selector;
  readonly pods: Selector;
}

/**
 * The scope of a peer in a policy of a namespace; undefined when it can match
 * nothing, because a selector could not be parsed.
 */
export function scopeOf(
  namespace: string,
  peer: Extract<PolicyPeer, { kind: "pods" }>,
): PeerScope | undefined {
  const { namespaces, pods } = peer;
  if (pods.nothing || namespaces?.nothing === true) return undefined;
  const id = namespaces === undefined
    ? contentHash("own", namespace, pods.text)
    : contentHash("across", namespaces.text, pods.text);
  return { id, namespaces: namespaces ?? namespace, pods };
}

/**
 * Whether a scope reaches into a namespace.
 *
 * @param namespace undefined while its object has not been seen: then no
 * namespace selector matches it
 */
export function reaches(
  scope: PeerScope,
  name: string,
  namespace: Namespace | undefined,
): boolean {
  return typeof scope.namespaces === "string"
    ? scope.namespaces === name
    : namespace !== undefined && matches(scope.namespaces, namespace.labels);
}

/** The set of a scope's addresses of one family. */
export function selectorSet(id: string, family: Family): string {
  return `s_${id}_${family}`;
}
