/**
 * Runs the kernel's tools: the only place that starts a process.
 *
 * One call is one process, with its input on stdin, a clean environment, a
 * deadline and an abort signal. Nothing passes through a shell.
 *
 * @module
 */

import { FairwayError, KernelError } from "../base/errors.ts";
import { deniedTool, missingTool } from "./classify.ts";

/** Where tools live, in the order they are looked for. */
const TOOL_DIRECTORIES = [
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/usr/local/sbin",
  "/usr/local/bin",
];
const PATH = TOOL_DIRECTORIES.join(":");
const DEFAULT_DEADLINE_MS = 30_000;
/** How long a tool may take to end after SIGTERM. */
const GRACE_MS = 2_000;
const STDOUT_LIMIT_BYTES = 512 * 1024 * 1024;
const STDERR_LIMIT_BYTES = 4 * 1024 * 1024;

/** What a tool said and how it ended. */
export interface ToolOutput {
  /** Exit code. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** More was written to stderr than is kept. */
  readonly stderrCut: boolean;
  readonly durationMs: number;
}

/** One finished call, for metrics. */
export interface ToolCall {
  readonly tool: string;
  readonly durationMs: number;
  /** Whether the tool ended by itself with exit code 0. */
  readonly ok: boolean;
}

/** Hears about every process that ran. */
export interface ToolObserver {
  called(call: ToolCall): void;
}

/** What to run a tool with. */
export interface ToolRunOptions {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly stdin?: string;
  /** Milliseconds; 30 seconds when absent. */
  readonly deadlineMs?: number;
}

/** How a runner starts its tools. */
export interface ToolRunnerOptions {
  readonly observer?: ToolObserver;
  /** Milliseconds for calls that give none; 30 seconds when absent. */
  readonly deadlineMs?: number;
  /**
   * A command put in front of the tool, for tests that enter a network namespace:
   * `["ip", "netns", "exec", NAME]`. It must replace itself with the tool, or an
   * abort would leave the tool behind.
   */
  readonly prefix?: readonly string[];
}

/** Starts kernel tools, one process a call. */
export class ToolRunner {
  readonly #observer: ToolObserver | undefined;
  readonly #deadlineMs: number;
  readonly #prefix: readonly string[];

  constructor(options: ToolRunnerOptions = {}) {
    this.#observer = options.observer;
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#prefix = options.prefix ?? [];
  }

  /**
   * Runs a tool to its end. A non-zero exit is a result, not an exception.
   *
   * @param tool file name without directory, for example `nft`
   * @throws {KernelError} `tool.missing`, `permission.denied`, `tool.timeout`, or
   * `tool.failed` when it wrote more than is kept
   * @throws {FairwayError} `aborted` when the signal ended it
   */
  async run(tool: string, options: ToolRunOptions): Promise<ToolOutput> {
    if (options.signal.aborted) throw aborted(tool, options.signal);
    const startedMs = performance.now();
    const child = await this.#spawn(tool, options.args);
    let ok = false;
    try {
      const output = await converse(tool, child, {
        ...options,
        deadlineMs: options.deadlineMs ?? this.#deadlineMs,
      });
      ok = output.code === 0;
      return { ...output, durationMs: performance.now() - startedMs };
    } finally {
      this.#observer?.called({
        tool,
        durationMs: performance.now() - startedMs,
        ok,
      });
    }
  }

  async #spawn(
    tool: string,
    args: readonly string[],
  ): Promise<Deno.ChildProcess> {
    const [first, ...rest] = this.#prefix;
    const program = first ?? tool;
    const prefixed = first === undefined
      ? args
      : [...rest, (await locate(tool))[0] ?? tool, ...args];
    let denied: Error | undefined;
    for (const path of await locate(program)) {
      try {
        return new Deno.Command(path, {
          args: [...prefixed],
          clearEnv: true,
          env: { LC_ALL: "C", PATH },
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) continue;
        if (
          error instanceof Deno.errors.NotCapable ||
          error instanceof Deno.errors.PermissionDenied
        ) denied = error;
        else throw error;
      }
    }
    throw denied === undefined
      ? missingTool(program)
      : deniedTool(program, denied);
  }
}

