/**
 * Two nodes, their pods, a router and a client, wired by hand: enough for one
 * agent's services to be seen from every side.
 *
 * ```
 *  c ── r ──┬── a ── p12, p13        a: 10.0.0.1, fd10::1    pods 10.244.1.0/24, fd44:1::/64
 *           └── b ── p22             b: 10.0.0.2, fd10::2    pods 10.244.2.0/24, fd44:2::/64
 * ```
 */

import { TestNamespace } from "../kernel/namespace.ts";
import { EchoServer } from "../lab/probe/server.ts";

/** Who there is. */
export const PLACES = ["a", "b", "r", "c", "p12", "p13", "p22"] as const;

/** A namespace of the topology. */
export type Place = typeof PLACES[number];

/** The port on which every pod, every node and the client answers, TCP and UDP. */
export const SERVER_PORT = 8080;

/** A port on which node `a` answers at every address it has. */
export const WILDCARD_PORT = 9090;

/** Ranges that the router sends to node `a`. */
export const VIP_RANGES = ["10.96.0.0/12", "fd96::/112", "192.0.2.0/24"];

/** The topology, with a server in every pod and on both nodes. */
export class TwoNodes implements AsyncDisposable {
  readonly #namespaces: ReadonlyMap<Place, TestNamespace>;
  readonly #servers: EchoServer[] = [];

  private constructor(namespaces: ReadonlyMap<Place, TestNamespace>) {
    this.#namespaces = namespaces;
  }

  static async raise(): Promise<TwoNodes> {
    const namespaces = new Map<Place, TestNamespace>();
    const topology = new TwoNodes(namespaces);
    try {
      for (const place of PLACES) {
        namespaces.set(place, await TestNamespace.create());
      }
      await topology.#wire();
      topology.#serve();
    } catch (error) {
      await topology[Symbol.asyncDispose]();
      throw error;
    }
    return topology;
  }

  /** The namespace of a place. */
  at(place: Place): TestNamespace {
    const namespace = this.#namespaces.get(place);
    if (namespace === undefined) throw new Error(`no namespace for ${place}`);
    return namespace;
  }

  async #wire(): Promise<void> {
    const name = (place: Place): string => this.at(place).name;
    await this.#ip(
      "r",
      `
link add name lan type bridge
link set dev lan up
address add 10.0.0.254/24 dev lan
address add fd10::254/64 dev lan nodad
link add name c0 type veth peer name eth0 netns ${name("c")}
link set dev c0 up
address add 192.168.9.1/24 dev c0
address add fd09::1/64 dev c0 nodad
`,
    );
    await this.#ip(
      "c",
      `
link set dev eth0 up
address add 192.168.9.9/24 dev eth0
address add fd09::9/64 dev eth0 nodad
route add default via 192.168.9.1
route add default via fd09::1
`,
    );
    await this.#forward("r");
    for (
      const [node, i, pods] of [
        ["a", 1, ["p12", "p13"]],
        ["b", 2, ["p22"]],
      ] as const
    ) {
      await this.#ip(
        "r",
        `
link add name v${node} type veth peer name eth0 netns ${name(node)}
link set dev v${node} master lan
link set dev v${node} up
route add 10.244.${i}.0/24 via 10.0.0.${i}
route add fd44:${i}::/64 via fd10::${i}
`,
      );
      const other = 3 - i;
      await this.#ip(
        node,
        `
link set dev eth0 up
address add 10.0.0.${i}/24 dev eth0
address add fd10::${i}/64 dev eth0 nodad
route add default via 10.0.0.254
route add default via fd10::254
route add 10.244.${other}.0/24 via 10.0.0.${other}
route add fd44:${other}::/64 via fd10::${other}
link add name cni0 type bridge
link set dev cni0 up
address add 10.244.${i}.1/24 dev cni0
address add fd44:${i}::1/64 dev cni0 nodad
`,
      );
      await this.#forward(node);
      for (const pod of pods) {
        const host = pod.slice(-1);
        await this.#ip(
          node,
          `
link add name ${pod} type veth peer name eth0 netns ${name(pod)}
link set dev ${pod} master cni0
link set dev ${pod} type bridge_slave hairpin on
link set dev ${pod} up
`,
        );
        await this.#ip(
          pod,
          `
link set dev eth0 up
address add 10.244.${i}.${host}/24 dev eth0
address add fd44:${i}::${host}/64 dev eth0 nodad
route add default via 10.244.${i}.1
route add default via fd44:${i}::1
`,
        );
      }
    }
    const viaA = VIP_RANGES.map((range) =>
      `route add ${range} via ${range.includes(":") ? "fd10::1" : "10.0.0.1"}`
    );
    await this.#ip("r", viaA.join("\n") + "\n");
  }

  async #ip(place: Place, batch: string): Promise<void> {
    await this.at(place).run("ip", ["-batch", "-"], batch.trimStart());
  }

  /** Forwards, and answers every refused packet: kernels send only some ICMP errors a second. */
  async #forward(place: Place): Promise<void> {
    await this.at(place).run("sysctl", [
      "-qw",
      "net.ipv4.ip_forward=1",
      "net.ipv6.conf.all.forwarding=1",
      "net.ipv4.icmp_ratemask=0",
      "net.ipv6.icmp.ratelimit=0",
    ]);
  }

  #serve(): void {
    const add = (
      place: Place,
      addresses: readonly string[],
      port: number,
    ): void => {
      this.#servers.push(
        new EchoServer({
          namespace: this.at(place).name,
          name: place,
          addresses,
          ports: [{ protocol: "TCP", port }, { protocol: "UDP", port }],
        }),
      );
    };
    for (const place of ["a", "b", "c", "p12", "p13", "p22"] as const) {
      add(place, addressesOf(place), SERVER_PORT);
    }
    add("a", ["::"], WILDCARD_PORT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    for (const namespace of this.#namespaces.values()) {
      await namespace[Symbol.asyncDispose]();
    }
  }
}

/** The addresses of a server's place, IPv4 first. */
function addressesOf(place: Place): string[] {
  if (place === "c") return ["192.168.9.9", "fd09::9"];
  if (place === "a") return ["10.0.0.1", "fd10::1"];
  if (place === "b") return ["10.0.0.2", "fd10::2"];
  const [, i, host] = place;
  return [`10.244.${i}.${host}`, `fd44:${i}::${host}`];
}
