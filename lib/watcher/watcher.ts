/**
 * The watcher: keeps the cluster store as the cluster is, from one source.
 *
 * It has the shape of a module of the service graph and is one in the agent.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Issue } from "../base/issue.ts";
import type { Logger } from "../base/log.ts";
import type { ClusterStore } from "../cluster/store.ts";
import { ClusterSink } from "./cluster_sink.ts";
import { Manifests, type ManifestsStatus } from "./manifests.ts";

/** Where the objects come from. */
export type WatcherSource = {
  readonly kind: "manifests";
  readonly directory: string;
};

/** What the API shows of the watcher. */
export interface WatcherStatus {
  readonly source: "manifests" | "api";
  /** Every object that exists was in the store once. */
  readonly synced: boolean;
  /** Exceptions while taking objects into the store. */
  readonly faults: number;
  readonly manifests?: ManifestsStatus;
}

/** Feeds the cluster store; a module of the service graph. */
export class Watcher {
  readonly name = "watcher";
  readonly purpose = "keeps the model of the cluster up to date";
  readonly needs: readonly string[] = [];

  readonly #store: ClusterStore;
  readonly #sink: ClusterSink;
  readonly #manifests: Manifests;

  constructor(options: {
    readonly store: ClusterStore;
    readonly source: WatcherSource;
    readonly clock: Clock;
    readonly log: Logger;
  }) {
    const { store, source, clock, log } = options;
    this.#store = store;
    this.#sink = new ClusterSink(store, log);
    const { directory } = source;
    this.#manifests = new Manifests({
      directory,
      sink: this.#sink,
      clock,
      log,
    });
  }

  /** Fills the store, tells that it started, and keeps the store up to date until the signal aborts. */
  async run(
    context: { readonly signal: AbortSignal; started(): void },
  ): Promise<void> {
    await this.#manifests.run(context.signal, () => context.started());
  }

  /** Ready once the store is complete and as long as the source can be read. */
  health(): { readonly ready: boolean; readonly message: string } {
    const status = this.#manifests.status();
    if (status.problem !== undefined) {
      return {
        ready: false,
        message: `${status.directory}: ${status.problem}`,
      };
    }
    if (!status.synced) return { ready: false, message: "reading manifests" };
    const { objects, files, directory } = status;
    const faulty = this.#manifests.issues().length;
    return {
      ready: true,
      message: `${objects} objects in ${files} files of ${directory}` +
        (faulty === 0 ? "" : `, ${faulty} issues`),
    };
  }

  /** The watcher's state for people and programs. */
  status(): WatcherStatus {
    return {
      source: "manifests",
      synced: this.#store.isSynced(),
      faults: this.#sink.faults,
      manifests: this.#manifests.status(),
    };
  }

  /** What is wrong with objects now, each with its place. */
  issues(): readonly Issue[] {
    return this.#manifests.issues();
  }
}
