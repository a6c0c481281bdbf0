/**
 * Lists, whole or in pages that belong together.
 *
 * @module
 */

import { ApiError, expired, tooLarge } from "./api_error.ts";
import type { ObjectStore, Snapshot } from "./object_store.ts";
import { type ApiResource, groupVersion } from "./resources.ts";
import { parseFilter } from "./selectors.ts";
import { parseRevision } from "./watch_response.ts";

/** Lists that are being read page by page are kept, as many as this. */
const SNAPSHOT_LIMIT = 64;

/** Answers list requests of one store. */
export class Lists {
  readonly #store: ObjectStore;
  /** By `plural@revision`, oldest first. */
  readonly #snapshots = new Map<string, Snapshot>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * The body of a list.
   *
   * @throws {ApiError} 400, 410, 504
   */
  read(
    resource: ApiResource,
    namespace: string | undefined,
    query: URLSearchParams,
  ): unknown {
    const filter = parseFilter(query);
    const limit = Number(query.get("limit") ?? 0);
    const token = query.get("continue") ?? "";
    const { snapshot, start } = token === ""
      ? { snapshot: this.#current(resource, query), start: 0 }
      : this.#continued(resource, token);
    const matching = snapshot.objects.filter((object) =>
      (namespace === undefined || object.metadata.namespace === namespace) &&
      filter(object)
    );
    const end = limit > 0 ? start + limit : matching.length;
    const remaining = Math.max(0, matching.length - end);
    if (remaining > 0) this.#keep(resource, snapshot);
    return {
      kind: `${resource.kind}List`,
      apiVersion: groupVersion(resource),
      metadata: {
        resourceVersion: `${snapshot.revision}`,
        ...(remaining > 0
          ? {
            continue: btoa(
              JSON.stringify({ v: snapshot.revision, start: end }),
            ),
            remainingItemCount: remaining,
          }
          : {}),
      },
      items: matching.slice(start, end),
    };
  }

  /** Forgets lists that are being read, as compaction does. */
  forget(): void {
    this.#snapshots.clear();
  }

  #current(resource: ApiResource, query: URLSearchParams): Snapshot {
    const version = query.get("resourceVersion") ?? "";
    const current = this.#store.revision;
    if (version !== "" && version !== "0") {
      const wanted = parseRevision(version);
      if (wanted > current) throw tooLarge(wanted, current);
      if (query.get("resourceVersionMatch") === "Exact" && wanted !== current) {
        throw expired(
          `The resourceVersion for the provided list is too old: ${wanted}`,
        );
      }
    }
    return this.#store.snapshot(resource);
  }

  #continued(
    resource: ApiResource,
    token: string,
  ): { readonly snapshot: Snapshot; readonly start: number } {
    let parsed: { v?: unknown; start?: unknown };
    try {
      parsed = JSON.parse(atob(token));
    } catch {
      throw new ApiError(400, "BadRequest", "continue key is not valid");
    }
    const snapshot = this.#snapshots.get(`${resource.plural}@${parsed.v}`);
    if (snapshot === undefined) {
      throw expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
      );
    }
    return { snapshot, start: Number(parsed.start) };
  }

  #keep(resource: ApiResource, snapshot: Snapshot): void {
    const key = `${resource.plural}@${snapshot.revision}`;
    this.#snapshots.delete(key);
    this.#snapshots.set(key, snapshot);
    const [oldest] = this.#snapshots.keys();
    if (this.#snapshots.size > SNAPSHOT_LIMIT && oldest !== undefined) {
      this.#snapshots.delete(oldest);
    }
  }
}
