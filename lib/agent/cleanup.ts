/**
 * Removes exactly what Fairway owns.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import type { Op, Target } from "../base/target.ts";
import { carryOut } from "./engine/carry_out.ts";
import { diff } from "./engine/diff.ts";
import type { Targets } from "./kernel.ts";
import type { Remembered } from "./remembered.ts";

/** Can remove the table with everything in it. */
export interface TableOwner {
  deleteTable(signal: AbortSignal): Promise<void>;
}

/** What became of one tool's state. */
export interface CleanupReport {
  readonly target: string;
  readonly removed: number;
  /** One line each; empty when everything went. */
  readonly problems: readonly string[];
}

/**
 * Removes what Fairway has in each tool, in the order in which traffic stops
 * being taken before the firewall opens: routes and virtual servers, then the
 * table, then kernel parameters back to what they were before the first run of
 * this boot. Going on after a failure, it says what is left.
 */
export async function cleanup(
  targets: Targets & { readonly nft: TableOwner },
  remembered: Remembered,
  signal: AbortSignal,
): Promise<readonly CleanupReport[]> {
  const reports = [
    await attempt("ipvs", () => removeAll(targets.ipvs, signal)),
    await attempt("ip", () => removeAll(targets.ip, signal)),
    await attempt("nft", async () => {
      const { size } = await targets.nft.read(signal);
      await targets.nft.deleteTable(signal);
      return { removed: size, problems: [] };
    }),
    await attempt("sysctl", async () => {
      const originals = await remembered.sysctlOriginals();
      return await restore(targets.sysctl, originals, signal);
    }),
  ];
  if (reports.every((report) => report.problems.length === 0)) {
    await remembered.forget();
  }
  return reports;
}

type Result = Omit<CleanupReport, "target">;

async function attempt(
  target: string,
  work: () => Promise<Result>,
): Promise<CleanupReport> {
  try {
    return { target, ...await work() };
  } catch (error) {
    return { target, removed: 0, problems: [messageOf(error)] };
  }
}

async function removeAll<V>(
  target: Target<V>,
  signal: AbortSignal,
): Promise<Result> {
  const observed = await target.read(signal);
  const { ops } = diff(observed.keys(), {
    target,
    observed,
    desired: new Map(),
    mayRemove: () => true,
    isHeld: () => false,
  });
  return await run(target, ops, signal);
}

async function restore(
  target: Targets["sysctl"],
  originals: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Result> {
  const ops: Op<{ name: string; value: string; optional: boolean }>[] = [];
  for (const [name, value] of originals) {
    ops.push({
      kind: "add",
      key: name,
      value: { name, value, optional: true },
    });
  }
  return await run(target, ops, signal);
}

async function run<V>(
  target: Target<V>,
  ops: readonly Op<V>[],
  signal: AbortSignal,
): Promise<Result> {
  if (ops.length === 0) return { removed: 0, problems: [] };
  const outcome = await carryOut(ops, {
    target,
    signal,
    maxRuns: 100,
    needsOf: () => [],
  });
  return {
    removed: outcome.done.length,
    problems: [
      ...outcome.refused.map(({ op, error }) => `${op.key}: ${error.message}`),
      ...outcome.left.map((op) => `${op.key}: not tried`),
    ],
  };
}
