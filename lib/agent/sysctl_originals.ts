/**
 * Kernel parameters with a memory: before a parameter is set for the first time
 * in this boot, its value is kept, so that cleanup can give it back.
 *
 * @module
 */

import type { ApplyResult, Op, Target } from "../base/target.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import type { Remembered } from "./remembered.ts";

/** Makes a driver that reads the given names. */
export type MakeSysctlTarget = (
  names: () => Iterable<string>,
) => Target<SysctlValue>;

/** A sysctl target that remembers what was there before. */
export class OriginalKeeper implements Target<SysctlValue> {
  readonly name = "sysctl";
  readonly #make: MakeSysctlTarget;
  readonly #target: Target<SysctlValue>;
  readonly #remembered: Remembered;
  /** Parameters that were ever set in this boot: no other one is ours. */
  readonly #ours = new Set<string>();
  #originals: Map<string, string> | undefined;

  constructor(make: MakeSysctlTarget, remembered: Remembered) {
    this.#make = make;
    this.#target = make(() => this.#ours);
    this.#remembered = remembered;
  }

  async read(signal: AbortSignal): Promise<Map<string, SysctlValue>> {
    await this.#load();
    return await this.#target.read(signal);
  }

  async apply(
    ops: readonly Op<SysctlValue>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const originals = await this.#load();
    const unknown = ops.map((op) => op.key).filter((key) =>
      !this.#ours.has(key)
    );
    if (unknown.length > 0) {
      for (
        const [key, { value }] of await this.#make(() => unknown).read(signal)
      ) {
        originals.set(key, value);
      }
      await this.#remembered.rememberSysctlOriginals(originals);
      for (const key of unknown) this.#ours.add(key);
    }
    return await this.#target.apply(ops, signal);
  }

  equal(desired: SysctlValue, observed: SysctlValue): boolean {
    return this.#target.equal(desired, observed);
  }

  order(key: string): number {
    return this.#target.order(key);
  }

  render(op: Op<SysctlValue>): string {
    return this.#target.render(op);
  }

  async #load(): Promise<Map<string, string>> {
    if (this.#originals === undefined) {
      this.#originals = new Map(await this.#remembered.sysctlOriginals());
      for (const key of this.#originals.keys()) this.#ours.add(key);
    }
    return this.#originals;
  }
}
