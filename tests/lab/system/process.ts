/**
 * Child processes of the lab: run one, read what it says, say clearly what failed.
 *
 * @module
 */

import { LabError } from "./error.ts";
import { inNamespace } from "./namespace.ts";

/** How to run a command. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Network namespace to start it in; default the caller's. */
  readonly namespace?: string;
  /** Written to its standard input. */
  readonly stdin?: string;
  /** Kills it after this long, milliseconds; default 60,000. */
  readonly deadlineMs?: number;
}

/** What a command did. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The directories of system tools, which an ordinary user's PATH may lack. */
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/** The PATH for children: the caller's, then the system directories. */
export function searchPath(): string {
  const own = Deno.env.get("PATH");
  return own ? `${own}:${SYSTEM_PATH}` : SYSTEM_PATH;
}

/**
 * Runs a command to its end, whatever its exit code.
 *
 * @throws {LabError} when it is not installed or did not end in time
 */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), deadlineMs);
  try {
    const prepared = new Deno.Command(command, {
      args: [...args],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { PATH: searchPath(), ...options.env },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      signal: abort.signal,
    });
    const child = options.namespace === undefined
      ? prepared.spawn()
      : inNamespace(options.namespace, () => prepared.spawn());
    if (options.stdin !== undefined) {
      const writer = child.stdin.getWriter();
      // A command that reads only part of its input closes the pipe: its exit code tells.
      await writer.write(new TextEncoder().encode(options.stdin)).catch(
        () => {},
      );
      await writer.close().catch(() => {});
    }
    const { code, stdout, stderr } = await child.output();
    if (abort.signal.aborted) {
      throw new LabError(
        `${command} ${args.join(" ")}: killed after ${deadlineMs / 1000} s`,
      );
    }
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new LabError(
        `${command} is not installed or not in ${searchPath()}`,
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs a command that must succeed.
 *
 * @returns its standard output
 * @throws {LabError} with its first lines of standard error, when it fails
 */
export async function capture(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    const said = (stderr.trim() || stdout.trim()).split("\n").slice(0, 8);
    throw new LabError(
      `${command} ${args.join(" ")}: exit code ${code}: ${said.join("; ")}`,
    );
  }
  return stdout;
}
