/**
 * The watcher, as the API shows it.
 *
 * @module
 */

import { KINDS } from "../../cluster/feed.ts";
import type { Parts } from "../parts.ts";
import type { WatcherStatus } from "../state.ts";

/** Where the objects come from and how far that is. */
export function viewWatcher({ watcher, store }: Parts): WatcherStatus {
  const status = watcher.status();
  const { manifests, api } = status;
  return {
    source: status.source === "api" ? "kubernetes" : "manifests",
    location: api?.server ?? manifests?.directory ?? "",
    synced: status.synced,
    kinds: KINDS.map((kind) => {
      const resource = api?.resources.find((one) => one.kind === kind);
      return {
        kind,
        objects: store.table(kind).size,
        synced: store.isSynced(kind),
        lastEventMs: resource?.lastEventMs ?? manifests?.lastChangeMs ?? null,
        restarts: Object.values(resource?.restarts ?? {})
          .reduce((sum, count) => sum + count, 0),
        lastError: resource?.problem ?? manifests?.problem ?? null,
      };
    }),
  };
}
