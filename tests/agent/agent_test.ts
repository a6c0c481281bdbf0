/**
 * The whole agent on fakes of the kernel's tools: objects in, kernel state out,
 * and what it shows of it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createAgent } from "../../lib/agent/agent.ts";
import { cleanup } from "../../lib/agent/cleanup.ts";
import type { Targets } from "../../lib/agent/kernel.ts";
import { createParts, type PartsOptions } from "../../lib/agent/parts.ts";
import { planAgent } from "../../lib/agent/plan.ts";
import { Remembered } from "../../lib/agent/remembered.ts";
import { OriginalKeeper } from "../../lib/agent/sysctl_originals.ts";
import { SILENT } from "../../lib/base/log.ts";
import { parseSettings } from "../../lib/cluster/config/parse_settings.ts";
import { fakeIp } from "../../lib/kernel/fake_ip.ts";
import { fakeIpvs } from "../../lib/kernel/fake_ipvs.ts";
import { fakeNft } from "../../lib/kernel/fake_nft.ts";
import { fakeSysctl } from "../../lib/kernel/fake_sysctl.ts";
import { EventLog } from "../../lib/observe/events.ts";
import { Metrics } from "../../lib/observe/metrics.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";
import * as schemas from "../../routes/schemas.ts";

const CLUSTER = `
apiVersion: v1
kind: Node
metadata: { name: node-a }
spec: { podCIDRs: [10.244.1.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.0.2.1 }] }
---
apiVersion: v1
kind: Namespace
metadata: { name: default }
---
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: default, labels: { app: web } }
spec: { nodeName: node-a, containers: [{ name: c }] }
status: { phase: Running, podIPs: [{ ip: 10.244.1.5 }] }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: closed, namespace: default }
spec: { podSelector: { matchLabels: { app: web } } }
`;

/** A service with one endpoint, or none. */
function service(endpoint: boolean): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { clusterIP: 10.96.0.10, selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: default
  labels: { kubernetes.io/service-name: web }
addressType: IPv4
ports: [{ name: "", port: 8080 }]
endpoints: ${
    endpoint
      ? "[{ addresses: [10.244.1.5], conditions: { ready: true } }]"
      : "[]"
  }
`;
}

const SERVER = "service/tcp/10.96.0.10:80";
const DESTINATION = "destination/tcp/10.96.0.10:80/10.244.1.5:8080";

interface Bench extends AsyncDisposable {
  readonly directory: string;
  readonly fakes: {
    readonly sysctl: ReturnType<typeof fakeSysctl>;
    readonly ip: ReturnType<typeof fakeIp>;
    readonly nft: ReturnType<typeof fakeNft>;
    readonly ipvs: ReturnType<typeof fakeIpvs>;
  };
  options(): PartsOptions;
}

async function bench(): Promise<Bench> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-agent-" });
  const manifests = `${directory}/manifests`;
  await Deno.mkdir(manifests);
  await Deno.writeTextFile(`${manifests}/cluster.yaml`, CLUSTER);
  await Deno.writeTextFile(`${manifests}/web.yaml`, service(true));
  const fakes = {
    sysctl: fakeSysctl(),
    ip: fakeIp(),
    nft: fakeNft(),
    ipvs: fakeIpvs(),
  };
  const clock = new SystemClock();
  const { settings, problems } = parseSettings({
    argv: [`--manifests=${manifests}`, "--run-router=false"],
    env: {},
  });
  assertEquals(problems, []);
  const remembered = new Remembered(
    { stateDir: directory, runDir: directory },
    SILENT,
  );
  return {
    directory,
    fakes,
    options: () => ({
      settings,
      node: "node-a",
      kernelRelease: "6.1.0",
      source: { kind: "manifests", directory: manifests },
      targets: fakes,
      readNetworks: () => Promise.resolve([]),
      remembered,
      clock,
      log: SILENT,
      metrics: new Metrics({
        clock,
        version: "0",
        startedAtMs: clock.now(),
      }),
    }),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

async function until(what: string, look: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!look()) {
    if (performance.now() > end) throw new Error(`${what}: not within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const signal = new AbortController().signal;

/** Starts an agent, runs the test, stops it. */
async function withAgent(
  options: PartsOptions,
  test: (agent: ReturnType<typeof createAgent>) => Promise<void>,
): Promise<void> {
  const events = new EventLog(options.clock);
  const agent = createAgent({ ...options, version: "0", events });
  agent.graph.start();
  try {
    await agent.graph.started(signal);
    await test(agent);
  } finally {
    await agent.graph.stop();
  }
}

Deno.test("objects become kernel state, edits follow, and what is shown fits its schema", async () => {
  await using world = await bench();
  const { fakes } = world;
  await withAgent(world.options(), async ({ state }) => {
    assert(fakes.ipvs.state.has(SERVER));
    assert(fakes.ipvs.state.has(DESTINATION));
    assert(fakes.nft.state.has("element/in4/10.244.1.5"));
    assert(fakes.ip.state.has("link/kube-dummy-if"));
    assertEquals(state.readiness(), { ready: true, reasons: [] });

    await Deno.writeTextFile(
      `${world.directory}/manifests/web.yaml`,
      service(false),
    );
    await until(
      "the endpoint is gone",
      () => !fakes.ipvs.state.has(DESTINATION),
    );
    assert(fakes.ipvs.state.has(SERVER));

    schemas.graphSchema.parse({ ready: true, modules: state.graph() });
    schemas.targetsSchema.parse({ items: state.targets() });
    schemas.servicesSchema.parse({ items: state.services() });
    schemas.ipvsSchema.parse({ items: state.ipvs() });
    schemas.policiesSchema.parse({ items: state.policies() });
    schemas.firewallSchema.parse(state.firewall());
    schemas.routesSchema.parse({ items: state.routes() });
    schemas.watcherSchema.parse(state.watcher());
    schemas.issuesSchema.parse({ items: state.issues() });
    assertEquals(state.policies().map((policy) => policy.selectedPods), [1]);
    assert((await state.metricsText()).includes("fairway_"));
  });
});

Deno.test("a second run finds nothing to write, and a plan says so", async () => {
  await using world = await bench();
  await withAgent(world.options(), () => Promise.resolve());
  const writes = (): number =>
    Object.values(world.fakes).reduce(
      (sum, fake) =>
        sum + fake.calls.filter((call) => call.kind === "apply").length,
      0,
    );
  const before = writes();
  await withAgent(world.options(), () => Promise.resolve());
  assertEquals(writes(), before);
  const options = world.options();
  const plan = await planAgent(createParts(options), options.targets, {
    clock: options.clock,
    withinMs: 10_000,
    signal,
  });
  assertEquals(plan.targets.map(({ steps }) => steps.length), [0, 0, 0, 0]);
});

Deno.test("plan() lists everything on an empty kernel and writes nothing", async () => {
  await using world = await bench();
  const options = world.options();
  const plan = await planAgent(createParts(options), options.targets, {
    clock: options.clock,
    withinMs: 10_000,
    signal,
  });
  const ipvs = plan.targets.find(({ name }) => name === "ipvs");
  assertEquals(ipvs?.steps.map(({ kind, key }) => `${kind} ${key}`), [
    `add ${SERVER}`,
    `add ${DESTINATION}`,
  ]);
  for (const fake of Object.values(world.fakes)) {
    assertEquals(fake.state.size, 0);
  }
});

Deno.test("one service that the kernel refuses is reported and harms no other", async () => {
  await using world = await bench();
  world.fakes.ipvs.refuseKey(SERVER);
  await Deno.writeTextFile(
    `${world.directory}/manifests/other.yaml`,
    service(true).replaceAll("web", "shop").replaceAll("0.10", "0.11"),
  );
  await withAgent(world.options(), async ({ state }) => {
    await until(
      "the other service works",
      () =>
        world.fakes.ipvs.state.has(
          "destination/tcp/10.96.0.11:80/10.244.1.5:8080",
        ),
    );
    const ipvs = state.targets().find(({ name }) => name === "ipvs");
    assertEquals(
      ipvs?.refusedEntries.map(({ key, owner }) => [key, owner]),
      [[SERVER, "Service default/web"]],
    );
    world.fakes.ipvs.allowKey(SERVER);
    await until(
      "the refused service is tried again",
      () => world.fakes.ipvs.state.has(DESTINATION),
    );
  });
});

Deno.test("cleanup() removes all that is ours and gives parameters back", async () => {
  await using world = await bench();
  const { fakes } = world;
  const options = world.options();
  const sysctl = new OriginalKeeper(() => fakes.sysctl, options.remembered);
  const name = "net.ipv4.ip_forward";
  fakes.sysctl.meddle((state) => state.set(name, { name, value: "0" }));
  const targets: Targets = { ...fakes, sysctl };
  await withAgent({ ...options, targets }, () => Promise.resolve());
  assertEquals(fakes.sysctl.state.get(name)?.value, "1");
  const reports = await cleanup(
    {
      ...targets,
      nft: Object.assign(fakes.nft, {
        deleteTable: () =>
          Promise.resolve(fakes.nft.meddle((state) => state.clear())),
      }),
    },
    options.remembered,
    signal,
  );
  assertEquals(reports.flatMap(({ problems }) => problems), []);
  for (const fake of [fakes.nft, fakes.ip, fakes.ipvs]) {
    assertEquals([...fake.state.keys()], []);
  }
  assertEquals(fakes.sysctl.state.get(name)?.value, "0");
});
