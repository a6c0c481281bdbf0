/**
 * Errors that carry a code.
 *
 * A code is stable: it is the log field, the metric label and the API's problem
 * type. The message is for a person: what failed, on what, and the mend.
 *
 * @module
 */

/** Every code Fairway's errors carry; the part before the dot is the area. */
export type ErrorCode =
  /** A value given by the operator or by an object is not usable. */
  | "input.invalid"
  /** A flag, variable or configuration file is wrong. */
  | "config.invalid"
  /** The operator may not do this (capability, Deno permission, RBAC). */
  | "permission.denied"
  /** A kernel tool is not installed. */
  | "tool.missing"
  /** A kernel tool did not end within its deadline. */
  | "tool.timeout"
  /** A kernel tool failed in a way that was not recognised. */
  | "tool.failed"
  /** The kernel lacks a module or a feature. */
  | "kernel.unsupported"
  /** The object to change or delete is not there. */
  | "kernel.not_found"
  /** The object to create is already there. */
  | "kernel.exists"
  /** The object is in use by another one. */
  | "kernel.busy"
  /** The kernel refuses the value. */
  | "kernel.invalid"
  /** The API server cannot be reached or broke off. */
  | "kube.unreachable"
  /** The API server refused our credentials. */
  | "kube.unauthorized"
  /** The resource version is too old: list again. */
  | "kube.gone"
  /** The API server asks us to wait. */
  | "kube.throttled"
  /** The API server answered with something else than expected. */
  | "kube.failed"
  /** A socket could not be opened or bound. */
  | "net.failed"
  /** A peer broke the BGP protocol. */
  | "bgp.protocol"
  /** The operation was given up because we are stopping. */
  | "aborted"
  /** A fault of our own. */
  | "internal";

/** Codes that are worth another try without a change of input. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  "tool.timeout",
  "tool.failed",
  "kernel.busy",
  "kernel.not_found",
  "kernel.exists",
  "kube.unreachable",
  "kube.unauthorized",
  "kube.gone",
  "kube.throttled",
  "kube.failed",
  "net.failed",
]);

/** An error with a stable code. */
export class FairwayError extends Error {
  override readonly name: string = "FairwayError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Whether trying again later may succeed without a change of input. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** Several things wrong at once, one line each; whoever prints it prints the lines. */
export class ProblemsError extends FairwayError {
  override readonly name: string = "ProblemsError";
  readonly problems: readonly string[];

  constructor(code: ErrorCode, problems: readonly string[]) {
    super(code, problems.join("; "));
    this.problems = problems;
  }
}

/** What a kernel tool said when it failed. */
export class KernelError extends FairwayError {
  override readonly name = "KernelError";
  /** The tool, for example `nft`. */
  readonly tool: string;
  /** The tool's own words, cut to a readable length. */
  readonly stderr: string;

  constructor(
    code: ErrorCode,
    tool: string,
    message: string,
    stderr: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.tool = tool;
    this.stderr = stderr;
  }
}

/** The code of any thrown value; `internal` for what is not ours. */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof FairwayError) return error.code;
  if (error instanceof DOMException && error.name === "AbortError") {
    return "aborted";
  }
  return "internal";
}

/** The message of any thrown value, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, "; ");
}
