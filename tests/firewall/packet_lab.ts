/**
 * The cast's node n1 in network namespaces: its pods on a bridge, everybody else
 * behind a route, and the real nft table in between.
 */

import { assertEquals } from "@std/assert";
import type { Op } from "../../lib/base/target.ts";
import type { NftValue } from "../../lib/dataplane/nft.ts";
import { nftOrder } from "../../lib/dataplane/render_nft.ts";
import { ToolRunner } from "../../lib/kernel/exec.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { EchoServer } from "../lab/probe/server.ts";
import {
  addNamespaces,
  deleteNamespaces,
  ipBatch,
  setSysctl,
} from "../lab/topology/namespaces.ts";

/** Who is on n1's bridge, by the last number of their addresses. */
const BRIDGED: Readonly<Record<string, number>> = {
  "x/a": 10,
  "x/b": 11,
  "x/c": 12,
  "y/a": 13,
  unknown: 200,
};

/** Who is reached over a route. */
const ROUTED: Readonly<Record<string, readonly [string, string]>> = {
  "y/b": ["10.2.0.14", "fd00:2::14"],
  "z/a": ["10.2.0.16", "fd00:2::16"],
  "z/b": ["10.2.0.17", "fd00:2::17"],
  outside: ["198.51.100.7", "2001:db8::7"],
  n2: ["192.0.2.2", "fd00:ffff::2"],
};

/** Ports that everybody serves; a closed port answers too, with a refusal. */
const SERVED = [
  { protocol: "TCP", port: 80 },
  { protocol: "UDP", port: 53 },
] as const;

let sequence = 0;

/** The namespaces of one test. */
export class PacketLab implements AsyncDisposable {
  readonly #prefix = `fwt-${Deno.pid}-${sequence++}`;
  readonly #byAddress = new Map<string, string>();
  readonly #servers: EchoServer[] = [];
  #loaded = new Map<string, NftValue>();

  private constructor() {}

