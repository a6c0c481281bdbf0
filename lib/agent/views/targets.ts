/**
 * Engines, as the API shows them.
 *
 * @module
 */

import type { Clock } from "../../base/clock.ts";
import type { Issue } from "../../base/issue.ts";
import type { Conflict } from "../engine/desired.ts";
import type { EngineStatus } from "../engine/engine.ts";
import type { Engines } from "../kernel.ts";
import type { TargetStatus } from "../state.ts";

/** The state of every engine that some part uses. */
export function viewTargets(
  engines: Engines,
  clock: Clock,
): readonly TargetStatus[] {
  // Pauses run on the monotonic clock; people read the wall clock.
  const offsetMs = clock.now() - clock.monotonic();
  const used = Object.values(engines).filter((engine) => engine.isUsed);
  return used.map((engine) => {
    const status: EngineStatus = engine.status();
    return {
      name: status.target,
      desired: status.desired,
      observed: engine.isAdopted ? status.observed : null,
      lastSyncMs: status.lastSyncMs ?? null,
      lastDurationMs: status.lastDurationMs ?? null,
      lastError: status.failure ?? null,
      opsTotal: status.operationsTotal,
      driftTotal: status.driftTotal,
      refusedEntries: status.refused.map((refused) => ({
        key: refused.key,
        owner: refused.owner ?? "",
        error: refused.error.message,
        retryAtMs: Math.round(refused.retryAtMs + offsetMs),
      })),
    };
  });
}

/** Sources that want different things under one key. */
export function conflictIssues(engines: Engines): readonly Issue[] {
  return Object.values(engines).flatMap((engine) =>
    engine.status().conflicts.map((conflict: Conflict): Issue => ({
      object: conflict.losers.join(", "),
      field: "",
      problem: `wants ${conflict.key}, which ${conflict.winner} has`,
      mend: "change one of them",
    }))
  );
}
