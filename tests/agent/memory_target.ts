/**
 * A kernel tool in memory, with the three ways real tools fail.
 *
 * @module
 */

import { KernelError } from "../../lib/base/errors.ts";
import type { ApplyResult, Op, Target } from "../../lib/base/target.ts";

/**
 * How the tool behaves when an operation is refused: all or nothing without a
 * word about which (`nft` on some errors), all the rest with the line named
 * (`ip -force -batch`), or stopping in the middle without a word.
 */
export type FailureMode =
  | "atomic_silent"
  | "atomic_named"
  | "rest_done"
  | "stops";

/** Values are texts; a key `x/...` is ordered by the number before the slash. */
export class MemoryTarget implements Target<string> {
  readonly name = "memory";
  readonly state = new Map<string, string>();
  readonly mode: FailureMode;
  /** Keys whose creation or change is refused. */
  readonly bad = new Set<string>();
  runs = 0;
  reads = 0;
  operations = 0;
  /** Thrown by the next apply, as when the tool is missing. */
  broken: KernelError | undefined;

  constructor(mode: FailureMode = "atomic_silent") {
    this.mode = mode;
  }

  read(): Promise<Map<string, string>> {
    this.reads++;
    return Promise.resolve(new Map(this.state));
  }

  apply(ops: readonly Op<string>[]): Promise<ApplyResult> {
    this.runs++;
    if (this.broken !== undefined) return Promise.reject(this.broken);
    const draft = new Map(this.state);
    const refusals: { index: number; error: KernelError }[] = [];
    for (const [index, op] of ops.entries()) {
      const error = this.#try(draft, op);
      if (error !== undefined) {
        refusals.push({ index, error });
        if (this.mode !== "rest_done") break;
      } else if (this.mode === "rest_done" || this.mode === "stops") {
        this.#commit(draft);
        this.operations++;
      }
    }
    const [first] = refusals;
    if (first === undefined) {
      this.#commit(draft);
      if (this.mode.startsWith("atomic")) this.operations += ops.length;
      return Promise.resolve({ refusals: [], rest: "done" });
    }
    const silent = [{ index: undefined, error: first.error }];
    switch (this.mode) {
      case "atomic_silent":
        return Promise.resolve({ refusals: silent, rest: "not_done" });
      case "atomic_named":
        return Promise.resolve({ refusals: [first], rest: "not_done" });
      case "rest_done":
        return Promise.resolve({ refusals, rest: "done" });
      case "stops":
        return Promise.resolve({ refusals: silent, rest: "unknown" });
    }
  }

  equal(desired: string, observed: string): boolean {
    return desired === observed;
  }

  order(key: string): number {
    return Number(key.split("/")[0]);
  }

  render(op: Op<string>): string {
    return `${op.kind} ${op.key}${op.kind === "remove" ? "" : ` ${op.value}`}`;
  }

  #try(draft: Map<string, string>, op: Op<string>): KernelError | undefined {
    const exists = draft.has(op.key);
    if (op.kind === "remove") {
      if (!exists) return refused("kernel.not_found", op.key);
      draft.delete(op.key);
      return undefined;
    }
    if (this.bad.has(op.key)) return refused("kernel.invalid", op.key);
    if (op.kind === "add" && exists) return refused("kernel.exists", op.key);
    draft.set(op.key, op.value);
    return undefined;
  }

  #commit(draft: ReadonlyMap<string, string>): void {
    this.state.clear();
    for (const [key, value] of draft) this.state.set(key, value);
  }
}

function refused(
  code: "kernel.not_found" | "kernel.invalid" | "kernel.exists",
  key: string,
): KernelError {
  return new KernelError(code, "memory", `refused ${key}`, "");
}
