/**
 * The service graph: starts modules in the order of their needs, restarts a
 * failed one after a growing pause, stops them in reverse.
 *
 * ```
 *  waiting ─needs started─▶ starting ─started()─▶ running ─stop─▶ stopping ─▶ stopped
 *                 ▲            │ throws │ throws                    │ deadline passed
 *                 └─ pause ─ backing_off                            └─▶ failed
 * ```
 *
 * @module
 */

import { type Clock, sleep } from "../base/clock.ts";
import { FairwayError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { Latch } from "./engine/latch.ts";
import type { Health, Module, Phase } from "./module.ts";

/** A module as the API shows it. */
export interface GraphNode {
  readonly name: string;
  readonly purpose: string;
  readonly needs: readonly string[];
  readonly phase: Phase;
  readonly health: Health;
  readonly restarts: number;
  readonly lastError: string | undefined;
  /** When the phase was entered; wall clock, milliseconds. */
  readonly sinceMs: number;
}

/** How a graph behaves. */
export interface GraphOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Time a module has to stop, milliseconds; then it is abandoned. */
  readonly stopDeadlineMs?: number;
  /** Called after every change of phase. */
  readonly onChange?: (node: GraphNode) => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A module that ran this long starts again with the shortest pause. */
const STABLE_AFTER_MS = 60_000;

class Running {
  readonly module: Module;
  readonly started = new Latch();
  readonly stop = new AbortController();
  phase: Phase = "waiting";
  restarts = 0;
  lastError: string | undefined;
  sinceMs: number;
  finished: Promise<void> = Promise.resolve();

  constructor(module: Module, sinceMs: number) {
    this.module = module;
    this.sinceMs = sinceMs;
  }
}

/** See the module's comment. */
export class ServiceGraph {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopDeadlineMs: number;
  readonly #onChange: ((node: GraphNode) => void) | undefined;
  /** In an order in which every module comes after its needs. */
  readonly #nodes: readonly Running[];
  readonly #byName: ReadonlyMap<string, Running>;

  /** @throws {FairwayError} `internal` when a need is unknown or needs form a circle */
  constructor(modules: readonly Module[], options: GraphOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#stopDeadlineMs = options.stopDeadlineMs ?? 10_000;
    this.#onChange = options.onChange;
    this.#nodes = inOrder(modules).map((module) =>
      new Running(module, this.#clock.now())
    );
    this.#byName = new Map(
      this.#nodes.map((node) => [node.module.name, node]),
    );
  }

  /** Starts every module; returns at once. */
  start(): void {
    for (const node of this.#nodes) node.finished = this.#supervise(node);
  }

  /** Resolves when every module has started. */
  async started(signal: AbortSignal): Promise<void> {
    for (const node of this.#nodes) await node.started.wait(signal);
  }

  /** Stops every module, those that others need last. */
  async stop(): Promise<void> {
    for (const node of [...this.#nodes].reverse()) {
      if (node.phase !== "waiting") this.#enter(node, "stopping");
      node.stop.abort(new FairwayError("aborted", "The agent is stopping"));
      const deadline = new AbortController();
      const ended = await Promise.race([
        node.finished.then(() => true),
        sleep(this.#clock, this.#stopDeadlineMs, deadline.signal)
          .then(() => false, () => true),
      ]);
      deadline.abort();
      if (ended) this.#enter(node, "stopped");
      else {
        node.lastError =
          `did not stop within ${this.#stopDeadlineMs} ms and was abandoned`;
        this.#enter(node, "failed");
        this.#log.error("graph.abandoned", node.lastError, {
          module: node.module.name,
        });
      }
    }
  }

  /** Every module, in start order. */
  nodes(): readonly GraphNode[] {
    return this.#nodes.map((node) => this.#view(node));
  }

  /** Who is not ready, and why; empty when the agent is ready. */
  unready(): readonly { readonly name: string; readonly message: string }[] {
    return this.nodes()
      .filter((node) => !node.health.ready)
      .map((node) => ({ name: node.name, message: node.health.message }));
  }

  async #supervise(node: Running): Promise<void> {
    const { signal } = node.stop;
    try {
      for (const need of node.module.needs) {
        await this.#byName.get(need)?.started.wait(signal);
      }
      let pauseMs = FIRST_PAUSE_MS;
      while (!signal.aborted) {
        const startMs = this.#clock.monotonic();
        await this.#runOnce(node);
        if (signal.aborted) return;
        if (this.#clock.monotonic() - startMs >= STABLE_AFTER_MS) {
          pauseMs = FIRST_PAUSE_MS;
        }
        this.#enter(node, "backing_off");
        await sleep(this.#clock, pauseMs, signal);
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
        node.restarts++;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Runs a module until it ends, and keeps the reason. */
  async #runOnce(node: Running): Promise<void> {
    const { module, stop } = node;
    this.#enter(node, "starting");
    try {
      await module.run({
        signal: stop.signal,
        started: () => {
          if (node.phase === "starting") this.#enter(node, "running");
          node.started.open();
        },
      });
      node.lastError = "ended although nobody asked it to";
    } catch (error) {
      node.lastError = messageOf(error);
    }
    if (stop.signal.aborted) return;
    this.#log.error("graph.failed", `${module.name}: ${node.lastError}`, {
      module: module.name,
      restarts: node.restarts,
    });
  }

  #enter(node: Running, phase: Phase): void {
    if (node.phase === phase) return;
    node.phase = phase;
    node.sinceMs = this.#clock.now();
    this.#log.debug("graph.phase", `${node.module.name} is ${phase}`, {
      module: node.module.name,
      phase,
    });
    this.#onChange?.(this.#view(node));
  }

  #view(node: Running): GraphNode {
    const { name, purpose, needs } = node.module;
    return {
      name,
      purpose,
      needs,
      phase: node.phase,
      health: this.#health(node),
      restarts: node.restarts,
      lastError: node.lastError,
      sinceMs: node.sinceMs,
    };
  }

  #health(node: Running): Health {
    switch (node.phase) {
      case "running":
        return node.module.health();
      case "starting": {
        const own = node.module.health();
        return { ready: false, message: own.message || "starting" };
      }
      case "waiting": {
        const missing = node.module.needs.filter((need) =>
          this.#byName.get(need)?.phase !== "running"
        );
        return { ready: false, message: `waits for ${missing.join(", ")}` };
      }
      case "backing_off":
      case "failed":
        return { ready: false, message: node.lastError ?? "failed" };
      case "stopping":
      case "stopped":
        return { ready: false, message: node.phase };
    }
  }
}

