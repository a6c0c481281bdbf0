/**
 * Services in a kernel that has ip_vs: who reaches what, by which endpoint, seen
 * with which source address. Runs in the lab's machine.
 */

import { assertEquals } from "@std/assert";
import { TABLE_LOCAL, TABLE_MAIN } from "../../lib/dataplane/ip.ts";
import { IpTarget } from "../../lib/kernel/ip.ts";
import { IpvsTarget } from "../../lib/kernel/ipvs.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { SysctlTarget } from "../../lib/kernel/sysctl.ts";
import type { ServiceUpdates } from "../../lib/ipvs/service_compiler.ts";
import { type Probe, probeAll } from "../lab/probe/probe.ts";
import {
  clusterOf,
  NODES,
  type Raw,
  service,
  serviceSettings,
  slice,
} from "./objects.ts";
import { assertProgrammed, compileNode, program } from "./programmed.ts";
import { type Place, TwoNodes, WILDCARD_PORT } from "./two_nodes.ts";

const DEADLINE_MS = 120_000;

const BOTH = [
  { name: "t", port: 80, protocol: "TCP" },
  { name: "u", port: 80, protocol: "UDP" },
];
const SERVED = [
  { name: "t", port: 8080, protocol: "TCP" },
  { name: "u", port: 8080, protocol: "UDP" },
];
const web = (name: string, vips: readonly string[], spec: Raw = {}): Raw =>
  service(name, vips, { spec: { ports: BOTH, ...spec } });
const at = (name: string, endpoints: readonly string[]): Raw =>
  slice(name, name.replace(/-6$/, ""), endpoints, { ports: SERVED });

const CLUSTER = clusterOf(
  ...NODES,
  web("spread", ["10.96.0.1", "fd96::1"]),
  at("spread", ["10.244.1.2@a", "10.244.1.3@a", "10.244.2.2@b"]),
  at("spread-6", ["fd44:1::2@a", "fd44:1::3@a", "fd44:2::2@b"]),
  web("one", ["10.96.0.2", "fd96::2"]),
  at("one", ["10.244.1.2@a"]),
  at("one-6", ["fd44:1::2@a"]),
  web("empty", ["10.96.0.3", "fd96::3"]),
  web("hosts", ["10.96.0.4"]),
  at("hosts", ["10.0.0.1@a", "10.0.0.2@b"]),
  web("outside", ["10.96.0.5"], {
    externalIPs: ["192.0.2.1"],
    type: "NodePort",
    ports: BOTH.map((port, i) => ({ ...port, nodePort: 30080 + i })),
  }),
  at("outside", ["10.244.2.2@b"]),
  web("local", ["10.96.0.6"], {
    externalIPs: ["192.0.2.2"],
    externalTrafficPolicy: "Local",
  }),
  at("local", ["10.244.1.3@a", "10.244.2.2@b"]),
  web("abroad", ["10.96.0.7"]),
  at("abroad", ["192.168.9.9"]),
);

const POD = "10.244.1.2";
const POD6 = "fd44:1::2";
const NODE = "10.0.0.1";
const NODE6 = "fd10::1";
const CLIENT = "192.168.9.9";
const CLIENT6 = "fd09::9";
const REFUSED = ["refused"];

/** Who connects to what: every `endpoint source` pair that shows up. */
const CASES: readonly (readonly [
  Place,
  string,
  number,
  readonly string[],
])[] = [
  // Spread over all endpoints; the source kept where the reply comes back here.
  ["p12", "10.96.0.1", 80, [`p12 ${NODE}`, `p13 ${POD}`, `p22 ${POD}`]],
  ["a", "10.96.0.1", 80, [`p12 ${NODE}`, `p13 ${NODE}`, `p22 ${NODE}`]],
  ["c", "10.96.0.1", 80, [`p12 ${CLIENT}`, `p13 ${CLIENT}`, `p22 ${NODE}`]],
  ["p12", "fd96::1", 80, [`p12 ${NODE6}`, `p13 ${POD6}`, `p22 ${POD6}`]],
  ["a", "fd96::1", 80, [`p12 ${NODE6}`, `p13 ${NODE6}`, `p22 ${NODE6}`]],
  ["c", "fd96::1", 80, [`p12 ${CLIENT6}`, `p13 ${CLIENT6}`, `p22 ${NODE6}`]],
  // A pod that reaches itself, and one on the same bridge.
  ["p12", "10.96.0.2", 80, [`p12 ${NODE}`]],
  ["p13", "10.96.0.2", 80, ["p12 10.244.1.3"]],
  ["p12", "fd96::2", 80, [`p12 ${NODE6}`]],
  ["p13", "fd96::2", 80, ["p12 fd44:1::3"]],
  // No endpoints, no such port, no such address: refused at once.
  ["p12", "10.96.0.3", 80, REFUSED],
  ["c", "10.96.0.3", 80, REFUSED],
  ["c", "fd96::3", 80, REFUSED],
  // Node a listens everywhere on this port, but not for them.
  ["p12", "10.96.0.1", WILDCARD_PORT, REFUSED],
  ["a", "10.96.0.1", WILDCARD_PORT, REFUSED],
  ["c", "10.96.0.1", WILDCARD_PORT, REFUSED],
  ["c", "192.0.2.1", WILDCARD_PORT, REFUSED],
  ["p12", "10.99.9.9", WILDCARD_PORT, REFUSED],
  ["c", "fd96::99", WILDCARD_PORT, REFUSED],
  // Endpoints on the host network, here and there.
  ["p12", "10.96.0.4", 80, [`a ${POD}`, `b ${POD}`]],
  ["a", "10.96.0.4", 80, [`a ${NODE}`, `b ${NODE}`]],
  ["c", "10.96.0.4", 80, [`a ${CLIENT}`, `b ${NODE}`]],
  // An external address, and one with policy Local.
  ["p12", "192.0.2.1", 80, [`p22 ${POD}`]],
  ["a", "192.0.2.1", 80, [`p22 ${NODE}`]],
  ["c", "192.0.2.1", 80, [`p22 ${NODE}`]],
  ["c", "192.0.2.2", 80, [`p13 ${CLIENT}`]],
  ["p12", "192.0.2.2", 80, [`p13 ${POD}`]],
  // The node itself stays reachable.
  ["p12", NODE, 8080, [`a ${POD}`]],
  ["c", NODE, 8080, [`a ${CLIENT}`]],
  ["b", NODE, 8080, ["a 10.0.0.2"]],
  // An endpoint outside of the cluster.
  ["p12", "10.96.0.7", 80, [`c ${NODE}`]],
  ["a", "10.96.0.7", 80, [`c ${NODE}`]],
  // Pods keep their address towards pods and nodes, and lose it outside.
  ["p12", "10.244.2.2", 8080, [`p22 ${POD}`]],
  ["p12", "10.0.0.2", 8080, [`b ${POD}`]],
  ["p12", CLIENT, 8080, [`c ${NODE}`]],
  ["p12", "fd44:2::2", 8080, [`p22 ${POD6}`]],
  ["p12", CLIENT6, 8080, [`c ${NODE6}`]],
  ["c", POD, 8080, [`p12 ${CLIENT}`]],
];

