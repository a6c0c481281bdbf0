/**
 * A network namespace of its own for a router, joined to this host by a veth
 * pair: the speaker under test runs in the test's own process.
 *
 * @module
 */

import { parseIp } from "../../lib/net/ip.ts";
import { until } from "./support.ts";

/** Runs a command, given as one would type it; its output. */
export async function run(
  command: string,
  ...more: readonly string[]
): Promise<string> {
  const [name = "", ...args] = [...command.split(" "), ...more];
  const { success, stdout, stderr } = await new Deno.Command(name, {
    args,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  throw new Error(
    `${command} ${more.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`,
  );
}

/** The wire between this host and a router's namespace, and a directory for the router. */
export class Wire implements AsyncDisposable {
  /** The router's addresses, and ours. */
  readonly theirs = parseIp("198.18.77.2");
  readonly ours = parseIp("198.18.77.1");
  readonly theirs6 = parseIp("2001:db8:77::2");
  readonly ours6 = parseIp("2001:db8:77::1");
  readonly namespace = `bgt-${Deno.pid}`;
  readonly directory: string;
  readonly #host = `bgt${Deno.pid % 100_000}`;
  #router: Deno.ChildProcess | undefined;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes namespace and wire. */
  static async lay(): Promise<Wire> {
    const wire = new Wire(await Deno.makeTempDir({ prefix: "bgt-" }));
    const { namespace } = wire;
    const host = wire.#host;
    try {
      await run(`ip netns add ${namespace}`);
      await run(
        `ip link add ${host} type veth peer eth0 netns ${namespace}`,
      );
      await run(`ip address add ${wire.ours}/30 dev ${host}`);
      await run(`ip link set ${host} up`);
      await wire.#address6();
      const inside = `ip -n ${namespace}`;
      await run(`${inside} address add ${wire.theirs}/30 dev eth0`);
      await run(`${inside} address add ${wire.theirs6}/64 dev eth0 nodad`);
      await run(`${inside} link set lo up`);
      await run(`${inside} link set eth0 up`);
    } catch (error) {
      await wire[Symbol.asyncDispose]();
      throw error;
    }
    return wire;
  }

  /** Starts the router in its namespace and waits until it answers; ends the one before. */
  async start(
    command: readonly string[],
    ask: () => Promise<string>,
  ): Promise<void> {
    this.#router = new Deno.Command("ip", {
      args: ["netns", "exec", this.namespace, ...command],
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("the router's answer", async () => {
      try {
        return await ask();
      } catch {
        return false;
      }
    });
  }

  /** Ends the router. */
  async end(signal: Deno.Signal): Promise<void> {
    const router = this.#router;
    this.#router = undefined;
    if (router === undefined) return;
    router.kill(signal);
    await router.status;
  }

  /** Cuts the wire, or joins it again. */
  async set(state: "up" | "down"): Promise<void> {
    await run(`ip link set ${this.#host} ${state}`);
    // The kernel forgets IPv6 addresses of a link that goes down.
    if (state === "up") await this.#address6();
  }

  #address6(): Promise<string> {
    return run(
      `ip address replace ${this.ours6}/64 dev ${this.#host} nodad`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGTERM");
    await run(`ip netns delete ${this.namespace}`);
    await until("the wire's end", async () => {
      return !(await run("ip -br link")).includes(`${this.#host}@`);
    });
    await Deno.remove(this.directory, { recursive: true });
  }
}
