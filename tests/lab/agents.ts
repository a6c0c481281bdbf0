/**
 * The agents of a lab: one process for each node, in the node's namespace.
 *
 * @module
 */

import { LabError } from "./system/error.ts";
import { searchPath } from "./system/process.ts";

/** How to start the agent of a node. */
export interface AgentOptions {
  /** The node's name. */
  readonly node: string;
  /** The node's network namespace. */
  readonly namespace: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Its {@linkcode STATE_DIRECTORIES} are directories in this one. */
  readonly stateDirectory: string;
  /** Standard output and error are appended to it. */
  readonly log: string;
}

/** Where an agent keeps state; each has its own, mounted in its place. */
export const STATE_DIRECTORIES = [
  "/run/fairway",
  "/var/lib/fairway",
  "/etc/cni/net.d",
] as const;

/** $0 is the state directory, the rest the command. */
const MOUNT_AND_RUN =
  STATE_DIRECTORIES.map((directory) =>
    `mount --bind "$0${directory}" ${directory} && `
  ).join("") + 'exec "$@"';

/**
 * The words that run a command as a node's agent runs: in the node's network
 * and with the node's state in its place.
 */
export function onNode(
  { namespace, stateDirectory, command }: Pick<
    AgentOptions,
    "namespace" | "stateDirectory" | "command"
  >,
): readonly string[] {
  for (const directory of STATE_DIRECTORIES) {
    Deno.mkdirSync(directory, { recursive: true });
    Deno.mkdirSync(stateDirectory + directory, { recursive: true });
  }
  // ip-netns(8) gives it a mount namespace with the network's own /sys, which
  // setns alone does not.
  return [
    ...["ip", "netns", "exec", namespace],
    ...["sh", "-c", MOUNT_AND_RUN, stateDirectory, ...command],
  ];
}

/** A signal to end an agent with. */
export type EndSignal = "SIGKILL" | "SIGTERM" | "SIGINT";

/** One agent. */
export class Agent {
  readonly #options: AgentOptions;
  #child: Deno.ChildProcess | undefined;
  #log: Promise<void> = Promise.resolve();
  #status: Deno.CommandStatus | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Path of its log. */
  get log(): string {
    return this.#options.log;
  }

  /** How it ended, or undefined while it runs and before its first start. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /** Whether it was started and has not ended. */
  get running(): boolean {
    return this.#child !== undefined && this.#status === undefined;
  }

  /** @throws {LabError} when it runs already */
  start(): void {
    if (this.running) {
      throw new LabError(`${this.#options.node}: agent runs already`);
    }
    const { env, cwd } = this.#options;
    this.#status = undefined;
    // setpriv(1) ends it with this process.
    const child = new Deno.Command("setpriv", {
      args: ["--pdeathsig", "KILL", "--", ...onNode(this.#options)],
      env: { PATH: searchPath(), ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    child.status.then((status) => this.#status = status);
    this.#log = this.#record(child);
  }

  async #record(child: Deno.ChildProcess): Promise<void> {
    using file = await Deno.open(this.#options.log, {
      append: true,
      create: true,
    });
    const copy = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      for await (const chunk of stream) await file.write(chunk);
    };
    await Promise.all([copy(child.stdout), copy(child.stderr)]);
  }

  /** Ends it with a signal and waits until it is gone. */
  async end(signal: EndSignal): Promise<Deno.CommandStatus> {
    const child = this.#child;
    if (!child) throw new LabError(`${this.#options.node}: agent does not run`);
    this.#child = undefined;
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself; its status says how.
    }
    const status = await child.status;
    await this.#log;
    return status;
  }

  /** Ends it if it runs: asks first, and after `graceMs` insists. */
  async stop(graceMs = 10_000): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const insist = setTimeout(() => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }, graceMs);
    try {
      await this.end("SIGTERM");
    } finally {
      clearTimeout(insist);
    }
  }

  /** The end of its log. */
  async logTail(lines = 40): Promise<string> {
    const text = await Deno.readTextFile(this.#options.log).catch(() => "");
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }
}
