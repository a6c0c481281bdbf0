/**
 * Steady traffic while something happens: what got through, and the longest
 * time without an answer.
 *
 * @module
 */

import type { Lab, NamedProbe } from "./lab.ts";
import type { Outcome } from "./probe/probe.ts";

/** What became of steady traffic. */
export interface TrafficReport {
  readonly attempts: number;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** The longest time between two answers, or from the start to the first, milliseconds. */
  readonly longestGapMs: number;
}

/** Traffic that is under way. */
export interface Traffic {
  /** Stops it once the attempts under way are settled. */
  stop(): Promise<TrafficReport>;
}

/** How to make traffic. */
export interface TrafficOptions {
  /** Time from the beginning of one attempt to the next, milliseconds; default 20. */
  readonly everyMs?: number;
  /** As in {@linkcode ProbeOptions.timeoutMs}; default 1000. */
  readonly timeoutMs?: number;
}

/**
 * Tries one connection after another, a new one as soon as the last is settled
 * and `everyMs` have passed since it began.
 */
export function startTraffic(
  lab: Lab,
  probe: NamedProbe,
  options: TrafficOptions = {},
): Traffic {
  const { everyMs = 20, timeoutMs = 1000 } = options;
  let stopped = false;
  const outcomes: Partial<Record<Outcome, number>> = {};
  const loop = async (): Promise<TrafficReport> => {
    let attempts = 0;
    let longestGapMs = 0;
    let lastMs = performance.now();
    while (!stopped) {
      const startedMs = performance.now();
      const { outcome } = await lab.probe(probe, { timeoutMs });
      attempts++;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      const now = performance.now();
      if (outcome === "answered") {
        longestGapMs = Math.max(longestGapMs, now - lastMs);
        lastMs = now;
      }
      const pauseMs = everyMs - (now - startedMs);
      if (pauseMs > 0) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
    longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
    return { attempts, outcomes, longestGapMs };
  };
  const done = loop();
  return {
    stop: () => {
      stopped = true;
      return done;
    },
  };
}
