/**
 * The agent on an API server that comes, goes and comes back changed.
 *
 * @module
 */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { until, World } from "./world.ts";

const CLUSTER = `
apiVersion: v1
kind: Namespace
metadata: { name: default }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
spec: { podCIDRs: [10.244.1.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.0.2.1 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: default, labels: { app: web } }
spec: { nodeName: node-a, containers: [{ name: c }] }
status: { phase: Running, podIP: 10.244.1.5, podIPs: [{ ip: 10.244.1.5 }] }
`;

const POLICY = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "closed", namespace: "default" },
  spec: { podSelector: { matchLabels: { app: "web" } } },
};

const URL_OF_POLICIES =
  "http://127.0.0.1:8080/apis/networking.k8s.io/v1/namespaces/default/networkpolicies";
const FLAGS = [
  "--master=http://127.0.0.1:8080",
  "--run-service-proxy=false",
  "--run-router=false",
];

function startServer(world: World): Deno.ChildProcess {
  return world.start("server", [
    ...[Deno.execPath(), "run", "-A", "--quiet", "tests/apiserver/main.ts"],
    ...["--port", "8080", "--load", `${world.directory}/objects`],
  ]);
}

/** The table without its counters' readings. */
async function table(world: World): Promise<string> {
  const { stdout } = await world.run("nft", ["-s", "list", "ruleset"]);
  return stdout;
}

async function isReady(world: World): Promise<boolean> {
  return (await world.readiness())?.code === "200";
}

Deno.test("an API server that is gone leaves the data path as it is, also over a restart", async () => {
  await using world = await World.create();
  const explain = (): Promise<string> => world.said("agent");
  await Deno.mkdir(`${world.directory}/objects`);
  await Deno.writeTextFile(`${world.directory}/objects/all.yaml`, CLUSTER);

  const server = startServer(world);
  const agent = world.startAgent(FLAGS);
  await until("the agent is ready", () => isReady(world), explain);

  await until(
    "the policy is accepted",
    async () =>
      (await world.run("curl", [
        ...["-fsS", "-H", "content-type: application/json"],
        ...["-d", JSON.stringify(POLICY), URL_OF_POLICIES],
      ])).code === 0,
  );
  const isClosed = async (): Promise<boolean> =>
    (await table(world)).includes("isolated by default/closed");
  await until("the policy is in the kernel", isClosed, explain);
  const closed = await table(world);

  await world.kill(server);
  await until(
    "readiness says that the API server is gone",
    async () => (await world.readiness())?.code === "503",
    explain,
  );
  assertStringIncludes((await world.readiness())?.body ?? "", "watcher");
  assertEquals(await table(world), closed);

  await world.kill(agent);
  const second = world.startAgent(FLAGS);
  await until(
    "the second agent answers",
    async () => (await world.readiness()) !== undefined,
    explain,
  );
  assertEquals((await world.readiness())?.code, "503");
  assertEquals(await table(world), closed);

  startServer(world);
  await until(
    "the agent is ready again",
    () => isReady(world),
    explain,
    60_000,
  );
  await until(
    "the policy that is gone is gone from the kernel",
    async () => !await isClosed(),
    explain,
  );
  await world.kill(second);
});

Deno.test("pod ranges known from an earlier run are closed before the cluster is known", async () => {
  await using world = await World.create();
  await Deno.writeTextFile(
    `${world.directory}/node.json`,
    JSON.stringify({ podCidrs: ["10.244.1.0/24"] }),
  );
  world.startAgent(FLAGS);
  await until(
    "the range is closed",
    async () => (await table(world)).includes("elements = { 10.244.1.0/24 }"),
    () => world.said("agent"),
  );
  assertEquals((await world.readiness())?.code, "503");
});
