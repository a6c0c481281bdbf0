/**
 * The driver of sysctl.
 *
 * @module
 */

import type { ApplyResult, Op, Refusal, Target } from "../base/target.ts";
import { parseSysctl } from "../dataplane/parse_sysctl.ts";
import {
  checkedName,
  renderSysctl,
  sysctlEqual,
  sysctlPath,
} from "../dataplane/render_sysctl.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import { classifySysctl } from "./classify_sysctl.ts";
import type { ToolRunner } from "./exec.ts";

/**
 * Kernel parameters as keyed state. `sysctl` goes on after a refused parameter
 * and names it, so `rest` is `done`.
 *
 * A parameter cannot be removed: a removal leaves its value as it is, and
 * whoever wants the earlier value back sets it.
 */
export class SysctlTarget implements Target<SysctlValue> {
  readonly name = "sysctl";
  readonly #runner: ToolRunner;
  readonly #wanted: () => Iterable<string>;
  /** Optional parameters that this kernel lacks, with what was asked of them. */
  readonly #absent = new Map<string, SysctlValue>();

  /** @param wanted the names to read, dotted */
  constructor(runner: ToolRunner, wanted: () => Iterable<string>) {
    this.#runner = runner;
    this.#wanted = wanted;
  }

  /**
   * Reads the wanted parameters that exist. An optional one that the kernel
   * lacks reads as what was last asked of it: there is nothing to repair.
   */
  async read(signal: AbortSignal): Promise<Map<string, SysctlValue>> {
    const names = [...new Set(this.#wanted())].map(checkedName);
    if (names.length === 0) return new Map();
    const output = await this.#runner.run("sysctl", {
      args: ["-e", ...names],
      signal,
    });
    const state = parseSysctl(output.stdout);
    for (const name of names) {
      const absent = this.#absent.get(name);
      if (state.has(name)) this.#absent.delete(name);
      else if (absent !== undefined) state.set(name, absent);
    }
    return state;
  }

  async apply(
    ops: readonly Op<SysctlValue>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const settings = ops.flatMap((op) =>
      op.kind === "remove" ? [] : [renderSysctl(op.value)]
    );
    if (settings.length === 0) return { refusals: [], rest: "done" };
    const output = await this.#runner.run("sysctl", {
      args: ["-w", ...settings],
      signal,
    });
    const refusals: Refusal[] = [];
    for (const { path, error } of classifySysctl(output.stderr)) {
      const index = ops.findIndex((op) =>
        op.kind !== "remove" && sysctlPath(op.value.name) === path
      );
      const op = ops[index];
      if (op === undefined || op.kind === "remove") {
        if (output.code !== 0) refusals.push({ index: undefined, error });
      } else if (
        error.code === "kernel.unsupported" && op.value.optional === true
      ) {
        this.#absent.set(op.value.name, op.value);
      } else refusals.push({ index, error });
    }
    return { refusals, rest: "done" };
  }

  equal(desired: SysctlValue, observed: SysctlValue): boolean {
    return sysctlEqual(desired, observed);
  }

  order(): number {
    return 0;
  }

  render(op: Op<SysctlValue>): string {
    return op.kind === "remove"
      ? `# ${op.previous.name} stays as it is`
      : `sysctl -w "${renderSysctl(op.value)}"`;
  }
}
