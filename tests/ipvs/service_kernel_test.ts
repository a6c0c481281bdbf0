/**
 * What the service and egress compilers say, to this host's kernel: nft and ip
 * take it and give it back, and addresses behave. IPVS itself is in
 * `ipvs_vm_test.ts`.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { TABLE_LOCAL, TABLE_MAIN } from "../../lib/dataplane/ip.ts";
import { LINK_TYPES } from "../../lib/dataplane/render_ip.ts";
import { IpTarget } from "../../lib/kernel/ip.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { TestNamespace } from "../kernel/namespace.ts";
import { probeAll } from "../lab/probe/probe.ts";
import { EchoServer } from "../lab/probe/server.ts";
import {
  clusterOf,
  NODES,
  service,
  serviceSettings,
  slice,
} from "./objects.ts";
import { assertProgrammed, compileNode, program } from "./programmed.ts";

const SETTINGS = serviceSettings({
  virtualIps: { ...serviceSettings().virtualIps, strict: false },
});
const CLUSTER = clusterOf(
  ...NODES,
  service("web", ["10.96.0.1", "fd96::1"], {
    spec: { externalIPs: ["192.0.2.1", "2001:db8::1", "10.0.0.1"] },
  }),
  slice("s4", "web", ["10.244.1.2@a", "10.244.2.2@b"]),
  slice("s6", "web", ["fd44:1::2@a"]),
);

async function nodeA(): Promise<{
  readonly namespace: TestNamespace;
  readonly ip: IpTarget;
  readonly nft: NftTarget;
}> {
  const namespace = await TestNamespace.create();
  await namespace.run(
    "ip",
    ["-batch", "-"],
    `
link add name eth0 type veth peer name far0
link set dev eth0 up
link set dev far0 up
address add 10.0.0.1/24 dev eth0
address add fd10::1/64 dev eth0 nodad
`,
  );
  return {
    namespace,
    ip: new IpTarget(namespace.runner(), {
      tables: [TABLE_MAIN, TABLE_LOCAL],
      rulePriorities: [20000, 20099],
      // A kernel without `dummy` has at least bridges.
      linkTypes: { ...LINK_TYPES, dummy: "bridge" },
    }),
    nft: new NftTarget(namespace.runner()),
  };
}

Deno.test("kernel: nft and ip take the compiled node and give it back", async () => {
  const { namespace, ip, nft } = await nodeA();
  await using _ = namespace;
  const updates = compileNode(CLUSTER, SETTINGS);
  await program(ip, updates.ip);
  await program(nft, updates.nft);
  await assertProgrammed(ip, updates.ip);
  await assertProgrammed(nft, updates.nft);
});

Deno.test("kernel: virtual IPs are local, the node's own connections leave with its address", async () => {
  const { namespace, ip } = await nodeA();
  await using _ = namespace;
  await program(ip, compileNode(CLUSTER, SETTINGS).ip);
  for (
    const [vip, source] of [
      ["10.96.0.1", "10.0.0.1"],
      ["10.111.255.254", "10.0.0.1"],
      ["192.0.2.1", "10.0.0.1"],
      ["fd96::1", "fd10::1"],
      ["fd96::ffff", "fd10::1"],
      ["2001:db8::1", "fd10::1"],
    ] as const
  ) {
    const route = await namespace.run("ip", ["route", "get", vip]);
    assertMatch(route, new RegExp(`^local ${vip}.* src ${source}\\b`));
  }
  // No address of all these is assigned to anything.
  assertEquals(
    await namespace.run("ip", [
      "-4",
      "address",
      "show",
      "dev",
      "kube-dummy-if",
    ]),
    "",
  );
});

Deno.test("kernel: what IPVS does not serve is refused, and the node itself never", async () => {
  const { namespace, ip, nft } = await nodeA();
  await using _ = namespace;
  const updates = compileNode(CLUSTER, SETTINGS);
  await program(ip, updates.ip);
  await program(nft, updates.nft);
  // A process that listens everywhere must not be reached through a virtual IP.
  await using _server = listenEverywhere(namespace.name);
  const targets = [
    ["10.96.0.1", "refused"],
    ["10.99.9.9", "refused"],
    ["192.0.2.1", "refused"],
    ["fd96::1", "refused"],
    ["2001:db8::1", "refused"],
    ["10.0.0.1", "answered"],
    ["fd10::1", "answered"],
  ] as const;
  const answers = await probeAll(
    targets.flatMap(([address]) =>
      (["TCP", "UDP"] as const).map((protocol) => ({
        namespace: namespace.name,
        protocol,
        address,
        port: 9090,
      }))
    ),
  );
  assertEquals(
    answers.map(({ outcome }) => outcome),
    targets.flatMap(([, outcome]) => [outcome, outcome]),
  );
  const ping = await namespace.run("ping", ["-c1", "-W2", "10.96.0.1"]);
  assert(ping.includes("1 received"), ping);
});

function listenEverywhere(namespace: string): AsyncDisposable {
  return new EchoServer({
    namespace,
    name: "node",
    addresses: ["::"],
    ports: [{ protocol: "TCP", port: 9090 }, { protocol: "UDP", port: 9090 }],
  });
}
