/**
 * A namespace with processes in it, for tests of the whole program.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url).pathname;
const decoder = new TextDecoder();

/** How a command ended and what it said. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let sequence = 0;

/** A network namespace and a directory; processes started in it end with it. */
export class World implements AsyncDisposable {
  readonly namespace: string;
  readonly directory: string;
  readonly #children = new Set<Deno.ChildProcess>();

  private constructor(namespace: string, directory: string) {
    this.namespace = namespace;
    this.directory = directory;
  }

  static async create(): Promise<World> {
    const namespace = `fe2e-${Deno.pid}-${sequence++}`;
    const directory = await Deno.makeTempDir({ prefix: "fairway-e2e-" });
    const world = new World(namespace, directory);
    await must("ip", ["netns", "add", namespace]);
    await world.must("ip", ["link", "set", "lo", "up"]);
    return world;
  }

  /** Runs a command to its end inside. */
  run(program: string, args: readonly string[]): Promise<Said> {
    return run("ip", ["netns", "exec", this.namespace, program, ...args]);
  }

  /** As `run`; its output. @throws when it fails */
  must(program: string, args: readonly string[]): Promise<string> {
    return must("ip", ["netns", "exec", this.namespace, program, ...args]);
  }

  /** Starts a program of the checkout that goes on; its output goes to a file of the directory. */
  start(name: string, args: readonly string[]): Deno.ChildProcess {
    const child = new Deno.Command("ip", {
      args: [
        ...["netns", "exec", this.namespace, "sh", "-c"],
        `exec "$@" >>${this.directory}/${name}.log 2>&1`,
        "sh",
        ...args,
      ],
      cwd: ROOT,
      stdin: "null",
    }).spawn();
    this.#children.add(child);
    return child;
  }

  /** Starts the agent with its state in the directory. */
  startAgent(flags: readonly string[]): Deno.ChildProcess {
    return this.start("agent", [
      ...[Deno.execPath(), "run", "-A", "--quiet", "main.ts", "run"],
      ...["--hostname-override=node-a", `--state-dir=${this.directory}`],
      ...[`--run-dir=${this.directory}`, ...flags],
    ]);
  }

  /** Ends a process at once. */
  async kill(child: Deno.ChildProcess): Promise<void> {
    this.#children.delete(child);
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await child.status;
  }

  /** What a process said last. */
  async said(name: string): Promise<string> {
    const text = await Deno.readTextFile(`${this.directory}/${name}.log`);
    return text.split("\n").slice(-30).join("\n");
  }

  /** The agent's readiness: status and body; undefined while it does not answer. */
  async readiness(): Promise<{ code: string; body: string } | undefined> {
    const { code, stdout } = await this.run("curl", [
      ...["-s", "-m", "2", "-w", "\n%{http_code}"],
      "http://127.0.0.1:20244/readyz",
    ]);
    if (code !== 0) return undefined;
    const at = stdout.lastIndexOf("\n");
    return { code: stdout.slice(at + 1), body: stdout.slice(0, at) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#children]) await this.kill(child);
    await must("ip", ["netns", "del", this.namespace]);
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<Said> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: ROOT,
  }).output();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

async function must(
  program: string,
  args: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/**
 * Looks until `look` is true.
 *
 * @throws after the deadline, with what `explain` says
 */
export async function until(
  what: string,
  look: () => Promise<boolean>,
  explain: () => Promise<string> = () => Promise.resolve(""),
  deadlineMs = 30_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!await look()) {
    if (performance.now() > end) {
      throw new Error(
        `${what}: not within ${deadlineMs} ms\n${await explain()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
