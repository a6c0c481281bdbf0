/** The compiled form in the kernel, asked with packets. */

import { assert, assertEquals } from "@std/assert";
import { evaluate, type Flow } from "../../lib/firewall/evaluator.ts";
import { compileClosed } from "../../lib/firewall/base.ts";
import { FirewallModel } from "../../lib/firewall/model_eval.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { type Outcome, type Probe, probeAll } from "../lab/probe/probe.ts";
import { inNamespace } from "../lab/system/namespace.ts";
import { capture, run } from "../lab/system/process.ts";
import { type Case, parseFlows } from "./case.ts";
import { CASES } from "./cases.ts";
import { Desired } from "./cluster.ts";
import { PacketLab } from "./packet_lab.ts";
import { carryOut, castStore, flowsOf, NodeFirewall } from "./play.ts";

/** Longer than any answer takes here, a busy machine's too; only drops wait for it. */
const TIMEOUT_MS = 500;

interface Question {
  readonly text: string;
  readonly probe: Probe;
  readonly expected: boolean;
}

/** Whether a packet came through: a refusal of the other end is an answer too. */
function passed(outcome: Outcome): boolean {
  return outcome === "answered" || outcome === "refused";
}

/** The probe of a flow and what n1's model says of it; undefined when n1 does not see it or the lab has not got it. */
function questionOf(
  lab: PacketLab,
  store: ClusterStore,
  model: FirewallModel,
  flow: Flow,
): Omit<Question, "text"> | undefined {
  const { from, to } = evaluate(store, flow);
  const { protocol, port, family = 4 } = flow;
  const namespace = lab.namespaceOf(from);
  if (
    (protocol !== "TCP" && protocol !== "UDP") || namespace === undefined ||
    lab.namespaceOf(to) === undefined || namespace === lab.namespaceOf(to)
  ) return undefined;
  const sourceIsLocal = namespace === lab.node;
  const destinationIsLocal = lab.namespaceOf(to) === lab.node;
  const { accepted } = model.judge({
    hook: sourceIsLocal ? "output" : destinationIsLocal ? "input" : "forward",
    sourceIsLocal,
    destinationIsLocal,
    family,
    source: from,
    destination: to,
    protocol: protocol.toLowerCase(),
    port,
  });
  return {
    probe: { namespace, protocol, address: to, port },
    expected: accepted,
  };
}

async function ask(
  lab: PacketLab,
  questions: readonly Question[],
): Promise<void> {
  // What an earlier step allowed must not count as established now.
  await capture("conntrack", ["-F"], { namespace: lab.node });
  const answers = await probeAll(questions.map(({ probe }) => probe), {
    timeoutMs: TIMEOUT_MS,
  });
  const seen = questions.map(({ text }, i) =>
    `${text}: ${answers[i]?.outcome ?? "nothing"}`
  );
  const wanted = questions.map(({ text, expected }, i) => {
    const outcome = answers[i]?.outcome ?? "timeout";
    const right = expected ? passed(outcome) : outcome === "timeout";
    return `${text}: ${right ? outcome : expected ? "passes" : "timeout"}`;
  });
  assertEquals(seen, wanted);
}

/** Plays a case and asks its questions at each step. */
async function playCase(lab: PacketLab, { steps }: Case): Promise<Question[]> {
  const store = castStore();
  const firewall = new NodeFirewall(store, "n1");
  const asked: Question[] = [];
  for (const step of steps) {
    carryOut(store, step);
    firewall.settle();
    const values = firewall.desired.values();
    await lab.load(values);
    const model = new FirewallModel(values.values());
    const questions = parseFlows(step.flows).flatMap((line) =>
      flowsOf(line).flatMap((flow): Question[] => {
        const question = questionOf(lab, store, model, flow);
        const text = `IPv${flow.family} ${line.text}`;
        return question === undefined ? [] : [{ text, ...question }];
      })
    );
    await ask(lab, questions);
    asked.push(...questions);
  }
  return asked;
}

