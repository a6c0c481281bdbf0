/**
 * From a changed manifest to the kernel holding the change, with few and with
 * many services present.
 *
 * The agent runs as operators run it, in a network namespace of its own, on a
 * directory of manifests: one file a service, with its endpoints, its pod and
 * its policy. What changes is one pod's labels, so one element of one set in
 * nftables; the kernel itself says when (`nft monitor`). What is compared is the
 * time at different sizes within one run.
 *
 *     deno run -A tests/bench/convergence.ts
 *
 * @module
 */

import { compareSizes } from "./figures.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const SIZES = [10, 1_000, 5_000];
const ROUNDS = 101;

/** The objects of the i-th service. */
function manifest(i: number, tier: string): string {
  const ip = `10.244.${1 + (i >> 8)}.${i & 255}`;
  const name = `shop-${i}`;
  const objects = [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace: "default",
        uid: `uid-${i}`,
        labels: { app: name, tier },
      },
      spec: { nodeName: "node-b", containers: [{ name: "c" }] },
      status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: {
        clusterIP: `10.96.${i >> 8}.${i & 255}`,
        clusterIPs: [`10.96.${i >> 8}.${i & 255}`],
        selector: { app: name },
        ports: [{ port: 80, protocol: "TCP" }],
      },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "default",
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: "IPv4",
      ports: [{ name: "", port: 80, protocol: "TCP" }],
      endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    },
  ];
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

const COMMON = [
  {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "node-a" },
    spec: { podCIDRs: ["10.200.1.0/24"] },
    status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
  },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "guarded",
      namespace: "default",
      uid: "guarded",
      labels: { app: "guarded" },
    },
    spec: { nodeName: "node-a", containers: [{ name: "c" }] },
    status: {
      phase: "Running",
      podIP: "10.200.1.5",
      podIPs: [{ ip: "10.200.1.5" }],
    },
  },
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "guarded", namespace: "default" },
    spec: {
      podSelector: { matchLabels: { app: "guarded" } },
      ingress: [{ from: [{ podSelector: { matchLabels: { tier: "in" } } }] }],
    },
  },
].map((object) => JSON.stringify(object)).join("\n---\n");

async function tool(...command: readonly string[]): Promise<string> {
  const [program = "", ...args] = command;
  const output = await new Deno.Command(program, { args }).output();
  if (!output.success) {
    throw new Error(
      `${command.join(" ")}: ${new TextDecoder().decode(output.stderr)}`,
    );
  }
  return new TextDecoder().decode(output.stdout);
}

/** Calls back with each line the kernel tells of, and when it did. */
async function follow(
  stream: ReadableStream<Uint8Array>,
  heard: (line: string, atMs: number) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const atMs = performance.now();
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard(line, atMs);
  }
}

/** Milliseconds of each round at one size. */
async function measure(size: number): Promise<readonly number[]> {
  const namespace = `fbc-${Deno.pid}`;
  const inside = ["ip", "netns", "exec", namespace];
  const dir = await Deno.makeTempDir({ prefix: "fairway-bench-" });
  const manifests = `${dir}/manifests`;
  await Deno.mkdir(manifests);
  await Deno.writeTextFile(`${manifests}/common.yaml`, COMMON);
  for (let i = 0; i < size; i++) {
    await Deno.writeTextFile(`${manifests}/s${i}.yaml`, manifest(i, "out"));
  }
  await tool("ip", "netns", "add", namespace);
  const children: Deno.ChildProcess[] = [];
  try {
    await tool("ip", "-n", namespace, "link", "set", "lo", "up");
    const agent = new Deno.Command("ip", {
      args: [
        ...inside.slice(1),
        ...[Deno.execPath(), "run", "-A", "--quiet", `${ROOT}main.ts`, "run"],
        ...[`--manifests=${manifests}`, "--hostname-override=node-a"],
        ...["--run-service-proxy=false", "--run-router=false"],
        ...[`--state-dir=${dir}`, `--run-dir=${dir}`, "--log-level=warn"],
      ],
      stdout: "null",
    }).spawn();
    children.push(agent);
    await ready(inside);
    const monitor = new Deno.Command("ip", {
      args: [
        ...inside.slice(1),
        // Its output is a pipe, which the library would fill before writing.
        ...["stdbuf", "-oL", "nft", "monitor"],
      ],
      stdout: "piped",
    }).spawn();
    children.push(monitor);
    let expected = "";
    let found: (atMs: number) => void = () => {};
    const following = follow(monitor.stdout, (line, atMs) => {
      if (expected !== "" && line.includes(expected)) found(atMs);
    });
    const heard = (text: string): Promise<number> => {
      expected = text;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`"${text}" not within 20 s`)),
          20_000,
        );
        found = (atMs) => {
          expected = "";
          clearTimeout(timer);
          resolve(atMs);
        };
      });
    };
    // The monitor says nothing when it begins to listen.
    const listening = heard("add table inet listening");
    for (let isHeard = false; !isHeard;) {
      await tool(...inside, "nft", "add", "table", "inet", "listening");
      await tool(...inside, "nft", "delete", "table", "inet", "listening");
      isHeard = expected === "";
    }
    await listening;
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const i = (round * 7919) % size;
      const tier = round % 2 === 0 ? "in" : "out";
      const target = tier === "in" ? i : ((round - 1) * 7919) % size;
      const seen = heard(
        `${tier === "in" ? "create" : "delete"} element inet fairway s_`,
      );
      const file = `${manifests}/s${target}.yaml`;
      await Deno.writeTextFile(`${dir}/new`, manifest(target, tier));
      const startMs = performance.now();
      await Deno.rename(`${dir}/new`, file);
      times.push(await seen - startMs);
    }
    monitor.kill();
    await following;
    return times;
  } finally {
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended by itself.
      }
      await child.status;
    }
    await tool("ip", "netns", "del", namespace);
    await Deno.remove(dir, { recursive: true });
  }
}

async function ready(inside: readonly string[]): Promise<void> {
  const end = performance.now() + 120_000;
  while (performance.now() < end) {
    const [program = "", ...args] = inside;
    const { success } = await new Deno.Command(program, {
      args: [...args, "curl", "-fsS", "http://127.0.0.1:20244/readyz"],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the agent is not ready within 120 s");
}

/** Prints the figures; the last line is the promise: flat within 2×. */
export async function benchConvergence(): Promise<void> {
  console.log(
    `Changed manifest to kernel (${ROUNDS} rounds at each size, milliseconds)`,
  );
  await compareSizes(SIZES, measure);
}

if (import.meta.main) await benchConvergence();
