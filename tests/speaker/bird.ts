/**
 * A real BIRD at the other end of a wire.
 *
 * @module
 */

import { run, Wire } from "./wire.ts";

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

/** A running BIRD. */
export class Bird implements AsyncDisposable {
  readonly wire: Wire;

  private constructor(wire: Wire) {
    this.wire = wire;
  }

  /** Lays the wire and starts BIRD. */
  static async start(options: BirdOptions): Promise<Bird> {
    const wire = await Wire.lay();
    const bird = new Bird(wire);
    try {
      await Deno.writeTextFile(
        `${wire.directory}/bird.conf`,
        config(options, wire),
      );
      await bird.#spawn();
    } catch (error) {
      await wire[Symbol.asyncDispose]();
      throw error;
    }
    return bird;
  }

  /** Kills BIRD as a crash would, and starts it again in recovery mode. */
  async restart(): Promise<void> {
    await this.wire.end("SIGKILL");
    await this.#spawn("-R");
  }

  async #spawn(...more: readonly string[]): Promise<void> {
    const { directory } = this.wire;
    const command =
      `bird -f -c ${directory}/bird.conf -s ${directory}/bird.ctl`;
    await this.wire.start(
      [...command.split(" "), "-P", `${directory}/bird.pid`, ...more],
      () => this.ask("show status"),
    );
  }

  /** Asks BIRD through its control socket. */
  ask(question: string): Promise<string> {
    return run(`birdc -s ${this.wire.directory}/bird.ctl`, question);
  }

  /** What BIRD wrote into its log. */
  log(): Promise<string> {
    return Deno.readTextFile(`${this.wire.directory}/bird.log`);
  }

  /** The routes that BIRD has from us: prefix and all that BIRD says of it. */
  async routes(): Promise<ReadonlyMap<string, string>> {
    const routes = new Map<string, string>();
    let prefix = "";
    const answer = await this.ask("show route all protocol fw");
    for (const line of answer.split("\n")) {
      const match = /^([0-9a-f.:]+\/\d+)\s/.exec(line);
      if (match?.[1] !== undefined) prefix = match[1];
      if (prefix !== "") {
        routes.set(prefix, `${routes.get(prefix) ?? ""}${line}\n`);
      }
    }
    return routes;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.wire[Symbol.asyncDispose]();
  }
}

function config(options: BirdOptions, wire: Wire): string {
  const routes = (list: readonly string[] = []): string =>
    list.map((prefix) => `  route ${prefix} blackhole;`).join("\n");
  return `
log "${wire.directory}/bird.log" all;
router id ${wire.theirs};
protocol device {}
protocol direct { ipv4; ipv6; }
protocol static s4 { ipv4;
${routes(options.routes4)}
}
protocol static s6 { ipv6;
${routes(options.routes6)}
}
protocol bgp fw {
  local ${wire.theirs} as ${options.asn};
  neighbor ${wire.ours} as ${options.peerAs};
  connect delay time 1;
  connect retry time 1;
  error wait time 1, 2;
  ${options.bgp ?? ""}
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; };
}
`;
}