/** Sorts modules so that each comes after its needs. */
function inOrder(modules: readonly Module[]): readonly Module[] {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const ordered: Module[] = [];
  const visit = (module: Module, path: readonly string[]): void => {
    if (ordered.includes(module)) return;
    if (path.includes(module.name)) {
      const circle = [...path.slice(path.indexOf(module.name)), module.name];
      throw new FairwayError(
        "internal",
        `Modules need each other in a circle: ${circle.join(" -> ")}`,
      );
    }
    for (const need of module.needs) {
      const needed = byName.get(need);
      if (needed === undefined) {
        throw new FairwayError(
          "internal",
          `Module ${module.name} needs ${need}, which is not in the graph`,
        );
      }
      visit(needed, [...path, module.name]);
    }
    ordered.push(module);
  };
  for (const module of modules) visit(module, []);
  return ordered;
}

/** The graph as text: one line a module, indented below what it needs. */
export function renderGraph(nodes: readonly GraphNode[]): string {
  const depth = new Map<string, number>();
  const lines = nodes.map((node) => {
    const level = Math.max(
      0,
      ...node.needs.map((need) => (depth.get(need) ?? 0) + 1),
    );
    depth.set(node.name, level);
    const needs = node.needs.length === 0
      ? ""
      : ` (needs ${node.needs.join(", ")})`;
    return `${
      "  ".repeat(level)
    }${node.name}: ${node.phase}${needs} - ${node.health.message}`;
  });
  return `${lines.join("\n")}\n`;
}
