/**
 * Which learned routes are taken.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Node } from "../cluster/model.ts";
import type { Families } from "../cluster/node_ips.ts";
import {
  type Prefix,
  prefixCovers,
  prefixFamily,
  prefixLength,
  tryParsePrefix,
} from "../net/prefix.ts";

/** Where a route comes from. */
export interface RouteOrigin {
  readonly kind: "internal" | "external";
  /** Pod networks of the node that sent it; for internal peers. */
  readonly podCidrs: readonly Prefix[];
}

/** What decides about routes. */
export interface ImportRules {
  readonly families: Families;
  /** This node's pod networks. */
  readonly ownPodCidrs: readonly Prefix[];
  /** Whether this node announces exactly this prefix itself. */
  readonly isAnnounced: (prefix: Prefix) => boolean;
  /** These and everything inside them is refused, from every peer. */
  readonly rejected: readonly Prefix[];
  /** When not empty, external peers may send only what lies in these. */
  readonly externalAllowed: readonly Prefix[];
  /** Take from other nodes also what their Node object does not own. */
  readonly trustNodes: boolean;
}

/** True, or why a route is refused, in words. */
export function judgeImport(
  prefix: Prefix,
  origin: RouteOrigin,
  rules: ImportRules,
): true | string {
  const family = prefixFamily(prefix);
  if (!rules.families[family]) return `IPv${family} is switched off`;
  if (prefixLength(prefix) === 0) return "default routes are not taken";
  const own = rules.ownPodCidrs.find((cidr) => prefixCovers(cidr, prefix));
  if (own !== undefined) return `lies in this node's pod network ${own}`;
  if (rules.isAnnounced(prefix)) return "this node announces it itself";
  const rejected = rules.rejected.find((each) => prefixCovers(each, prefix));
  if (rejected !== undefined) {
    return `lies in ${rejected} of ${REJECT_ANNOTATION}`;
  }
  if (origin.kind === "internal") {
    if (rules.trustNodes) return true;
    return origin.podCidrs.some((cidr) => prefixCovers(cidr, prefix)) ||
      "is not a pod network of the node that sent it";
  }
  const { externalAllowed } = rules;
  return externalAllowed.length === 0 ||
    externalAllowed.some((each) => prefixCovers(each, prefix)) ||
    "lies in no network that external peers may send";
}

/** Comma list of networks that no peer may send. */
export const REJECT_ANNOTATION = "kube-router.io/node.bgp.customimportreject";

/** Reads {@linkcode REJECT_ANNOTATION} of this node; a bad element costs only itself. */
export function parseRejected(
  node: Node,
): { readonly rejected: readonly Prefix[]; readonly issues: readonly Issue[] } {
  const rejected: Prefix[] = [];
  const issues: Issue[] = [];
  for (
    const part of (node.annotations.get(REJECT_ANNOTATION) ?? "").split(",")
  ) {
    const text = part.trim();
    if (text === "") continue;
    const prefix = tryParsePrefix(text, { mask: true });
    if (prefix !== undefined) {
      rejected.push(prefix);
      continue;
    }
    issues.push({
      object: `Node ${node.name}`,
      field: `metadata.annotations["${REJECT_ANNOTATION}"]`,
      problem: `${JSON.stringify(text)} is not a prefix`,
      mend: "write prefixes such as 10.0.0.0/8, with commas between them",
    });
  }
  return { rejected, issues };
}
