/**
 * `fairway status`.
 *
 * @module
 */

import { type Clock, sleep } from "../base/clock.ts";
import { FairwayError, messageOf } from "../base/errors.ts";
import type { AgentSummary } from "../../routes/summary.ts";
import { EXIT, type ExitCode } from "./exit_codes.ts";
import type { ApiLocation, AskStatus } from "./status_client.ts";
import { renderStatus } from "./status_view.ts";
import { paintWith, type Terminal } from "./terminal.ts";

/** What was asked for. */
export interface StatusOptions {
  readonly location: ApiLocation;
  readonly json: boolean;
  /** How long to wait for the node to become ready, milliseconds; 0 asks once. */
  readonly waitMs: number;
}

/** What the command works with. */
export interface StatusTools {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly ask: AskStatus;
}

const PAUSE_MS = 500;
const ANSWER_MS = 5000;

/**
 * Prints how the agent is: {@linkcode EXIT}`.ok` when the node is ready, `failed`
 * when it is not, `usage` when no agent answers.
 */
export async function showStatus(
  options: StatusOptions,
  { terminal, clock, ask }: StatusTools,
): Promise<ExitCode> {
  const endMs = clock.monotonic() + options.waitMs;
  for (;;) {
    const answer = await askOnce(options.location, clock, ask);
    const isReady = "summary" in answer && answer.summary.readiness.ready;
    if (!isReady && clock.monotonic() < endMs) {
      await sleep(clock, PAUSE_MS);
      continue;
    }
    if ("error" in answer) {
      terminal.err(`fairway: ${messageOf(answer.error)}\n`);
      return EXIT.usage;
    }
    terminal.out(
      options.json
        ? JSON.stringify(answer.summary, undefined, 2) + "\n"
        : renderStatus(answer.summary, paintWith(terminal.color)),
    );
    return isReady ? EXIT.ok : EXIT.failed;
  }
}

async function askOnce(
  location: ApiLocation,
  clock: Clock,
  ask: AskStatus,
): Promise<{ readonly summary: AgentSummary } | { readonly error: unknown }> {
  const late = new AbortController();
  const cancel = clock.timer(
    ANSWER_MS,
    () => late.abort(new DOMException("no answer in time", "TimeoutError")),
  );
  try {
    return { summary: await ask(location, late.signal) };
  } catch (error) {
    if (error instanceof FairwayError) return { error };
    throw error;
  } finally {
    cancel();
  }
}
