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
import type { ApiAccess } from "./api_access.ts";
import { ApiSource, type ApiStatus } from "./api_source.ts";
import { ClusterSink } from "./cluster_sink.ts";
import { Manifests, type ManifestsStatus } from "./manifests.ts";
import type { ReflectorLimits } from "./reflector_requests.ts";
import type { ReflectorSettings } from "./reflector_state.ts";

/** Where the objects come from. */
export type WatcherSource =
  | { readonly kind: "manifests"; readonly directory: string }
  | {
    readonly kind: "api";
    /** From `findApiAccess`, which is asked before the agent starts. */
    readonly access: ApiAccess;
    readonly settings?: Partial<ReflectorSettings>;
    readonly limits?: Partial<ReflectorLimits>;
  };

/** What the API shows of the watcher. */
export interface WatcherStatus {
  readonly source: "manifests" | "api";
  /** Every object that exists was in the store once. */
  readonly synced: boolean;
  /** Exceptions while taking objects into the store. */
  readonly faults: number;
  readonly manifests?: ManifestsStatus;
  readonly api?: ApiStatus;
}

/** Feeds the cluster store; a module of the service graph. */
export class Watcher {
  readonly name = "watcher";
  readonly purpose = "keeps the model of the cluster up to date";
  readonly needs: readonly string[] = [];

  readonly #store: ClusterStore;
  readonly #sink: ClusterSink;
  readonly #source: Manifests | ApiSource;

  /** @param options `random` gives numbers from 0 to 1, for the jitter of pauses */
  constructor(options: {
    readonly store: ClusterStore;
    readonly source: WatcherSource;
    readonly clock: Clock;
    readonly log: Logger;
    readonly random?: () => number;
  }) {
    const { store, source, clock, log, random = Math.random } = options;
    this.#store = store;
    const sink = this.#sink = new ClusterSink(store, log);
    this.#source = source.kind === "manifests"
      ? new Manifests({ directory: source.directory, sink, clock, log })
      : new ApiSource({ ...source, sink, clock, log, random });
  }

  /** Fills the store, tells that it started, and keeps the store up to date until the signal aborts. */
  async run(
    context: { readonly signal: AbortSignal; started(): void },
  ): Promise<void> {
    await this.#source.run(context.signal, () => context.started());
  }

  /** Ready once the store is complete and as long as the source can be read. */
  health(): { readonly ready: boolean; readonly message: string } {
    return this.#source.health();
  }

  /** The watcher's state for people and programs. */
  status(): WatcherStatus {
    const common = {
      synced: this.#store.isSynced(),
      faults: this.#sink.faults,
    };
    return this.#source instanceof Manifests
      ? { source: "manifests", ...common, manifests: this.#source.status() }
      : { source: "api", ...common, api: this.#source.status() };
  }

  /** What is wrong with objects now; those of a manifests directory with file and line. */
  issues(): readonly Issue[] {
    return this.#source instanceof Manifests
      ? this.#source.issues()
      : [...this.#store.allIssues()];
  }
}
