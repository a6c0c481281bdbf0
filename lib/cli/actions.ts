/**
 * What the commands ask of the agent; `main.ts` ties them to it.
 *
 * @module
 */

import type { CleanupReport } from "../agent/cleanup.ts";
import type { AgentPlan } from "../agent/plan.ts";
import type { Settings } from "../cluster/config/settings.ts";

/** The agent's deeds. Each throws `FairwayError` with one clear line when it cannot. */
export interface Actions {
  /** Runs the agent until it is told to stop (SIGTERM, SIGINT). */
  run(settings: Settings): Promise<void>;
  /** Reads the cluster and the kernel, changes nothing. */
  plan(settings: Settings): Promise<AgentPlan>;
  /** Removes exactly what is ours. */
  cleanup(settings: Settings): Promise<readonly CleanupReport[]>;
}
