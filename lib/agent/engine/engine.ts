/**
 * The difference engine of one kernel tool.
 *
 * Contributors say what they want; the engine keeps what the kernel was last
 * told, takes the difference over the keys that changed, and hands the driver
 * one batch. It reads the kernel at start and adopts what is there; a slow audit
 * reads it again and repairs drift. What the kernel refuses is held back with a
 * growing pause and never stops its neighbours.
 *
 * ```
 *  put ──▶ Desired ──dirty keys──▶ diff ──ops──▶ carryOut ──▶ Target (nft, …)
 *                                   ▲               │ done / refused
 *                                observed ◀─────────┘      └──▶ Quarantine
 *                                   ▲
 *                     adopt, audit ─┘
 * ```
 *
 * @module
 */

import { type Clock, sleep } from "../../base/clock.ts";
import { type KernelError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Op, SourceUpdate, Target } from "../../base/target.ts";
import { carryOut } from "./carry_out.ts";
import { type Conflict, Desired } from "./desired.ts";
import { diff, type Difference } from "./diff.ts";
import { Latch, Mutex } from "./latch.ts";
import { Quarantine, type Refused } from "./quarantine.ts";

/** Told about each piece of work, for metrics and events. */
export interface EngineObserver {
  /** A batch was carried out. */
  synced(report: SyncReport): void;
  /** An audit found this many keys changed by somebody else. */
  drifted(target: string, count: number): void;
  /** The kernel refused an entry. */
  refused(target: string, refused: Refused): void;
  /** The tool could not be run. */
  failed(target: string, error: unknown): void;
}

/** One batch. */
export interface SyncReport {
  readonly target: string;
  readonly operations: { readonly [K in Op<unknown>["kind"]]: number };
  readonly refused: number;
  readonly durationMs: number;
}

/** How an engine works. */
export interface EngineOptions<V> {
  readonly target: Target<V>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer?: EngineObserver;
  /** How long changes are gathered before a batch, milliseconds. */
  readonly coalesceMs?: number;
  /** Time between audits, milliseconds. */
  readonly auditEveryMs?: number;
  /** Most runs of the tool for one batch, when operations are refused. */
  readonly maxRuns?: number;
}

/** A part that wants entries of this tool. */
export interface Contributor<V> {
  /** Hands over what sources want; the kernel follows soon after. */
  put(updates: readonly SourceUpdate<V>[]): void;
  /** As `put`, and sources that are not named want nothing any more. */
  replace(updates: readonly SourceUpdate<V>[]): void;
  /**
   * Says that everything wanted at start was handed over. Before that, nothing
   * that this contributor owns is removed: an empty model is not a wish.
   */
  complete(): void;
}

/** The state of an engine, for people. */
export interface EngineStatus {
  readonly target: string;
  readonly desired: number;
  readonly observed: number;
  readonly pending: number;
  readonly operationsTotal: number;
  readonly driftTotal: number;
  /** When wishes and kernel last agreed, but for what is refused; wall clock, milliseconds. */
  readonly lastSyncMs: number | undefined;
  readonly lastAuditMs: number | undefined;
  readonly lastDurationMs: number | undefined;
  /** Why the tool cannot be used at present. */
  readonly failure: string | undefined;
  readonly refused: readonly Refused[];
  readonly conflicts: readonly Conflict[];
}

interface Owner {
  readonly name: string;
  readonly owns: (key: string) => boolean;
  isComplete: boolean;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** See the module's comment. */
export class Engine<V> {
  readonly #target: Target<V>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #observer: EngineObserver | undefined;
  readonly #coalesceMs: number;
  readonly #auditEveryMs: number;
  readonly #maxRuns: number;
  readonly #desired: Desired<V>;
  readonly #owners: Owner[] = [];
  readonly #quarantine = new Quarantine<V>();
  readonly #mutex = new Mutex();
  readonly #work = new Latch();
  readonly #quiet = new Latch();
  /** Keys by the missing key they wait for, and the reverse. */
  readonly #waitingFor = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, string>();
  readonly #refusalListeners: (() => void)[] = [];
  #observed = new Map<string, V>();
  #isAdopted = false;
  #operationsTotal = 0;
  #driftTotal = 0;
  #lastSyncMs: number | undefined;
  #lastAuditMs: number | undefined;
  #lastDurationMs: number | undefined;
  #failure: unknown;
  #failures = 0;

