/**
 * The lab's pure parts: archives, plans, what BIRD says, what changed.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { differences } from "./demo/snapshot.ts";
import { mayReach } from "./online_boutique.ts";
import { LabError } from "./system/error.ts";
import { capture } from "./system/process.ts";
import { parseRoutes, renderBird } from "./topology/bird.ts";
import { planLab } from "./topology/plan.ts";
import { encodeCpio, moduleClosure } from "./vm/initramfs.ts";
import { quote } from "./vm/machine.ts";

Deno.test("an archive is what cpio reads", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeFile(
    file,
    encodeCpio([
      { path: "bin" },
      { path: "bin/odd", content: new TextEncoder().encode("12345") },
      { path: "empty", content: new Uint8Array() },
    ]),
  );
  const listed = await capture("busybox", ["sh", "-c", `cpio -t <${file}`]);
  assertEquals(listed, "bin\nbin/odd\nempty\n");
  await Deno.remove(file);
});

Deno.test("modules are loaded after what they need, each once", () => {
  const dependencies = `kernel/a.ko: kernel/b.ko kernel/c.ko
kernel/b.ko: kernel/c.ko
kernel/c.ko:
kernel/d.ko.xz: kernel/c.ko
`;
  assertEquals(moduleClosure(dependencies, ["a", "d"]), [
    "kernel/c.ko",
    "kernel/b.ko",
    "kernel/a.ko",
    "kernel/d.ko.xz",
  ]);
  assertThrows(() => moduleClosure(dependencies, ["e"]), LabError, "module e");
});

Deno.test("a word survives the shell", async () => {
  const word = `a 'b' "c" $d \\ \n e`;
  const said = await capture("sh", ["-c", `printf %s ${quote(word)}`]);
  assertEquals(said, word);
});

Deno.test("no two things of a plan share an address, on any links", () => {
  for (const links of ["shared", "point-to-point"] as const) {
    const plan = planLab({ nodes: 20, links });
    const all = [plan.router, plan.client, ...plan.nodes]
      .flatMap(({ addresses }) => addresses.map(({ address }) => address));
    assertEquals(new Set(all).size, all.length);
    assertEquals(all.length, 22 * 2);
    const ranges = plan.nodes.flatMap(({ podCidrs }) => podCidrs);
    assertEquals(new Set(ranges).size, 40);
    const gateways = new Set(
      plan.nodes.flatMap((node) => node.gateways.map((g) => g.address)),
    );
    assertEquals(gateways.size, links === "shared" ? 2 : 40);
    assert(all.every((address) => !gateways.has(address)));
  }
});

Deno.test("BIRD's configuration has a session for each node and family", async () => {
  const file = await Deno.makeTempFile();
  const text = renderBird(planLab({ nodes: 3 }), "/dev/null");
  await Deno.writeTextFile(file, text);
  await capture("bird", ["-p", "-c", file]);
  assertEquals(text.match(/^protocol bgp \w+ from node/gm)?.length, 6);
  await Deno.remove(file);
});

Deno.test("BIRD's routes: several ways to one prefix, several next hops of one way", () => {
  assertEquals(
    parseRoutes(`Table master4:
10.42.1.0/24         unicast [node1_v4 12:00:00.000] * (100) [AS64512i]
	via 172.30.0.11 on nodes
                     unicast [node1_v6 12:00:00.000 from fd30::11] (100) [AS64512i]
	via 172.30.0.11 on nodes
	via 172.30.0.12 on nodes weight 2

Table master6:
fd31::/64            unicast [direct1 12:00:00.000] * (240)
	dev client`),
    [
      {
        prefix: "10.42.1.0/24",
        protocol: "node1_v4",
        primary: true,
        nextHops: ["172.30.0.11"],
      },
      {
        prefix: "10.42.1.0/24",
        protocol: "node1_v6",
        primary: false,
        nextHops: ["172.30.0.11", "172.30.0.12"],
      },
      {
        prefix: "fd31::/64",
        protocol: "direct1",
        primary: true,
        nextHops: [],
      },
    ],
  );
});

Deno.test("a snapshot's differences: what went, what came, and not what a module brought", () => {
  assertEquals(
    differences(
      ["ip: link a", "net.a = 1", "net.b = 1"],
      ["ip: link b", "net.a = 2", "net.b = 1", "net.new = 3"],
    ),
    ["- ip: link a", "- net.a = 1", "+ ip: link b", "+ net.a = 2"],
  );
});

Deno.test("Online Boutique: who may reach what", () => {
  assertEquals(mayReach("client", "frontend"), true);
  assertEquals(mayReach("client", "cartservice"), false);
  assertEquals(mayReach("cartservice", "redis-cart"), true);
  assertEquals(mayReach("redis-cart", "redis-cart"), undefined);
});
