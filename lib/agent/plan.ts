/**
 * What the agent would write to the kernel now, without writing it.
 *
 * @module
 */

import { type Clock, sleep } from "../base/clock.ts";
import { FairwayError, messageOf } from "../base/errors.ts";
import type { Issue } from "../base/issue.ts";
import type { Op, Target } from "../base/target.ts";
import type { Engine } from "./engine/engine.ts";
import { modelKnown } from "./model.ts";
import { issuesOf, type Parts } from "./parts.ts";
import type { Targets } from "./kernel.ts";

/** One step, in the words of the tool. */
export interface PlanStep {
  readonly kind: Op<unknown>["kind"];
  readonly key: string;
  readonly text: string;
}

/** The steps of one kernel tool, in the order they would be carried out. */
export interface TargetPlan {
  readonly name: string;
  readonly steps: readonly PlanStep[];
  /** Why the tool's state could not be read; null when it could. */
  readonly error: string | null;
}

/** The plan for all tools, and what is wrong with objects. */
export interface AgentPlan {
  readonly targets: readonly TargetPlan[];
  readonly issues: readonly Issue[];
}

/**
 * Reads the cluster and the kernel, compiles, and compares. Routes that BGP
 * would learn are not known here: those that exist are left out of the plan.
 *
 * @param withinMs how long reading the cluster may take, milliseconds
 * @throws {FairwayError} when the cluster or the kernel cannot be read
 */
export async function planAgent(
  parts: Parts,
  targets: Targets,
  options: {
    readonly clock: Clock;
    readonly withinMs: number;
    readonly signal: AbortSignal;
  },
): Promise<AgentPlan> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const watching = parts.watcher.run({ signal, started: () => {} });
  try {
    await Promise.race([
      modelKnown(parts.store, signal),
      watching,
      sleep(options.clock, options.withinMs, signal).then(() => {
        throw new FairwayError(
          "kube.unreachable",
          `The cluster could not be read within ${options.withinMs} ms: ` +
            parts.watcher.health().message,
        );
      }),
    ]);
    await parts.services?.prepare(signal);
    parts.services?.handOver();
    parts.firewall?.handOver();
    parts.router?.handOver();
    const { engines } = parts;
    return {
      targets: [
        await planTarget(engines.sysctl, targets.sysctl, signal),
        await planTarget(engines.ip, targets.ip, signal),
        await planTarget(engines.nft, targets.nft, signal),
        await planTarget(engines.ipvs, targets.ipvs, signal),
      ],
      issues: issuesOf(parts),
    };
  } finally {
    stop.abort();
    await watching.catch(() => {});
  }
}

async function planTarget<V>(
  engine: Engine<V>,
  target: Target<V>,
  signal: AbortSignal,
): Promise<TargetPlan> {
  const { name } = engine;
  // A tool that nothing is wanted of need not be installed.
  if (engine.status().desired === 0) return { name, steps: [], error: null };
  try {
    await engine.adopt(signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return { name, steps: [], error: messageOf(error) };
  }
  const steps = engine.plan().map((op) => ({
    kind: op.kind,
    key: op.key,
    text: target.render(op),
  }));
  return { name, steps, error: null };
}
