/**
 * Carries out a batch and finds the operations that the kernel refuses.
 *
 * A tool that names the guilty operation costs one more run; one that does not
 * is bisected, so that k guilty among n operations cost about k·log₂(n) runs and
 * every innocent operation is carried out.
 *
 * @module
 */

import { KernelError } from "../../base/errors.ts";
import type { Op, Refusal, Target } from "../../base/target.ts";

/** What came of a batch. */
export interface Outcome<V> {
  /** Operations that are now in the kernel. */
  readonly done: readonly Op<V>[];
  readonly refused: readonly {
    readonly op: Op<V>;
    readonly error: KernelError;
  }[];
  /** Operations that were not tried to the end: the budget of runs was spent. */
  readonly left: readonly Op<V>[];
  /** The last error when something was left. */
  readonly leftBecause?: KernelError;
}

/** How {@linkcode carryOut} asks its surroundings. */
export interface CarryOutContext<V> {
  readonly target: Pick<Target<V>, "apply" | "read" | "equal">;
  readonly signal: AbortSignal;
  /** Most runs of the tool for one batch. */
  readonly maxRuns: number;
  /** Keys that an operation needs and that this batch may make. */
  needsOf(key: string): readonly string[];
}

/** Carries out operations in their order; see the module's comment. */
export async function carryOut<V>(
  ops: readonly Op<V>[],
  context: CarryOutContext<V>,
): Promise<Outcome<V>> {
  const run = new Run(context);
  await run.batch(ops);
  return run.outcome();
}

class Run<V> {
  readonly #context: CarryOutContext<V>;
  readonly #done: Op<V>[] = [];
  readonly #refused: { op: Op<V>; error: KernelError }[] = [];
  readonly #refusedKeys = new Set<string>();
  readonly #left: Op<V>[] = [];
  #leftBecause: KernelError | undefined;
  #runs = 0;

  constructor(context: CarryOutContext<V>) {
    this.#context = context;
  }

  outcome(): Outcome<V> {
    return {
      done: this.#done,
      refused: this.#refused,
      left: this.#left,
      ...(this.#leftBecause === undefined
        ? {}
        : { leftBecause: this.#leftBecause }),
    };
  }

  async batch(all: readonly Op<V>[]): Promise<void> {
    const ops = this.#withoutOrphans(all);
    if (ops.length === 0) return;
    if (this.#runs >= this.#context.maxRuns) {
      this.#left.push(...ops);
      return;
    }
    this.#runs++;
    const { target, signal } = this.#context;
    const result = await target.apply(ops, signal);
    const { refusals } = result;
    if (refusals.length === 0) {
      this.#done.push(...ops);
      return;
    }
    this.#leftBecause = refusals[0]?.error;
    const named = namedRefusals(refusals, ops.length);
    if (result.rest === "unknown") return await this.#afterUnknown(ops, named);
    if (named === undefined) return await this.#bisect(ops, refusals);
    for (const [index, error] of named) this.#refuse(ops[index], error);
    const others = ops.filter((_, index) => !named.has(index));
    if (result.rest === "done") this.#done.push(...others);
    else await this.batch(others);
  }

  /** The tool stopped somewhere: look at what it did before blaming anyone. */
  async #afterUnknown(
    ops: readonly Op<V>[],
    named: ReadonlyMap<number, KernelError> | undefined,
  ): Promise<void> {
    const { target, signal } = this.#context;
    const observed = await target.read(signal);
    const left: Op<V>[] = [];
    ops.forEach((op, index) => {
      const now = observed.get(op.key);
      const isDone = op.kind === "remove"
        ? now === undefined
        : now !== undefined && target.equal(op.value, now);
      const error = named?.get(index);
      if (isDone) this.#done.push(op);
      else if (error !== undefined) this.#refuse(op, error);
      else left.push(op);
    });
    if (named !== undefined || left.length < ops.length) {
      return await this.batch(left);
    }
    const error = this.#leftBecause ?? nameless();
    await this.#bisect(left, [{ index: undefined, error }]);
  }

  async #bisect(
    ops: readonly Op<V>[],
    refusals: readonly Refusal[],
  ): Promise<void> {
    if (ops.length === 1) {
      this.#refuse(ops[0], refusals[0]?.error ?? nameless());
      return;
    }
    const middle = ops.length >> 1;
    await this.batch(ops.slice(0, middle));
    await this.batch(ops.slice(middle));
  }

  #refuse(op: Op<V> | undefined, error: KernelError): void {
    if (op === undefined) return;
    if (op.kind === "add") this.#refusedKeys.add(op.key);
    if (!this.#isOrphan(op)) this.#refused.push({ op, error });
  }

  /** An operation that needs something refused waits for that; it is not guilty itself. */
  #isOrphan(op: Op<V>): boolean {
    return op.kind !== "remove" &&
      this.#context.needsOf(op.key).some((need) => this.#refusedKeys.has(need));
  }

  #withoutOrphans(ops: readonly Op<V>[]): readonly Op<V>[] {
    if (this.#refusedKeys.size === 0) return ops;
    return ops.filter((op) => {
      const isOrphan = this.#isOrphan(op);
      if (isOrphan && op.kind === "add") this.#refusedKeys.add(op.key);
      return !isOrphan;
    });
  }
}

/** Refusals by index, or undefined when one of them does not say which operation it means. */
function namedRefusals(
  refusals: readonly Refusal[],
  count: number,
): ReadonlyMap<number, KernelError> | undefined {
  const named = new Map<number, KernelError>();
  for (const { index, error } of refusals) {
    if (index === undefined || index < 0 || index >= count) return undefined;
    named.set(index, error);
  }
  return named;
}

function nameless(): KernelError {
  return new KernelError(
    "tool.failed",
    "kernel",
    "The batch failed and the tool said nothing",
    "",
  );
}
