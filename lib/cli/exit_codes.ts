/**
 * What the command line's exit codes mean.
 *
 * @module
 */

import { codeOf, type ErrorCode } from "../base/errors.ts";

/** Exit codes; scripts and service units rely on them. */
export const EXIT = {
  /** Done; `status`: the node is ready; `explain`: the traffic passes. */
  ok: 0,
  /** Failed; `status`: the agent answers, but the node is not ready. */
  failed: 1,
  /** Wrong usage: a flag, a value or a file; `status`: the agent does not answer. */
  usage: 2,
  /** The machine lacks something: a tool, a kernel module, a permission, a free port. */
  environment: 3,
  /** `explain`: the traffic does not pass. */
  denied: 4,
} as const;

/** One of {@linkcode EXIT}. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

const BY_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  "input.invalid": EXIT.usage,
  "config.invalid": EXIT.usage,
  "permission.denied": EXIT.environment,
  "tool.missing": EXIT.environment,
  "kernel.unsupported": EXIT.environment,
  "net.failed": EXIT.environment,
};

/** The exit code for something thrown. */
export function exitCodeOf(error: unknown): ExitCode {
  return BY_ERROR[codeOf(error)] ?? EXIT.failed;
}