/** Node ports have one number for each protocol. */
const NODE_PORTS: readonly (readonly [Place, readonly string[]])[] = [
  ["p12", [`p22 ${POD}`]],
  ["a", [`p22 ${NODE}`]],
  ["b", [`p22 ${NODE}`]],
  ["c", [`p22 ${NODE}`]],
];

Deno.test("ipvs: who reaches what, seen with which address", async () => {
  await loadModules();
  await using topology = await TwoNodes.raise();
  await programNode(topology);
  const asked: {
    readonly name: string;
    readonly expected: readonly string[];
  }[] = [];
  const probes: Probe[] = [];
  const ask = (
    place: Place,
    protocol: "TCP" | "UDP",
    address: string,
    port: number,
    expected: readonly string[],
  ): void => {
    // Round robin over at most three endpoints, with room for a lost turn.
    for (let turn = 0; turn < 9; turn++) {
      asked.push({ name: `${place} ${protocol} ${address} ${port}`, expected });
      const namespace = topology.at(place).name;
      probes.push({ namespace, protocol, address, port });
    }
  };
  for (const protocol of ["TCP", "UDP"] as const) {
    for (const [place, address, port, expected] of CASES) {
      ask(place, protocol, address, port, expected);
    }
  }
  // A process of the node learns of a UDP service without endpoints at its first send.
  ask("a", "TCP", "10.96.0.3", 80, REFUSED);
  ask("a", "UDP", "10.96.0.3", 80, ["prohibited"]);
  for (const [place, expected] of NODE_PORTS) {
    ask(place, "TCP", NODE, 30080, expected);
    ask(place, "UDP", NODE, 30081, expected);
  }
  const answers = await probeAll(probes, {
    timeoutMs: 10_000,
    concurrency: 64,
  });
  const seen = new Map<string, Set<string>>();
  answers.forEach(({ outcome, by, source }, index) => {
    const name = asked[index]?.name ?? "";
    const set = seen.get(name) ?? new Set();
    seen.set(
      name,
      set.add(outcome === "answered" ? `${by} ${source}` : outcome),
    );
  });
  const lines = (
    entries: Iterable<readonly [string, Iterable<string>]>,
  ): string[] =>
    [...entries].map(([name, set]) => `${name}: ${[...set].sort().join(", ")}`);
  assertEquals(
    lines(seen),
    lines(new Map(asked.map(({ name, expected }) => [name, expected]))),
  );
});

async function programNode(topology: TwoNodes): Promise<void> {
  const updates: ServiceUpdates = compileNode(
    CLUSTER,
    serviceSettings({
      virtualIps: { ...serviceSettings().virtualIps, strict: false },
    }),
  );
  const runner = topology.at("a").runner({ deadlineMs: DEADLINE_MS });
  const names = updates.sysctl.flatMap(({ entries }) =>
    entries.map(({ key }) => key)
  );
  const sysctl = new SysctlTarget(runner, () => names);
  const ip = new IpTarget(runner, {
    tables: [TABLE_MAIN, TABLE_LOCAL],
    rulePriorities: [20000, 20099],
  });
  const nft = new NftTarget(runner);
  const ipvs = new IpvsTarget(runner);
  await program(sysctl, updates.sysctl);
  await program(ip, updates.ip);
  await program(nft, updates.nft);
  await program(ipvs, updates.ipvs);
  await assertProgrammed(sysctl, updates.sysctl);
  await assertProgrammed(ip, updates.ip);
  await assertProgrammed(nft, updates.nft);
  await assertProgrammed(ipvs, updates.ipvs);
}

async function loadModules(): Promise<void> {
  const { code, stderr } = await new Deno.Command("modprobe", {
    args: ["-a", "ip_vs", "ip_vs_rr", "br_netfilter", "dummy"],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}
