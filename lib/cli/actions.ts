/**
 * What the commands ask of the agent; `main.ts` ties them to it.
 *
 * @module
 */

import type { Settings } from "../cluster/config/settings.ts";
import type { PlanReport } from "./plan_view.ts";

/** What was removed from the kernel, and what could not be. */
export interface CleanupReport {
  readonly removed: readonly {
    /** The kernel tool. */
    readonly target: string;
    readonly count: number;
  }[];
  /** One line each; empty when everything of ours is gone. */
  readonly failures: readonly string[];
}

/** The agent's deeds. Each throws `FairwayError` with one clear line when it cannot. */
export interface Actions {
  /** Runs the agent until it is told to stop (SIGTERM, SIGINT). */
  run(settings: Settings): Promise<void>;
  /** Reads the cluster and the kernel, changes nothing. */
  plan(settings: Settings): Promise<PlanReport>;
  /** Removes exactly what is ours. */
  cleanup(settings: Settings): Promise<CleanupReport>;
}