  static async create(): Promise<PacketLab> {
    const lab = new PacketLab();
    try {
      await lab.#build();
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** The node's namespace. */
  get node(): string {
    return `${this.#prefix}-n1`;
  }

  /** The namespace that has an address, or undefined when it is not built. */
  namespaceOf(address: string): string | undefined {
    return this.#byAddress.get(address);
  }

  /** The driver of the node's tables. */
  target(): NftTarget {
    return new NftTarget(
      new ToolRunner({ prefix: ["ip", "netns", "exec", this.node] }),
    );
  }

  /** Makes the kernel's table what is wanted, in one transaction, and reads back that it is. */
  async load(wanted: ReadonlyMap<string, NftValue>): Promise<void> {
    const target = this.target();
    const { signal } = new AbortController();
    const ops = differences(this.#loaded, wanted, target);
    const { refusals } = await target.apply(ops, signal);
    assertEquals(refusals.map(({ error }) => error.stderr), []);
    this.#loaded = new Map(wanted);
    const observed = await target.read(signal);
    assertEquals(differences(observed, wanted, target), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    const names = [...this.#names().values(), this.node];
    const existing = [...Deno.readDirSync("/run/netns")].map(({ name }) =>
      name
    );
    await deleteNamespaces(names.filter((name) => existing.includes(name)));
  }

  /** Namespaces by who lives there; the node has its own. */
  #names(): Map<string, string> {
    const who = [...Object.keys(BRIDGED), ...Object.keys(ROUTED)];
    return new Map(
      who.map((name) => [name, `${this.#prefix}-${name.replace("/", "")}`]),
    );
  }

  async #build(): Promise<void> {
    const names = this.#names();
    await addNamespaces([this.node, ...names.values()]);
    for (
      const [key, value] of [
        ["net.ipv4.ip_forward", "1"],
        ["net.ipv6.conf.all.forwarding", "1"],
        // Two pods of one bridge meet the ip hooks by this alone.
        ["net.bridge.bridge-nf-call-iptables", "1"],
        ["net.bridge.bridge-nf-call-ip6tables", "1"],
      ] as const
    ) setSysctl(this.node, key, value);
    await ipBatch(this.node, [
      "link add br0 type bridge",
      "addr add 10.1.0.1/24 dev br0",
      "addr add fd00:1::1/64 dev br0 nodad",
      "addr add 192.0.2.1/32 dev lo",
      "addr add fd00:ffff::1/128 dev lo nodad",
      "link set br0 up",
    ]);
    this.#place(this.node, ["192.0.2.1", "fd00:ffff::1", "10.1.0.1"]);
    let index = 0;
    for (const [who, namespace] of names) {
      // A closed UDP port says so each time, and not once a second.
      setSysctl(namespace, "net.ipv4.icmp_ratelimit", "0");
      setSysctl(namespace, "net.ipv6.icmp.ratelimit", "0");
      await ipBatch(this.node, [
        `link add v${index} type veth peer name eth0 netns ${namespace}`,
      ]);
      const host = BRIDGED[who];
      await (host === undefined
        ? this.#route(`v${index}`, namespace, ROUTED[who] ?? ["", ""])
        : this.#bridge(`v${index}`, namespace, host));
      index++;
    }
    setSysctl(this.node, "net.ipv4.icmp_ratelimit", "0");
    setSysctl(this.node, "net.ipv6.icmp.ratelimit", "0");
    for (const namespace of [this.node, ...names.values()]) {
      const addresses = [...this.#byAddress].filter(([, at]) =>
        at === namespace
      );
      this.#servers.push(
        new EchoServer({
          namespace,
          name: namespace,
          addresses: addresses.map(([address]) => address),
          ports: SERVED,
        }),
      );
    }
  }

  async #bridge(link: string, namespace: string, host: number): Promise<void> {
    const addresses = [`10.1.0.${host}`, `fd00:1::${host}`] as const;
    await ipBatch(this.node, [
      `link set ${link} master br0`,
      `link set ${link} up`,
    ]);
    await ipBatch(namespace, [
      "link set eth0 up",
      `addr add ${addresses[0]}/24 dev eth0`,
      `addr add ${addresses[1]}/64 dev eth0 nodad`,
      "route add default via 10.1.0.1",
      "route add ::/0 via fd00:1::1",
    ]);
    this.#place(namespace, addresses);
  }

  async #route(
    link: string,
    namespace: string,
    addresses: readonly [string, string],
  ): Promise<void> {
    await ipBatch(this.node, [
      `link set ${link} up`,
      `addr add 169.254.0.1/32 dev ${link}`,
      `addr add fe80::1/64 dev ${link} nodad`,
      `route add ${addresses[0]}/32 dev ${link}`,
      `route add ${addresses[1]}/128 dev ${link}`,
    ]);
    await ipBatch(namespace, [
      "link set eth0 up",
      `addr add ${addresses[0]}/32 dev eth0`,
      `addr add ${addresses[1]}/128 dev eth0 nodad`,
      "route add 169.254.0.1 dev eth0",
      "route add default via 169.254.0.1",
      "route add ::/0 via fe80::1 dev eth0",
    ]);
    this.#place(namespace, addresses);
  }

  #place(namespace: string, addresses: readonly string[]): void {
    for (const address of addresses) this.#byAddress.set(address, namespace);
  }
}

/** One batch from a state to another, in the order that the driver asks for. */
export function differences(
  from: ReadonlyMap<string, NftValue>,
  to: ReadonlyMap<string, NftValue>,
  target: NftTarget,
): Op<NftValue>[] {
  const made: Op<NftValue>[] = [];
  const gone: Op<NftValue>[] = [];
  for (const [key, value] of to) {
    const previous = from.get(key);
    if (previous === undefined) made.push({ kind: "add", key, value });
    else if (!target.equal(value, previous)) {
      made.push({ kind: "change", key, value, previous });
    }
  }
  for (const [key, previous] of from) {
    if (!to.has(key)) gone.push({ kind: "remove", key, previous });
  }
  const byOrder = (a: Op<NftValue>, b: Op<NftValue>): number =>
    nftOrder(a.key) - nftOrder(b.key);
  return [...made.sort(byOrder), ...gone.sort(byOrder).reverse()];
}
