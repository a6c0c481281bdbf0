/**
 * The driver of nftables: the table `inet fairway`, one transaction a batch.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import type { ApplyResult, Op, Refusal, Target } from "../base/target.ts";
import { NFT_TABLE, type NftValue } from "../dataplane/nft.ts";
import {
  type NftCounterReading,
  parseNftCounters,
  parseNftTable,
} from "../dataplane/parse_nft.ts";
import {
  nftEqual,
  nftOrder,
  refuseNftChange,
  renderNftBatch,
  renderNftOp,
} from "../dataplane/render_nft.ts";
import { classifyNft, isNftMissing } from "./classify_nft.ts";
import type { ToolRunner } from "./exec.ts";

/**
 * nftables as keyed state. A batch is atomic: when one operation is refused,
 * none is carried out, and `rest` is `not_done`.
 */
export class NftTarget implements Target<NftValue> {
  readonly name = "nft";
  readonly #runner: ToolRunner;

  constructor(runner: ToolRunner) {
    this.#runner = runner;
  }

  /** Lists the table; a missing table is an empty state. */
  async read(signal: AbortSignal): Promise<Map<string, NftValue>> {
    const text = await this.#list(["list", "table", "inet", NFT_TABLE], signal);
    return text === undefined ? new Map() : parseNftTable(text);
  }

  async apply(
    ops: readonly Op<NftValue>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    if (ops.length === 0) return { refusals: [], rest: "done" };
    const refused = refuseInPlace(ops);
    if (refused.length > 0) return { refusals: refused, rest: "not_done" };
    const batch = renderNftBatch(ops);
    const output = await this.#runner.run("nft", {
      args: ["-f", "-"],
      stdin: batch.text,
      signal,
    });
    if (output.code === 0) return { refusals: [], rest: "done" };
    const refusals = new Map<number | undefined, Refusal>();
    for (const { line, error } of classifyNft(output.stderr)) {
      const index = line === undefined ? undefined : batch.opOfLine[line];
      // Without a permission or nf_tables every operation fails alike.
      if (
        error.code === "permission.denied" ||
        (index === undefined && error.code === "kernel.unsupported")
      ) throw error;
      if (!refusals.has(index)) refusals.set(index, { index, error });
    }
    return { refusals: [...refusals.values()], rest: "not_done" };
  }

  equal(desired: NftValue, observed: NftValue): boolean {
    return nftEqual(desired, observed);
  }

  order(key: string): number {
    return nftOrder(key);
  }

  render(op: Op<NftValue>): string {
    return renderNftOp(op);
  }

  /**
   * Reads the table's named counters.
   *
   * @throws {KernelError}
   */
  async readCounters(
    signal: AbortSignal,
  ): Promise<Map<string, NftCounterReading>> {
    const args = ["list", "counters", "table", "inet", NFT_TABLE];
    const text = await this.#list(args, signal);
    return text === undefined ? new Map() : parseNftCounters(text);
  }

  /**
   * Deletes the table with all that is in it; a missing one is fine.
   *
   * @throws {KernelError}
   */
  async deleteTable(signal: AbortSignal): Promise<void> {
    // `delete` alone fails on a missing table, and `destroy` is too new.
    const output = await this.#runner.run("nft", {
      args: ["-f", "-"],
      stdin: `add table inet ${NFT_TABLE}\ndelete table inet ${NFT_TABLE}\n`,
      signal,
    });
    if (output.code !== 0) throw firstComplaint(output.stderr);
  }

  async #list(
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const output = await this.#runner.run("nft", {
      args: ["-j", ...args],
      signal,
    });
    if (output.code === 0) return output.stdout;
    if (isNftMissing(output.stderr)) return undefined;
    throw firstComplaint(output.stderr);
  }
}

function refuseInPlace(ops: readonly Op<NftValue>[]): Refusal[] {
  const refusals: Refusal[] = [];
  ops.forEach((op, index) => {
    const why = refuseNftChange(op);
    if (why === undefined) return;
    const error = new KernelError("kernel.invalid", "nft", why, "");
    refusals.push({ index, error });
  });
  return refusals;
}

function firstComplaint(stderr: string): KernelError {
  return classifyNft(stderr)[0].error;
}