/** Most of a case is waiting for what does not come, so several labs wait at once. */
const LABS = 4;

Deno.test("firewall packets: the kernel does what the cases say", async () => {
  const asked: Question[] = [];
  await Promise.all(
    Array.from({ length: LABS }, async (_, shard) => {
      await using lab = await PacketLab.create();
      for (const [i, each] of CASES.entries()) {
        if (i % LABS !== shard) continue;
        try {
          asked.push(...await playCase(lab, each));
        } catch (cause) {
          throw new Error(`case ${each.name}`, { cause });
        }
      }
    }),
  );
  const blocked = asked.filter(({ expected }) => !expected).length;
  assert(
    asked.length > 250 && blocked > 100,
    `${asked.length} asked, ${blocked} blocked`,
  );
});

/** A lab and a firewall with these policies loaded. */
async function labWith(policies: string): Promise<PacketLab> {
  const lab = await PacketLab.create();
  try {
    const store = castStore();
    carryOut(store, { policies, flows: "" });
    await lab.load(new NodeFirewall(store, "n1").desired.values());
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** Asks whether connections from a pod pass. */
async function reach(
  lab: PacketLab,
  from: string,
  protocol: "TCP" | "UDP",
  targets: readonly (readonly [string, number])[],
): Promise<boolean[]> {
  const namespace = lab.namespaceOf(from);
  assert(namespace !== undefined);
  const answers = await probeAll(
    targets.map(([address, port]) => ({ namespace, protocol, address, port })),
    { timeoutMs: TIMEOUT_MS },
  );
  return answers.map(({ outcome }) => passed(outcome));
}

Deno.test("firewall packets: a service is judged on its real client and real pod", async () => {
  await using lab = await labWith(`
x/b: {podSelector: {matchLabels: {pod: b}}, ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}], ports: [{port: 80}]}]}
y/a: {podSelector: {matchLabels: {pod: a}}, egress: [{to: [{ipBlock: {cidr: 10.96.0.0/12}}]}]}
`);
  // As a service proxy does it: the address before the filter, the source after it.
  await capture("nft", ["-f", "-"], {
    namespace: lab.node,
    stdin: `table ip proxy {
      chain pre { type nat hook prerouting priority -100;
        ip daddr 10.96.0.1 tcp dport 8000 dnat to 10.1.0.11:80
        ip daddr 10.96.0.2 tcp dport 8000 dnat to 10.1.0.12:80
      }
      chain out { type nat hook output priority -100;
        ip daddr 10.96.0.1 tcp dport 8000 dnat to 10.1.0.11:80
      }
      chain post { type nat hook postrouting priority 100;
        ct status dnat ip saddr 10.1.0.0/24 masquerade
        ct status dnat ip saddr 192.0.2.0/24 masquerade
      }
    }\n`,
  });
  await capture("ip", [
    "-n",
    lab.node,
    "route",
    "add",
    "10.96.0.0/12",
    "dev",
    "br0",
  ]);
  const service = [["10.96.0.1", 8000]] as const;
  assertEquals(await reach(lab, "10.1.0.10", "TCP", service), [true]);
  assertEquals(await reach(lab, "10.1.0.12", "TCP", service), [false]);
  // The node reaches its own pods through a service too, another node does not.
  assertEquals(await reach(lab, "192.0.2.1", "TCP", service), [true]);
  assertEquals(await reach(lab, "192.0.2.2", "TCP", service), [false]);
  // A pod reaches its own service by a rule that lets it in, and by nothing else.
  assertEquals(await reach(lab, "10.1.0.11", "TCP", service), [false]);
  // Egress to the range of services opens nothing: the pod behind is not in it.
  const open = [["10.96.0.2", 8000]] as const;
  assertEquals(await reach(lab, "10.1.0.10", "TCP", open), [true]);
  assertEquals(await reach(lab, "10.1.0.13", "TCP", open), [false]);
});

Deno.test("firewall packets: ping and its errors", async () => {
  await using lab = await labWith(`
x/a: {podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}
x/b: {podSelector: {matchLabels: {pod: b}}, ingress: [{ports: [{protocol: TCP}, {protocol: UDP}]}]}
`);
  const ping = async (from: string, to: string): Promise<boolean> => {
    const namespace = lab.namespaceOf(from);
    assert(namespace !== undefined);
    const args = ["-n", "-c", "1", "-W", "1", to];
    return (await run("ping", args, { namespace })).code === 0;
  };
  const answers = await Promise.all([
    ping("10.1.0.11", "10.1.0.10"),
    ping("fd00:1::11", "fd00:1::10"),
    ping("10.1.0.12", "10.1.0.10"),
    ping("fd00:1::12", "fd00:1::10"),
    ping("10.1.0.12", "10.1.0.11"),
    ping("192.0.2.1", "10.1.0.11"),
  ]);
  assertEquals(answers, [true, true, false, false, false, true]);
  // A closed UDP port's ICMP error comes back although the client takes in nothing.
  assertEquals(await reach(lab, "10.1.0.10", "UDP", [["10.1.0.11", 9]]), [
    true,
  ]);
});

Deno.test("firewall packets: the closed table lets what is established go on, and nothing begin but from the node", async () => {
  await using lab = await PacketLab.create();
  // Connections are known to the kernel once anything on the node asks about them.
  await capture("nft", ["-f", "-"], {
    namespace: lab.node,
    stdin: `table inet other {
      chain c {
        type filter hook forward priority -1;
        ct state new counter
      }
    }\n`,
  });
  const client = inNamespace(
    lab.namespaceOf("10.1.0.10") ?? "",
    () =>
      Deno.listenDatagram({
        transport: "udp",
        hostname: "10.1.0.10",
        port: 4000,
      }),
  );
  try {
    const server = {
      transport: "udp",
      hostname: "10.2.0.16",
      port: 53,
    } as const;
    const talk = async (): Promise<string> => {
      await client.send(new Uint8Array([1]), server);
      const late = AbortSignal.timeout(5000);
      const [bytes] = await Promise.race([
        client.receive(),
        new Promise<never>((_, reject) =>
          late.addEventListener("abort", () => reject(late.reason))
        ),
      ]);
      return new TextDecoder().decode(bytes);
    };
    assert((await talk()).includes("10.1.0.10 4000"));
    const closed = new Desired();
    closed.take(
      compileClosed({
        families: [4, 6],
        podCidrs: [parsePrefix("10.1.0.0/24"), parsePrefix("fd00:1::/64")],
      }),
    );
    await lab.load(closed.values());
    assert((await talk()).includes("10.1.0.10 4000"));
    assertEquals(
      await reach(lab, "10.1.0.10", "UDP", [["10.2.0.16", 53], [
        "192.0.2.1",
        53,
      ]]),
      [false, false],
    );
    assertEquals(
      await reach(lab, "198.51.100.7", "TCP", [["10.1.0.10", 80], [
        "10.2.0.16",
        80,
      ]]),
      [false, true],
    );
    assertEquals(
      await reach(lab, "192.0.2.1", "TCP", [["10.1.0.10", 80], [
        "fd00:1::10",
        80,
      ]]),
      [true, true],
    );
    const counters = await lab.target().readCounters(
      new AbortController().signal,
    );
    assert((counters.get("unprogrammed")?.packets ?? 0) > 0);
    // The whole firewall takes its place without an interruption.
    await lab.load(new NodeFirewall(castStore(), "n1").desired.values());
    assert((await talk()).includes("10.1.0.10 4000"));
    assertEquals(await reach(lab, "10.1.0.10", "UDP", [["10.2.0.16", 53]]), [
      true,
    ]);
  } finally {
    client.close();
  }
});
