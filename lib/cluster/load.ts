/**
 * A whole cluster from objects at hand: offline commands and tests.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import { decodeObject, listItems } from "./decode_object.ts";
import { KINDS } from "./feed.ts";
import { ClusterStore } from "./store.ts";

/**
 * A store that holds these objects and is synced. Lists are taken apart, and
 * kinds that are not in the model are passed over.
 *
 * @returns the store, and what was wrong with objects that are not in it; what
 * is wrong with those that are, the store tells
 */
export function storeOf(
  objects: Iterable<unknown>,
): { readonly store: ClusterStore; readonly issues: readonly Issue[] } {
  const store = new ClusterStore();
  const issues: Issue[] = [];
  for (const document of objects) {
    for (const raw of listItems(document)) {
      const decoded = decodeObject(raw);
      if (decoded.status === "invalid") issues.push(decoded.issue);
      else if (decoded.status === "object") {
        store.upsert(decoded.kind, decoded.project());
      }
    }
  }
  for (const kind of KINDS) store.synced(kind);
  return { store, issues };
}