  constructor(options: EngineOptions<V>) {
    this.#target = options.target;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#observer = options.observer;
    this.#coalesceMs = options.coalesceMs ?? 10;
    this.#auditEveryMs = options.auditEveryMs ?? 5 * 60_000;
    this.#maxRuns = options.maxRuns ?? 200;
    this.#desired = new Desired((a, b) => this.#target.equal(a, b));
  }

  /** The tool's name. */
  get name(): string {
    return this.#target.name;
  }

  /** What exists in the kernel, as far as is known. */
  get observed(): ReadonlyMap<string, V> {
    return this.#observed;
  }

  /**
   * Registers a part that wants entries.
   *
   * @param name unique among this engine's contributors
   * @param owns which keys only this contributor may leave behind; what no
   * contributor owns is never removed
   */
  contributor(
    name: string,
    owns: (key: string) => boolean = () => true,
  ): Contributor<V> {
    const owner: Owner = { name, owns, isComplete: false };
    this.#owners.push(owner);
    const sources = new Set<string>();
    const put = (updates: readonly SourceUpdate<V>[]): void => {
      for (const { source, entries } of updates) {
        this.#desired.put(`${name}: ${source}`, entries);
        if (entries.length > 0) sources.add(source);
        else sources.delete(source);
      }
      if (this.#desired.isDirty) this.#poke();
    };
    return {
      put,
      replace: (updates) => {
        const named = new Set(updates.map(({ source }) => source));
        const gone = [...sources].filter((source) => !named.has(source));
        put([
          ...updates,
          ...gone.map((source) => ({ source, entries: [] })),
        ]);
      },
      complete: () => {
        if (owner.isComplete) return;
        owner.isComplete = true;
        this.#desired.touch(
          [...this.#observed.keys()].filter((key) => owner.owns(key)),
        );
        this.#poke();
      },
    };
  }

  /** Calls back after each batch in which the kernel refused something. */
  onRefusals(callback: () => void): void {
    this.#refusalListeners.push(callback);
  }

  /**
   * Reads the kernel and takes over what is there.
   *
   * @throws {KernelError}
   */
  async adopt(signal: AbortSignal): Promise<void> {
    await this.#mutex.run(async () => {
      this.#observed = await this.#target.read(signal);
      this.#isAdopted = true;
      this.#desired.touch(this.#observed.keys());
      this.#desired.touch(this.#desired.keys());
    });
    this.#log.info("engine.adopted", `Took over what ${this.name} holds`, {
      target: this.name,
      entries: this.#observed.size,
    });
  }

  /**
   * Adopts, then keeps the kernel as desired until the signal aborts.
   *
   * @param started called when the kernel's state is known
   */
  async run(signal: AbortSignal, started: () => void): Promise<void> {
    await this.adopt(signal);
    started();
    let auditAtMs = this.#clock.monotonic() + this.#auditEveryMs;
    while (!signal.aborted) {
      await this.#wait(auditAtMs, signal);
      if (signal.aborted) return;
      await sleep(this.#clock, this.#coalesceMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        if (this.#clock.monotonic() >= auditAtMs) {
          auditAtMs = this.#clock.monotonic() + this.#auditEveryMs;
          await this.audit(signal);
        }
        await this.sync(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#afterFailure(error, signal);
      }
    }
  }

  /**
   * Brings the kernel to what is desired, over the keys that changed.
   *
   * @returns what was done; nothing is written when nothing differs
   * @throws {KernelError} when the tool could not be run; the keys stay due
   */
  async sync(signal: AbortSignal): Promise<SyncReport> {
    const report = await this.#mutex.run(() => this.#syncNow(signal));
    this.#failure = undefined;
    this.#failures = 0;
    if (report.refused > 0) {
      for (const callback of this.#refusalListeners) callback();
    }
    if (!this.#desired.isDirty) this.#quiet.open();
    return report;
  }

  /**
   * Reads the kernel again and makes every difference due for repair.
   *
   * @returns how many keys somebody else changed
   * @throws {KernelError}
   */
  async audit(signal: AbortSignal): Promise<number> {
    return await this.#mutex.run(async () => {
      const actual = await this.#target.read(signal);
      const drifted: string[] = [];
      for (const [key, value] of actual) {
        const known = this.#observed.get(key);
        if (known === undefined || !this.#target.equal(known, value)) {
          if (this.#isOurs(key)) drifted.push(key);
        }
      }
      for (const key of this.#observed.keys()) {
        if (!actual.has(key)) drifted.push(key);
      }
      this.#observed = actual;
      this.#lastAuditMs = this.#clock.now();
      this.#driftTotal += drifted.length;
      this.#desired.touch(drifted);
      if (drifted.length > 0) {
        this.#observer?.drifted(this.name, drifted.length);
        this.#log.warn(
          "engine.drift",
          `Somebody else changed what Fairway keeps in ${this.name}`,
          {
            target: this.name,
            count: drifted.length,
            keys: drifted.slice(0, 10),
          },
        );
      }
      return drifted.length;
    });
  }

  /** Whether some part contributes to it. */
  get isUsed(): boolean {
    return this.#owners.length > 0;
  }

  /** Whether the kernel's state is known. */
  get isAdopted(): boolean {
    return this.#isAdopted;
  }

  /** The object that an entry came from, as text for people. */
  ownerOf(key: string): string | undefined {
    return this.#desired.get(key)?.owner;
  }

  /** What a sync would do now; changes nothing. */
  plan(): readonly Op<V>[] {
    return this.#difference(
      new Set([...this.#observed.keys(), ...this.#desired.keys()]),
    ).ops;
  }

  /** Whether every wish was carried out or refused. */
  get isSettled(): boolean {
    return this.#isAdopted && !this.#desired.isDirty && !this.#mutex.isBusy;
  }

  /** Resolves when every wish was carried out or refused. */
  async settled(signal: AbortSignal): Promise<void> {
    while (!this.isSettled) {
      this.#quiet.close();
      await this.#quiet.wait(signal);
    }
  }

  /** For the API, the dashboard and `fairway status`. */
  status(): EngineStatus {
    return {
      target: this.name,
      desired: this.#desired.size,
      observed: this.#observed.size,
      pending: this.#waiting.size,
      operationsTotal: this.#operationsTotal,
      driftTotal: this.#driftTotal,
      lastSyncMs: this.#lastSyncMs,
      lastAuditMs: this.#lastAuditMs,
      lastDurationMs: this.#lastDurationMs,
      failure: this.#failure === undefined
        ? undefined
        : messageOf(this.#failure),
      refused: [...this.#quarantine.values()],
      conflicts: this.#desired.conflicts(),
    };
  }

  async #syncNow(signal: AbortSignal): Promise<SyncReport> {
    const start = this.#clock.monotonic();
    const keys = this.#desired.takeDirty();
    for (const key of keys) this.#releaseIfNew(key);
    for (const key of this.#quarantine.due(start)) keys.add(key);
    let due = new Set(keys);
    const operations = { add: 0, change: 0, remove: 0 };
    let refusedCount = 0;
    try {
      // Each round may free keys that waited for what it made.
      while (due.size > 0) {
        const { ops, waiting } = this.#difference(due);
        for (const key of due) if (!waiting.has(key)) this.#stopWaiting(key);
        for (const [key, need] of waiting) this.#waitFor(key, need);
        if (ops.length === 0) break;
        const outcome = await carryOut(ops, {
          target: this.#target,
          signal,
          maxRuns: this.#maxRuns,
          needsOf: (key) => this.#desired.get(key)?.needs ?? [],
        });
        const freed = this.#book(outcome.done, operations);
        for (const { op, error } of outcome.refused) this.#refuse(op, error);
        refusedCount += outcome.refused.length;
        const tried = new Set(
          [...outcome.done, ...outcome.refused.map((refusal) => refusal.op)]
            .map((op) => op.key),
        );
        const left = ops.filter((op) => !tried.has(op.key));
        if (outcome.left.length > 0 && outcome.leftBecause !== undefined) {
          this.#desired.touch(left.map((op) => op.key));
          throw outcome.leftBecause;
        }
        due = new Set([...freed, ...left.map((op) => op.key)]);
      }
    } catch (error) {
      this.#desired.touch(
        [...keys].filter((key) => !this.#quarantine.isHeld(key, start)),
      );
      throw error;
    }
    const total = operations.add + operations.change + operations.remove;
    const report: SyncReport = {
      target: this.name,
      operations,
      refused: refusedCount,
      durationMs: this.#clock.monotonic() - start,
    };
    this.#lastSyncMs = this.#clock.now();
    if (total > 0 || refusedCount > 0) {
      this.#operationsTotal += total;
      this.#lastDurationMs = report.durationMs;
      this.#observer?.synced(report);
      this.#log.debug("engine.synced", `Wrote to ${this.name}`, { ...report });
    }
    return report;
  }

  /** Takes note of what was done; returns the keys that waited for it. */
  #book(
    done: readonly Op<V>[],
    operations: { add: number; change: number; remove: number },
  ): Set<string> {
    const freed = new Set<string>();
    for (const op of done) {
      operations[op.kind]++;
      this.#quarantine.release(op.key);
      if (op.kind === "remove") this.#observed.delete(op.key);
      else this.#observed.set(op.key, op.value);
      if (op.kind !== "add") continue;
      for (const key of [...this.#waitingFor.get(op.key) ?? []]) {
        this.#stopWaiting(key);
        freed.add(key);
      }
    }
    return freed;
  }

  /** A new wish for a refused key is tried at once; the same wish again is not. */
  #releaseIfNew(key: string): void {
    const refused = this.#quarantine.get(key);
    if (refused === undefined) return;
    const wanted = this.#desired.get(key)?.value;
    const isSame = wanted === undefined || refused.value === undefined
      ? wanted === refused.value
      : this.#target.equal(wanted, refused.value);
    if (!isSame) this.#quarantine.release(key);
  }

  #refuse(op: Op<V>, error: KernelError): void {
    const { key } = op;
    const owner = this.#desired.get(key)?.owner;
    const now = this.#clock.monotonic();
    const value = op.kind === "remove" ? undefined : op.value;
    const refused = this.#quarantine.add({ key, value, owner, error }, now);
    this.#observer?.refused(this.name, refused);
    this.#log.warn(
      "engine.refused",
      `The kernel refused an entry of ${this.name}: ${error.message}`,
      {
        target: this.name,
        key,
        owner,
        code: error.code,
        retryInMs: refused.retryAtMs - now,
      },
    );
  }

  #difference(keys: Iterable<string>): Difference<V> {
    const now = this.#clock.monotonic();
    return diff(keys, {
      target: this.#target,
      desired: this.#desired,
      observed: this.#observed,
      mayRemove: (key) => this.#mayRemove(key),
      isHeld: (key) => this.#quarantine.isHeld(key, now),
    });
  }

  /** Removal is allowed when somebody owns the key and every owner has spoken. */
  #mayRemove(key: string): boolean {
    const owners = this.#owners.filter((owner) => owner.owns(key));
    return owners.length > 0 && owners.every((owner) => owner.isComplete);
  }

  #isOurs(key: string): boolean {
    return this.#desired.get(key) !== undefined ||
      this.#owners.some((owner) => owner.owns(key));
  }

  #waitFor(key: string, need: string): void {
    this.#stopWaiting(key);
    this.#waiting.set(key, need);
    const others = this.#waitingFor.get(need);
    if (others === undefined) this.#waitingFor.set(need, new Set([key]));
    else others.add(key);
  }

  #stopWaiting(key: string): void {
    const need = this.#waiting.get(key);
    if (need === undefined) return;
    this.#waiting.delete(key);
    const others = this.#waitingFor.get(need);
    others?.delete(key);
    if (others?.size === 0) this.#waitingFor.delete(need);
  }

  #poke(): void {
    this.#work.open();
  }

  /** Until there is work, a refused entry falls due, or an audit does. */
  async #wait(auditAtMs: number, signal: AbortSignal): Promise<void> {
    if (this.#desired.isDirty) return;
    this.#work.close();
    const nextMs = Math.min(
      auditAtMs,
      this.#quarantine.nextDueMs() ?? auditAtMs,
    );
    const pause = new AbortController();
    const cancel = this.#clock.timer(
      Math.max(0, nextMs - this.#clock.monotonic()),
      () => pause.abort(),
    );
    try {
      await this.#work.wait(AbortSignal.any([signal, pause.signal]));
    } catch {
      // Time is up, or we are stopping; the caller looks.
    } finally {
      cancel();
    }
  }

  async #afterFailure(error: unknown, signal: AbortSignal): Promise<void> {
    this.#failure = error;
    this.#failures++;
    this.#observer?.failed(this.name, error);
    const pauseMs = Math.min(
      LONGEST_RETRY_MS,
      FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 10),
    );
    this.#log.error("engine.failed", messageOf(error), {
      target: this.name,
      retryInMs: pauseMs,
    });
    await sleep(this.#clock, pauseMs, signal).catch(() => {});
    if (signal.aborted) return;
    // The tool may have done part of the batch: look before the next one.
    try {
      await this.audit(signal);
    } catch {
      // The next sync fails in the same way and says so.
    }
  }
}
