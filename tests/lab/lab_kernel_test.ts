/**
 * The lab by itself, on the host's kernel: BIRD stands in for the agents.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type AgentCommand, Lab, withLab } from "./lab.ts";
import { LabError } from "./system/error.ts";
import { inNamespace } from "./system/namespace.ts";
import { capture } from "./system/process.ts";
import { listNamespaces, listProcesses } from "./topology/namespaces.ts";
import type { NodePlan } from "./topology/plan.ts";
import { waitFor } from "./wait.ts";

const SHOP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          ports:
            - { name: http, containerPort: 8080 }
            - { name: dns, containerPort: 53, protocol: UDP }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports:
    - { name: http, port: 80, targetPort: http }
    - { name: dns, port: 53, protocol: UDP }
---
apiVersion: v1
kind: Pod
metadata: { name: agentless, labels: { app: host } }
spec:
  nodeName: node1
  hostNetwork: true
  containers: [{ name: c, ports: [{ containerPort: 9000 }] }]
`;

/** Announces a node's pod ranges and learns the other's, as an agent would. */
function routingAgent(node: NodePlan, lab: Lab): AgentCommand {
  const file = `${lab.directory}/${node.name}/bird.conf`;
  const sessions = node.gateways.map(({ address }, index) =>
    `protocol bgp up${index} {
  local as ${lab.plan.clusterAs};
  neighbor ${address} as ${lab.plan.routerAs};
  connect delay time 1;
  allow local as 1;
  ipv4 { import all; export where source = RTS_STATIC; };
  ipv6 { import all; export where source = RTS_STATIC; };
}
`
  );
  Deno.writeTextFileSync(
    file,
    `router id ${node.addresses[0]?.address};
protocol device {}
protocol kernel { ipv4 { export where source = RTS_BGP; }; }
protocol kernel { ipv6 { export where source = RTS_BGP; }; }
${
      node.podCidrs.map((cidr) =>
        `protocol static { ${
          cidr.includes(":") ? "ipv6" : "ipv4"
        }; route ${cidr} via "lo"; }\n`
      ).join("")
    }${sessions.join("")}`,
  );
  return {
    command: ["bird", "-f", "-c", file, "-s", `/run/fairway/bird.ctl`],
  };
}

Deno.test("a lab goes up, routes between everything, and leaves nothing", async () => {
  const before = await everything();
  await withLab({ prefix: "fl-k-", agent: routingAgent }, async (lab) => {
    await lab.cluster.apply(SHOP);
    lab.startAgents();
    const pods = lab.cluster.podsWith({ app: "web" });
    assertEquals(pods.map((pod) => pod.spec.nodeName), ["node1", "node2"]);

    await waitFor(async () => {
      const routes = (await lab.bird.routes()).map((route) =>
        `${route.prefix} ${route.nextHops}`
      );
      return lab.plan.nodes.every((node) =>
        node.podCidrs.every((cidr, index) =>
          routes.includes(`${cidr} ${node.addresses[index]?.address}`)
        )
      );
    }, { what: "BIRD holds both pod ranges" });

    const targets = pods.flatMap((pod) =>
      (pod.status?.podIPs ?? []).map(({ ip }) => ({ pod, ip }))
    );
    const froms = [
      "client",
      "node1",
      "node2",
      ...pods.map((p) => p.metadata.name),
    ];
    const probes = froms.flatMap((from) =>
      targets.flatMap(({ pod, ip }) => [
        { from, to: ip, port: 8080, protocol: "TCP" as const, pod },
        { from, to: ip, port: 53, protocol: "UDP" as const, pod },
      ])
    );
    await waitFor(
      async () =>
        (await lab.probeAll(probes)).every((answer, index) =>
          answer.outcome === "answered" &&
          answer.by === probes[index]?.pod.metadata.name
        ),
      { what: "everyone reaches every pod" },
    );

    const refused = await lab.probe({
      from: "client",
      to: lab.podAddress("web-1"),
      port: 81,
    });
    assertEquals(refused.outcome, "refused");
    const host = await lab.probe({
      from: "client",
      to: lab.node("node1").addresses[0]?.address ?? "",
      port: 9000,
    });
    assertEquals(host.by, "agentless");
    const seen = await lab.probe({
      from: "client",
      to: lab.podAddress("web-2", "ipv6"),
      port: 8080,
    });
    assertEquals(seen.source, "fd31::2");

    await lab.killAgent("node1", "SIGKILL");
    assertEquals(lab.agent("node1").running, false);
    lab.startAgents(["node1"]);
    assertEquals(lab.agent("node1").running, true);

    const url = await lab.forward("node1", 9100);
    const server = inNamespace(
      lab.namespaceOf("node1"),
      () =>
        Deno.serve(
          { hostname: "127.0.0.1", port: 9100, onListen: () => {} },
          () => new Response("from inside"),
        ),
    );
    assertEquals(await (await fetch(url)).text(), "from inside");
    await server.shutdown();
  });
  assertEquals(await everything(), before);
});

Deno.test("what a crashed lab left is removed by the next of its prefix", async () => {
  const library = new URL("lab.ts", import.meta.url).href;
  const directory = await Deno.makeTempDir({ prefix: "fl-c-" });
  const crashing = new Deno.Command("deno", {
    args: [
      "eval",
      `import { Lab } from "${library}";
const lab = await Lab.up({
  prefix: "fl-c-",
  directory: Deno.args[0],
  agent: () => ({ command: ["sleep", "600"] }),
});
await lab.cluster.apply(Deno.args[1]);
lab.startAgents();
console.log("up");
await new Promise((resolve) => setTimeout(resolve, 600_000));`,
      ...[directory, SHOP],
    ],
    stdout: "piped",
  }).spawn();
  const reader = crashing.stdout.getReader();
  const said = new TextDecoder().decode((await reader.read()).value);
  assertEquals(said, "up\n");
  await assertRejects(() => Lab.up({ prefix: "fl-c-" }), LabError, "is up");
  crashing.kill("SIGKILL");
  await crashing.status;
  await reader.cancel();
  const left = await listNamespaces("fl-c-");
  assert(left.includes("fl-c-pod-default-web-2"), left.join());

  await withLab(
    { prefix: "fl-c-", nodes: 1, families: ["ipv4"] },
    async (lab) => {
      assertEquals(
        await listNamespaces("fl-c-"),
        ["fl-c-client", "fl-c-node1", "fl-c-router"],
      );
      const [bird, ...others] = await listProcesses(
        left.filter((name) => name !== "fl-c-node2" && !name.includes("pod")),
      );
      assert(bird !== undefined && others.length === 0);
      await lab.cluster.apply(SHOP);
      assertThrows(() => lab.podAddress("web-1", "ipv6"), LabError);
    },
  );
  assertEquals(await listNamespaces("fl-c-"), []);
  await Deno.remove(directory, { recursive: true });
});

/** Links, addresses, routes and namespaces that a lab must not change. */
async function everything(): Promise<string> {
  const [links, routes, rules] = await Promise.all([
    capture("ip", ["-br", "address"]),
    capture("ip", ["route"]),
    capture("nft", ["list", "ruleset"]),
  ]);
  return [links, routes, rules, await listNamespaces("fl-k-")].join("\n");
}
