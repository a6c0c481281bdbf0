/**
 * A real BIRD in a network namespace of its own, joined to this host by a veth
 * pair: the speaker under test runs in the test's own process.
 *
 * @module
 */

import { parseIp } from "../../lib/net/ip.ts";
import { until } from "./support.ts";

/** Runs a command; its output. */
export async function run(...command: readonly string[]): Promise<string> {
  const [name = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(name, {
    args,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  throw new Error(
    `${command.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`,
  );
}

/** What BIRD is told beside what every test needs. */
export interface BirdOptions {
  /** BIRD's AS. */
  readonly asn: number;
  /** The speaker's AS. */
  readonly peerAs: number;
  /** More statements for `protocol bgp fw`. */
  readonly bgp?: string;
  /** Routes of BIRD's own. */
  readonly routes4?: readonly string[];
  readonly routes6?: readonly string[];
}

/** A running BIRD and the wire to it. */
export class Bird implements AsyncDisposable {
  /** BIRD's addresses and ours on the wire. */
  readonly theirs = parseIp("198.18.77.2");
  readonly ours = parseIp("198.18.77.1");
  readonly theirs6 = parseIp("2001:db8:77::2");
  readonly ours6 = parseIp("2001:db8:77::1");
  readonly #namespace: string;
  readonly #directory: string;
  #process: Deno.ChildProcess;
  readonly #host: string;

  private constructor(
    namespace: string,
    directory: string,
    host: string,
    process: Deno.ChildProcess,
  ) {
    this.#namespace = namespace;
    this.#directory = directory;
    this.#host = host;
    this.#process = process;
  }

  /** Lays the wire and starts BIRD. */
  static async start(options: BirdOptions): Promise<Bird> {
    const namespace = `bgt-${Deno.pid}`;
    const host = `bgt${Deno.pid % 100_000}`;
    const inside = ["ip", "-n", namespace] as const;
    await run("ip", "netns", "add", namespace);
    await run(
      "ip",
      "link",
      "add",
      host,
      "type",
      "veth",
      "peer",
      "eth0",
      "netns",
      namespace,
    );
    await run("ip", "address", "add", "198.18.77.1/30", "dev", host);
    await run(
      "ip",
      "address",
      "add",
      "2001:db8:77::1/64",
      "dev",
      host,
      "nodad",
    );
    await run("ip", "link", "set", host, "up");
    await run(...inside, "address", "add", "198.18.77.2/30", "dev", "eth0");
    await run(
      ...inside,
      "address",
      "add",
      "2001:db8:77::2/64",
      "dev",
      "eth0",
      "nodad",
    );
    await run(...inside, "link", "set", "lo", "up");
    await run(...inside, "link", "set", "eth0", "up");
    const directory = await Deno.makeTempDir({ prefix: "bgt-" });
    await Deno.writeTextFile(
      `${directory}/bird.conf`,
      config(options, directory),
    );
    const bird = new Bird(
      namespace,
      directory,
      host,
      spawnBird(namespace, directory),
    );
    await bird.#up();
    return bird;
  }

  /** Kills BIRD as a crash would, and starts it again in recovery mode. */
  async restart(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    this.#process = spawnBird(this.#namespace, this.#directory, "-R");
    await this.#up();
  }

  async #up(): Promise<void> {
    await until("BIRD's control socket", async () => {
      try {
        return (await this.ask("show status")).includes("up and running");
      } catch {
        return false;
      }
    });
  }

  /** Asks BIRD through its control socket. */
  ask(question: string): Promise<string> {
    return run("birdc", "-s", `${this.#directory}/bird.ctl`, question);
  }

  /** What BIRD wrote into its log. */
  log(): Promise<string> {
    return Deno.readTextFile(`${this.#directory}/bird.log`);
  }

  /** Cuts the wire, or joins it again. */
  async wire(state: "up" | "down"): Promise<void> {
    await run("ip", "link", "set", this.#host, state);
    if (state === "up") {
      // The kernel forgets IPv6 addresses of a link that goes down.
      await run(
        "ip",
        "address",
        "replace",
        "2001:db8:77::1/64",
        "dev",
        this.#host,
        "nodad",
      );
    }
  }

  /** The routes that BIRD has from us: prefix and all that BIRD says of it. */
  async routes(): Promise<ReadonlyMap<string, string>> {
    const routes = new Map<string, string>();
    let prefix = "";
    for (
      const line of (await this.ask("show route all protocol fw")).split("\n")
    ) {
      const match = /^([0-9a-f.:]+\/\d+)\s/.exec(line);
      if (match?.[1] !== undefined) prefix = match[1];
      if (prefix !== "") {
        routes.set(prefix, `${routes.get(prefix) ?? ""}${line}\n`);
      }
    }
    return routes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await run("ip", "netns", "delete", this.#namespace);
    await until("the wire's end", async () => {
      const links = await run("ip", "-br", "link");
      return !links.includes(`${this.#host}@`);
    });
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function spawnBird(
  namespace: string,
  directory: string,
  ...more: readonly string[]
): Deno.ChildProcess {
  return new Deno.Command("ip", {
    args: [
      ...["netns", "exec", namespace, "bird", "-f", ...more],
      ...["-c", `${directory}/bird.conf`],
      ...["-s", `${directory}/bird.ctl`],
      ...["-P", `${directory}/bird.pid`],
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function config(options: BirdOptions, directory: string): string {
  const routes = (list: readonly string[] = []): string =>
    list.map((prefix) => `  route ${prefix} blackhole;`).join("\n");
  return `
log "${directory}/bird.log" all;
router id 198.18.77.2;
protocol device {}
protocol direct { ipv4; ipv6; }
protocol static s4 { ipv4;
${routes(options.routes4)}
}
protocol static s6 { ipv6;
${routes(options.routes6)}
}
protocol bgp fw {
  local 198.18.77.2 as ${options.asn};
  neighbor 198.18.77.1 as ${options.peerAs};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${options.bgp ?? ""}
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; };
}
`;
}
