/**
 * The external router: a real BIRD 2 that speaks BGP with every node.
 *
 * @see https://bird.network.cz/?get_doc&f=bird.html
 * @module
 */

import { LabError } from "../system/error.ts";
import { inNamespace } from "../system/namespace.ts";
import { searchPath } from "../system/process.ts";
import type { Plan } from "./plan.ts";

/** A route as `birdc show route` prints it. */
export interface BirdRoute {
  readonly prefix: string;
  /** Name of the protocol it came from, for example `node1_v4`. */
  readonly protocol: string;
  /** Whether it is the selected one. */
  readonly primary: boolean;
  /** Addresses; several for a multipath route, none for one that is attached. */
  readonly nextHops: readonly string[];
}

/** A protocol as `birdc show protocols` prints it. */
export interface BirdProtocol {
  readonly name: string;
  readonly type: string;
  readonly state: string;
  /** For BGP `Established`, `Active`, `Connect` … */
  readonly info: string;
}

/** Where BIRD keeps its files. */
export interface BirdOptions {
  readonly plan: Plan;
  /** For configuration, control socket and log; must exist. */
  readonly directory: string;
  /** More text for the configuration. */
  readonly extra?: string;
}

/** A BIRD in the router's namespace. */
export class Bird implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #log: string;
  /** Path of the control socket: `birdc -s PATH`. */
  readonly control: string;

  private constructor(child: Deno.ChildProcess, directory: string) {
    this.#child = child;
    this.control = `${directory}/bird.ctl`;
    this.#log = `${directory}/bird.log`;
  }

  /**
   * Starts BIRD and waits until it answers.
   *
   * @throws {LabError} when it is missing or refuses its configuration
   */
  static async start(options: BirdOptions): Promise<Bird> {
    const { plan, directory, extra = "" } = options;
    const log = `${directory}/bird.log`;
    const config = `${directory}/bird.conf`;
    await Deno.writeTextFile(config, renderBird(plan, log) + extra);
    const command = new Deno.Command("bird", {
      args: ["-f", "-c", config, "-s", `${directory}/bird.ctl`],
      env: { PATH: searchPath() },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    let child: Deno.ChildProcess;
    try {
      child = inNamespace(plan.router.namespace, () => command.spawn());
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new LabError("bird is not installed; run: apt-get install bird2");
    }
    const bird = new Bird(child, directory);
    let ended: Deno.CommandStatus | undefined;
    child.status.then((status) => ended = status);
    const deadline = Date.now() + 20_000;
    for (;;) {
      try {
        await bird.ask("show status");
        return bird;
      } catch (error) {
        if (ended === undefined && Date.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        await bird[Symbol.asyncDispose]();
        const said = await Deno.readTextFile(log).catch(() => "");
        throw new LabError(`bird did not start: ${said.trim() || error}`);
      }
    }
  }

  /**
   * Asks what birdc(8) would be asked.
   *
   * @returns the reply without its codes
   * @throws {LabError} when BIRD refuses the command
   */
  async ask(command: string): Promise<string> {
    const connection = await Deno.connect({
      transport: "unix",
      path: this.control,
    });
    try {
      let text = "";
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(65536);
      const readUntil = async (end: RegExp): Promise<void> => {
        while (!end.test(text)) {
          const count = await connection.read(buffer);
          if (count === null) throw new LabError("bird closed the connection");
          text += decoder.decode(buffer.subarray(0, count), { stream: true });
        }
      };
      await readUntil(/^0001 .*\n/m);
      text = "";
      await connection.write(new TextEncoder().encode(`${command}\n`));
      // A reply ends with a line that has a space, not a dash, after its code.
      await readUntil(/^(0\d{3}|[89]\d{3}) .*\n/m);
      const refused = /^[89]\d{3} (.*)$/m.exec(text);
      if (refused) throw new LabError(`bird: ${command}: ${refused[1]}`);
      return text.replaceAll(/^(\d{4}[ -]| )/gm, "").trimEnd();
    } finally {
      connection.close();
    }
  }

  /** Every route of both tables, or those that match, for example `for 10.42.1.2`. */
  async routes(filter = ""): Promise<readonly BirdRoute[]> {
    return parseRoutes(await this.ask(`show route ${filter}`.trim()));
  }

  /** Every protocol. */
  async protocols(): Promise<readonly BirdProtocol[]> {
    const lines = (await this.ask("show protocols")).split("\n");
    return lines.slice(1).flatMap((line) => {
      const [name, type, , state, , ...info] = line.trim().split(/\s+/);
      return name && type && state
        ? [{ name, type, state, info: info.join(" ") }]
        : [];
    });
  }

  /** The end of its log. */
  async logTail(lines = 20): Promise<string> {
    const text = await Deno.readTextFile(this.#log);
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Stops it and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
  }
}

/** Reads the reply to `show route`. */
export function parseRoutes(text: string): readonly BirdRoute[] {
  const routes: { -readonly [K in keyof BirdRoute]: BirdRoute[K] }[] = [];
  let prefix = "";
  for (const line of text.split("\n")) {
    const head = /^(\S+\/\d+)?\s+\w+(?: \w+)? \[(\S+) [^\]]*\]( \*)?/.exec(
      line,
    );
    if (head) {
      prefix = head[1] ?? prefix;
      const [, , protocol = "", star] = head;
      routes.push({
        prefix,
        protocol,
        primary: star !== undefined,
        nextHops: [],
      });
      continue;
    }
    const via = /^\s*via (\S+)/.exec(line)?.[1];
    const last = routes.at(-1);
    if (via !== undefined && last) last.nextHops = [...last.nextHops, via];
  }
  return routes;
}

/** BIRD's configuration: an external session with each node, in each family. */
export function renderBird(plan: Plan, log: string): string {
  const sessions = plan.nodes.flatMap((node) =>
    node.addresses.map(({ address }) => {
      const v6 = address.includes(":");
      return `protocol bgp ${node.name}_v${v6 ? 6 : 4} from node {
  neighbor ${address} as ${plan.clusterAs};
}
`;
    })
  );
  return `log "${log}" all;
router id 172.31.0.1;

protocol device { scan time 10; }
protocol direct {
  ipv4;
  ipv6;
  interface "client";
}
protocol kernel kernel4 {
  merge paths on;
  ipv4 { export where source = RTS_BGP; };
}
protocol kernel kernel6 {
  merge paths on;
  ipv6 { export where source = RTS_BGP; };
}

template bgp node {
  local as ${plan.routerAs};
  hold time 9;
  connect retry time 1;
  connect delay time 1;
  error wait time 1, 5;
  graceful restart on;
  ipv4 { import all; export where source = RTS_DEVICE; };
  ipv6 { import all; export where source = RTS_DEVICE; };
}

${sessions.join("\n")}`;
}
