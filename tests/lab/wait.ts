/**
 * Waiting for something to become true.
 *
 * @module
 */

import { LabError } from "./system/error.ts";

/** How to wait. */
export interface WaitOptions {
  /** What is waited for, for the message when it does not come. */
  readonly what: string;
  /** Milliseconds; default 15,000, and four times that in the machine. */
  readonly deadlineMs?: number;
  /** Pause between two looks, milliseconds; default 50. */
  readonly pauseMs?: number;
}

/** In the machine everything takes longer. */
const DEFAULT_DEADLINE_MS = Deno.env.get("LAB_MACHINE") ? 60_000 : 15_000;

/**
 * Looks until `look` gives something else than undefined, false or a throw.
 *
 * @returns what it gave
 * @throws {LabError} after the deadline, with the last error
 */
export async function waitFor<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions,
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const end = performance.now() + deadlineMs;
  let last = "";
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = "";
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : error}`;
    }
    if (performance.now() >= end) {
      throw new LabError(
        `${options.what}: not within ${deadlineMs / 1000} s${last}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, options.pauseMs ?? 50));
  }
}
