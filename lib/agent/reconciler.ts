/**
 * The life of a reconciler: compile everything once the model is known, then
 * what each change touches.
 *
 * @module
 */

import { type Clock, sleep } from "../base/clock.ts";
import type { ChangeSet } from "../cluster/model.ts";
import { Latch } from "./engine/latch.ts";
import type { Health, Module, ModuleContext } from "./module.ts";

/** Changes of the model since they were last taken. */
export interface Feed {
  take(): ChangeSet;
  readonly isEmpty: boolean;
  /** Called each time the feed goes from empty to not empty. */
  onDirty(callback: () => void): void;
  close(): void;
}

/** What makes one reconciler different from another. */
export interface ReconcilerOptions {
  readonly name: string;
  readonly purpose: string;
  readonly needs: readonly string[];
  readonly clock: Clock;
  /** Opens a feed whose first change set is everything. */
  readonly openFeed: () => Feed;
  /** Resolves when the model holds the cluster. */
  readonly modelKnown: (signal: AbortSignal) => Promise<void>;
  /** Before the model is known: what must hold from the first moment on. */
  readonly prepare?: (signal: AbortSignal) => Promise<void>;
  /** Compiles everything and hands it over. */
  readonly compileAll: () => void;
  /** Compiles what the changes touch and hands it over. */
  readonly compile: (changes: ChangeSet) => void;
  /** Resolves when what was handed over is in the kernel. */
  readonly settled: (signal: AbortSignal) => Promise<void>;
  readonly health?: () => Health;
  /** How long changes are gathered, milliseconds. */
  readonly coalesceMs?: number;
}

/** See the module's comment. */
export class Reconciler implements Module {
  readonly name: string;
  readonly purpose: string;
  readonly needs: readonly string[];
  readonly #options: ReconcilerOptions;
  #progress = "waits for the cluster's objects";

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.name = options.name;
    this.purpose = options.purpose;
    this.needs = options.needs;
  }

  async run(context: ModuleContext): Promise<void> {
    const { signal } = context;
    const options = this.#options;
    await options.prepare?.(signal);
    await options.modelKnown(signal);
    const feed = options.openFeed();
    const work = new Latch();
    feed.onDirty(() => work.open());
    try {
      feed.take();
      this.#progress = "compiles";
      options.compileAll();
      this.#progress = "waits for the kernel";
      await options.settled(signal);
      context.started();
      while (!signal.aborted) {
        if (feed.isEmpty) await work.wait(signal);
        work.close();
        await sleep(options.clock, options.coalesceMs ?? 5, signal);
        options.compile(feed.take());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      feed.close();
    }
  }

  health(): Health {
    return this.#options.health?.() ?? { ready: true, message: this.#progress };
  }
}
