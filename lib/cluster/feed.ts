/**
 * What changed in the store, for one consumer.
 *
 * @module
 */

import type { ChangeSet, Kind, ObjectKey } from "./model.ts";

/** The kinds of the model, in the order in which a consumer should want them first. */
export const KINDS: readonly Kind[] = [
  "Node",
  "Namespace",
  "Pod",
  "Service",
  "EndpointSlice",
  "NetworkPolicy",
];

const NONE: ReadonlySet<ObjectKey> = new Set();

/**
 * Keys that changed since the consumer last took them. Each key is there once,
 * however often it changed; what it means now is in the store. Made by
 * `ClusterStore.feed`; every feed is independent of the others.
 */
export class ChangeFeed {
  #pending = new Map<Kind, Set<ObjectKey>>();
  #onDirty: (() => void) | undefined;
  readonly #detach: (feed: ChangeFeed) => void;

  /** @param detach called when the consumer closes the feed */
  constructor(detach: (feed: ChangeFeed) => void) {
    this.#detach = detach;
  }

  /** Whether there is nothing to take. */
  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** All changes since the last call; the feed is empty afterwards. */
  take(): ChangeSet {
    const taken = this.#pending;
    this.#pending = new Map();
    return {
      Pod: taken.get("Pod") ?? NONE,
      Namespace: taken.get("Namespace") ?? NONE,
      Node: taken.get("Node") ?? NONE,
      Service: taken.get("Service") ?? NONE,
      EndpointSlice: taken.get("EndpointSlice") ?? NONE,
      NetworkPolicy: taken.get("NetworkPolicy") ?? NONE,
    };
  }

  /**
   * Sets the one callback that is called when the feed goes from empty to
   * non-empty, and at once when it is not empty now. It is called in the middle
   * of a change of the store, so it must only take note: schedule, and return.
   */
  onDirty(callback: () => void): void {
    this.#onDirty = callback;
    if (!this.isEmpty) callback();
  }

  /** Ends the feed: no change reaches it any more. */
  close(): void {
    this.#detach(this);
    this.#pending.clear();
    this.#onDirty = undefined;
  }

  /** Adds a changed key; called by the store. */
  add(kind: Kind, key: ObjectKey): void {
    const wasEmpty = this.isEmpty;
    const keys = this.#pending.get(kind);
    if (keys === undefined) this.#pending.set(kind, new Set([key]));
    else keys.add(key);
    if (wasEmpty) this.#onDirty?.();
  }
}
