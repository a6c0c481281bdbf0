/**
 * A kernel tool in memory: the same refusals, the same rest, no process.
 *
 * What a tool checks is given as {@linkcode FakeRules}; what it can suffer (a
 * refused key, a failing process, a hang) is set by the test.
 *
 * @module
 */

import { type ErrorCode, FairwayError, KernelError } from "../base/errors.ts";
import type { ApplyResult, Op, Refusal, Target } from "../base/target.ts";

/** Why an operation is refused. */
export interface FakeRefusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The semantics of one tool. */
export interface FakeRules<V> {
  readonly name: string;
  /** Whether one refusal undoes the whole batch. */
  readonly atomic: boolean;
  /** The order in which the tool carries a batch out, when it is not that of the operations. */
  sequence?(ops: readonly Op<V>[]): readonly Step<V>[];
  /** Why the operation is refused in this state, or undefined. */
  refuse(op: Op<V>, state: ReadonlyMap<string, V>): FakeRefusal | undefined;
  /** Carries out one operation that is not refused, with what follows from it. */
  carryOut(op: Op<V>, state: Map<string, V>): void;
  equal(desired: V, observed: V): boolean;
  order(key: string): number;
  render(op: Op<V>): string;
}

/** A piece of a batch: an operation, and the index of the one it belongs to. */
export interface Step<V> {
  readonly op: Op<V>;
  readonly index: number;
}

/** One call, for tests that ask what was done. */
export type FakeCall<V> =
  | { readonly kind: "read" }
  | { readonly kind: "apply"; readonly ops: readonly Op<V>[] };

/** A target that keeps its state in memory. */
export class FakeTarget<V> implements Target<V> {
  readonly name: string;
  /** Every call, oldest first; those that failed or hung too. */
  readonly calls: FakeCall<V>[] = [];
  readonly #rules: FakeRules<V>;
  #state = new Map<string, V>();
  readonly #refused = new Map<string, ErrorCode>();
  #failures: FairwayError[] = [];
  #hangs = false;

  constructor(rules: FakeRules<V>) {
    this.#rules = rules;
    this.name = rules.name;
  }

  /** From now on the kernel refuses this key, whatever the operation. */
  refuseKey(key: string, code: ErrorCode = "kernel.invalid"): void {
    this.#refused.set(key, code);
  }

  /** Takes {@linkcode refuseKey} back. */
  allowKey(key: string): void {
    this.#refused.delete(key);
  }

  /** The next calls fail as a whole, one for each error. */
  failNext(...errors: readonly FairwayError[]): void {
    this.#failures = [...this.#failures, ...errors];
  }

  /** Calls end only when they are aborted, until this is called with false. */
  hang(hangs = true): void {
    this.#hangs = hangs;
  }

  /** Changes the state behind the target's back, as another program would. */
  meddle(change: (state: Map<string, V>) => void): void {
    change(this.#state);
  }

  /** The state as it is; a copy. */
  get state(): ReadonlyMap<string, V> {
    return new Map(this.#state);
  }

  /** The commands that would make the state, a line each; for comparing and for reading. */
  dump(): string {
    return [...this.#state]
      .sort(([a], [b]) =>
        this.order(a) - this.order(b) || (a < b ? -1 : a > b ? 1 : 0)
      )
      .map(([key, value]) => this.render({ kind: "add", key, value }) + "\n")
      .join("");
  }

  async read(signal: AbortSignal): Promise<Map<string, V>> {
    this.calls.push({ kind: "read" });
    await this.#suffer(signal);
    return new Map(this.#state);
  }

  async apply(
    ops: readonly Op<V>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    this.calls.push({ kind: "apply", ops });
    await this.#suffer(signal);
    const state = this.#rules.atomic ? new Map(this.#state) : this.#state;
    const steps = this.#rules.sequence?.(ops) ??
      ops.map((op, index) => ({ op, index }));
    const refusals = new Map<number, Refusal>();
    for (const { op, index } of steps) {
      if (refusals.has(index)) continue;
      const refused = this.#refuse(op, state);
      if (refused === undefined) this.#rules.carryOut(op, state);
      else {
        const { code, message } = refused;
        const text = `${this.name}: ${message} in "${this.render(op)}"`;
        const error = new KernelError(
          code,
          this.name,
          text.replaceAll("\n", "; ").slice(0, 500),
          message,
        );
        refusals.set(index, { index, error });
      }
    }
    const sorted = [...refusals.values()].sort((a, b) =>
      (a.index ?? 0) - (b.index ?? 0)
    );
    if (this.#rules.atomic && sorted.length > 0) {
      return { refusals: sorted, rest: "not_done" };
    }
    this.#state = state;
    return { refusals: sorted, rest: "done" };
  }

  equal(desired: V, observed: V): boolean {
    return this.#rules.equal(desired, observed);
  }

  order(key: string): number {
    return this.#rules.order(key);
  }

  render(op: Op<V>): string {
    return this.#rules.render(op);
  }

  #refuse(op: Op<V>, state: ReadonlyMap<string, V>): FakeRefusal | undefined {
    const code = this.#refused.get(op.key);
    return code === undefined
      ? this.#rules.refuse(op, state)
      : { code, message: "refused for a test" };
  }

  async #suffer(signal: AbortSignal): Promise<void> {
    if (this.#hangs) {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    if (signal.aborted) {
      throw new FairwayError("aborted", `${this.name} was given up`, {
        cause: signal.reason,
      });
    }
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
  }
}

/** The refusals that every tool shares: adding what is there, changing or removing what is not. */
export function refuseByPresence<V>(
  op: Op<V>,
  state: ReadonlyMap<string, V>,
): FakeRefusal | undefined {
  const there = state.has(op.key);
  if (op.kind === "add" && there) {
    return { code: "kernel.exists", message: "File exists" };
  }
  if (op.kind !== "add" && !there) {
    return { code: "kernel.not_found", message: "No such file or directory" };
  }
  return undefined;
}

/** Sets or deletes the key, and nothing else. */
export function carryOutPlainly<V>(op: Op<V>, state: Map<string, V>): void {
  if (op.kind === "remove") state.delete(op.key);
  else state.set(op.key, op.value);
}