/** Paths to try for a tool; the bare name when files may not be looked at. */
async function locate(tool: string): Promise<string[]> {
  const found: string[] = [];
  for (const directory of TOOL_DIRECTORIES) {
    const path = `${directory}/${tool}`;
    try {
      if ((await Deno.stat(path)).isFile) found.push(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) return [tool];
    }
  }
  return found;
}

/** Feeds a child, hears it out, and sees to it that it ends. */
async function converse(
  tool: string,
  child: Deno.ChildProcess,
  options: ToolRunOptions & { readonly deadlineMs: number },
): Promise<Omit<ToolOutput, "durationMs">> {
  let failure: FairwayError | undefined;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const end = (reason: FairwayError): void => {
    if (failure !== undefined) return;
    failure = reason;
    kill(child, "SIGTERM");
    killTimer = setTimeout(() => kill(child, "SIGKILL"), GRACE_MS);
  };
  const deadline = setTimeout(() => {
    end(
      new KernelError(
        "tool.timeout",
        tool,
        `${tool} did not end within ${options.deadlineMs / 1000} s`,
        "",
      ),
    );
  }, options.deadlineMs);
  const onAbort = (): void => end(aborted(tool, options.signal));
  options.signal.addEventListener("abort", onAbort, { once: true });
  // An abort while the tool was being looked for has been heard by nobody.
  if (options.signal.aborted) onAbort();
  const stdout = new Collector(child.stdout, STDOUT_LIMIT_BYTES, () => {
    end(
      new KernelError(
        "tool.failed",
        tool,
        `${tool} printed more than ${STDOUT_LIMIT_BYTES} bytes`,
        "",
      ),
    );
  });
  const stderr = new Collector(child.stderr, STDERR_LIMIT_BYTES, () => {});
  const fed = feed(child.stdin, options.stdin);
  try {
    const status = await child.status;
    // A descendant may hold the pipes open after the tool itself was ended.
    if (failure !== undefined) {
      await Promise.all([stdout.stop(), stderr.stop()]);
    }
    await Promise.all([stdout.done, stderr.done, fed]);
    if (failure !== undefined) throw failure;
    return {
      code: status.code,
      stdout: stdout.text(),
      stderr: stderr.text(),
      stderrCut: stderr.cut,
    };
  } finally {
    clearTimeout(deadline);
    clearTimeout(killTimer);
    options.signal.removeEventListener("abort", onAbort);
  }
}

/** Reads a stream to its end and keeps the first part. */
class Collector {
  readonly done: Promise<void>;
  cut = false;
  readonly #chunks: Uint8Array[] = [];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(
    stream: ReadableStream<Uint8Array>,
    limitBytes: number,
    overflow: () => void,
  ) {
    this.#reader = stream.getReader();
    this.done = this.#collect(limitBytes, overflow);
  }

  async #collect(limitBytes: number, overflow: () => void): Promise<void> {
    let size = 0;
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      size += value.length;
      if (size <= limitBytes) this.#chunks.push(value);
      else if (!this.cut) {
        this.cut = true;
        overflow();
      }
    }
  }

  stop(): Promise<void> {
    return this.#reader.cancel();
  }

  text(): string {
    const decoder = new TextDecoder();
    let text = "";
    for (const chunk of this.#chunks) {
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  }
}

async function feed(
  stream: WritableStream<Uint8Array>,
  text: string | undefined,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    if (text !== undefined) await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The tool ended without reading all of its input; what it said is in stderr.
    await writer.abort().catch(() => {});
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has just ended by itself.
  }
}

function aborted(tool: string, signal: AbortSignal): FairwayError {
  return new FairwayError("aborted", `${tool} was given up`, {
    cause: signal.reason,
  });
}
