/**
 * The sink that is the cluster store.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { decodeAs } from "../cluster/decode_object.ts";
import type { Kind, ObjectKey } from "../cluster/model.ts";
import type { ClusterStore } from "../cluster/store.ts";
import type { Decoded, Sink } from "./sink.ts";

/** Projects objects and keeps them in a {@linkcode ClusterStore}. */
export class ClusterSink implements Sink {
  readonly #store: ClusterStore;
  readonly #log: Logger;
  #faults = 0;

  constructor(store: ClusterStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Exceptions while projecting or storing; each was logged. */
  get faults(): number {
    return this.#faults;
  }

  decode(kind: Kind, raw: unknown): Decoded {
    const decoded = decodeAs(kind, raw);
    if (decoded.status === "invalid") {
      return { kind, key: "", object: undefined, issues: [decoded.issue] };
    }
    const { key } = decoded;
    try {
      return { kind, ...decoded.project() };
    } catch (error) {
      this.#fault(`${kind} ${key}`, error);
      const issue = {
        object: `${kind} ${key}`,
        field: "",
        problem: `cannot be read: ${messageOf(error)}`,
        mend: "report this as a fault of Fairway",
      };
      return { kind, key, object: undefined, issues: [issue] };
    }
  }

  replace(kind: Kind, objects: readonly Decoded[]): void {
    this.#guard(kind, () => this.#store.replaceAll(kind, objects));
  }

  upsert(decoded: Decoded): void {
    const { kind, key } = decoded;
    this.#guard(`${kind} ${key}`, () => this.#store.upsert(kind, decoded));
  }

  remove(kind: Kind, key: ObjectKey): void {
    this.#guard(`${kind} ${key}`, () => this.#store.remove(kind, key));
  }

  synced(kind: Kind): void {
    this.#guard(kind, () => this.#store.synced(kind));
  }

  #guard(what: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#fault(what, error);
    }
  }

  #fault(what: string, error: unknown): void {
    this.#faults++;
    this.#log.error(
      "watcher.store.fault",
      `${what} could not be taken into the store: ${messageOf(error)}`,
    );
  }
}
