import { assertEquals, assertRejects } from "@std/assert";
import { KernelError } from "../../lib/base/errors.ts";
import { Conntrack } from "../../lib/kernel/conntrack.ts";
import { ToolRunner } from "../../lib/kernel/exec.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { TestNamespace } from "./namespace.ts";

const signal = (): AbortSignal => AbortSignal.timeout(30_000);

/** Connections of `clients` to two virtual IPs, which two endpoints answer in turn. */
async function track(namespace: TestNamespace, clients: number): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < clients; i++) {
    const client = `10.1.${i >> 8}.${i & 255}`;
    const endpoint = `10.244.0.${(i % 2) + 1}`;
    for (const [vip, port] of [["10.96.0.1", 1001], ["10.96.0.2", 1002]]) {
      lines.push(
        `-A -t 300 -s ${client} -d ${vip} -r ${endpoint} -q ${client} ` +
          `-p udp --sport ${port} --dport 53 --reply-port-src 53 --reply-port-dst ${port}`,
      );
    }
  }
  lines.push(
    "-A -t 300 -s 2001:db8::1 -d 2001:db8:96::1 -r 2001:db8:244::1 -q 2001:db8::1 " +
      "-p tcp --sport 1000 --dport 80 --reply-port-src 8080 --reply-port-dst 1000 --state ESTABLISHED",
    "-A -t 300 -s 10.1.0.1 -d 10.9.0.1 -r 10.9.0.1 -q 10.1.0.1 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 7",
  );
  await namespace.run("conntrack", ["-R", "-"], lines.join("\n") + "\n");
}

Deno.test("conntrack: both families and protocols without ports are listed", async () => {
  await using namespace = await TestNamespace.create();
  await track(namespace, 1);
  const flows = await new Conntrack(namespace.runner()).list(signal());
  assertEquals(
    flows.map(({ family, protocol, original, reply }) => [
      family,
      protocol,
      original.destination,
      original.destinationPort,
      reply.source,
      reply.sourcePort,
    ]).sort((a, b) => String(a).localeCompare(String(b))),
    [
      [4, 1, "10.9.0.1", 0, "10.9.0.1", 0],
      [4, 17, "10.96.0.1", 53, "10.244.0.1", 53],
      [4, 17, "10.96.0.2", 53, "10.244.0.1", 53],
      [6, 6, "2001:db8:96::1", 80, "2001:db8:244::1", 8080],
    ],
  );
});

Deno.test("conntrack: what a filter means is forgotten, and nothing else, in two processes", async () => {
  await using namespace = await TestNamespace.create();
  await track(namespace, 300);
  const calls: string[] = [];
  const conntrack = new Conntrack(
    namespace.runner({ observer: { called: ({ tool }) => calls.push(tool) } }),
  );
  const deleted = await conntrack.delete([
    {
      protocol: 17,
      destination: parseIp("10.96.0.1"),
      replySource: parseIp("10.244.0.2"),
    },
    { destination: parseIp("2001:db8:96::1") },
    { protocol: 1, destination: parseIp("10.9.0.1") },
    { destination: parseIp("192.0.2.1") },
  ], signal());
  assertEquals(deleted, 152);
  assertEquals(calls.length, 2);
  const left = await conntrack.list(signal());
  assertEquals(left.length, 602 - 152);
  assertEquals(
    left.filter(({ original, reply }) =>
      original.destination === "10.96.0.1" && reply.source === "10.244.0.2"
    ).length,
    0,
  );
});

Deno.test("conntrack: single connections are forgotten by a judge", async () => {
  await using namespace = await TestNamespace.create();
  await track(namespace, 20);
  const conntrack = new Conntrack(namespace.runner());
  const judged = ["10.1.0.3", "10.1.0.4", "2001:db8::1"];
  const deleted = await conntrack.deleteWhere(
    ({ original }) => judged.includes(original.source),
    signal(),
  );
  assertEquals(deleted, 5);
  const left = await conntrack.list(signal());
  assertEquals(left.length, 42 - 5);
  assertEquals(
    left.some(({ original }) => judged.includes(original.source)),
    false,
  );
});

Deno.test("conntrack: nothing to forget is one process", async () => {
  await using namespace = await TestNamespace.create();
  let calls = 0;
  const conntrack = new Conntrack(
    namespace.runner({ observer: { called: () => calls++ } }),
  );
  assertEquals(await conntrack.delete([], signal()), 0);
  assertEquals(calls, 0);
  assertEquals(
    await conntrack.delete([{ destination: parseIp("10.0.0.1") }], signal()),
    0,
  );
  assertEquals(calls, 1);
});

Deno.test("conntrack: without the capability it says so", async () => {
  const runner = new ToolRunner({
    prefix: ["setpriv", "--reuid", "65534", "--clear-groups"],
  });
  const error = await assertRejects(
    () => new Conntrack(runner).list(signal()),
    KernelError,
  );
  assertEquals(error.code, "permission.denied");
});
