/**
 * From a changed endpoint in a manifest to IPVS serving it, with few and with
 * many services present. Runs in the lab's machine, whose kernel has IPVS.
 *
 * One endpoint comes and goes, and a client on the node tries the virtual IP all
 * the while: the time is that until the first connection that succeeds, or the
 * first that is refused. The machine is emulated and about ten times slower than
 * the host; what counts is how the sizes compare.
 *
 *     deno run -A tests/bench/service_convergence.ts
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import { bundleAgent } from "../lab/vm/agent_bundle.ts";
import { capture } from "../lab/system/process.ts";
import { Machine } from "../lab/vm/machine.ts";
import { compareSizes } from "./figures.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const SIZES = [10, 1_000, 5_000];
const ROUNDS = 41;
/** Rounds before those that count: the runtime translates what it runs often. */
const WARM_UP = 60;
const PORT = 80;
/** Set in the machine. */
const INSIDE = "LAB_BENCH_INSIDE";

function vip(i: number): string {
  return `10.96.${i >> 8}.${i & 255}`;
}

/** The i-th service, with or without its endpoint. */
function manifest(i: number, hasEndpoint: boolean): string {
  const name = `shop-${i}`;
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "default" },
      spec: {
        clusterIP: vip(i),
        clusterIPs: [vip(i)],
        selector: { app: name },
        ports: [{ port: PORT, protocol: "TCP" }],
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
      ports: [{ name: "", port: 8080, protocol: "TCP" }],
      endpoints: hasEndpoint
        ? [{ addresses: ["10.244.1.2"], conditions: { ready: true } }]
        : [],
    },
  ].map((object) => JSON.stringify(object)).join("\n---\n");
}

const NODE = JSON.stringify({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "node-a" },
  spec: { podCIDRs: ["10.244.1.0/24"] },
  status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
});

/** Answers every connection in the pod's namespace by closing it. */
const SERVER = `import socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("10.244.1.2", 8080))
s.listen(64)
while True:
    s.accept()[0].close()
`;

/** Tries each address when told to, in the node's namespace: prints when the wanted outcome came. */
const CLIENT = `import socket, sys, time
print("up", flush=True)
for line in sys.stdin:
    address, wanted = line.split()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        s = socket.socket()
        s.settimeout(1)
        try:
            s.connect((address, ${PORT}))
            got = "served"
        except ConnectionRefusedError:
            got = "refused"
        except OSError:
            got = "lost"
        s.close()
        if got == wanted:
            print("seen", flush=True)
            break
    else:
        print("never", flush=True)
`;

/** Milliseconds of each round at one size; inside the machine. */
async function measure(size: number): Promise<readonly number[]> {
  const dir = await Deno.makeTempDir({ prefix: "fairway-bench-" });
  const manifests = `${dir}/manifests`;
  await Deno.mkdir(manifests);
  await Deno.writeTextFile(`${manifests}/node.yaml`, NODE);
  for (let i = 0; i < size; i++) {
    await Deno.writeTextFile(`${manifests}/s${i}.yaml`, manifest(i, true));
  }
  const node = `fbn-${size}`;
  const pod = `fbp-${size}`;
  for (
    const line of [
      `netns add ${node}`,
      `netns add ${pod}`,
      `-n ${node} link set lo up`,
      `-n ${node} link add pod0 type veth peer name eth0 netns ${pod}`,
      `-n ${node} addr add 10.244.1.1/24 dev pod0`,
      `-n ${node} addr add 192.0.2.1/32 dev lo`,
      `-n ${node} link set pod0 up`,
      `-n ${pod} addr add 10.244.1.2/24 dev eth0`,
      `-n ${pod} link set eth0 up`,
      `-n ${pod} route add default via 10.244.1.1`,
    ]
  ) await capture("ip", line.split(" "));
  const start = (
    namespace: string,
    command: readonly string[],
    piped: "piped" | "null",
  ): Deno.ChildProcess =>
    new Deno.Command("ip", {
      args: ["netns", "exec", namespace, ...command],
      stdin: piped,
      stdout: piped,
    }).spawn();
  const agent = Deno.env.get("LAB_AGENT") ?? `${ROOT}/main.ts`;
  const children = [
    start(pod, ["python3", "-c", SERVER], "null"),
    start(node, [
      ...[Deno.execPath(), "run", "-A", "--quiet", agent, "run"],
      ...[`--manifests=${manifests}`, "--hostname-override=node-a"],
      ...["--run-router=false", `--state-dir=${dir}`, `--run-dir=${dir}`],
      "--log-level=warn",
    ], "null"),
  ];
  const client = start(node, ["python3", "-u", "-c", CLIENT], "piped");
  children.push(client);
  const input = client.stdin.getWriter();
  const output = client.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const hear = async (wanted: string): Promise<void> => {
    const { value } = await output.read();
    if (value !== wanted) throw new Error(`the client says ${value}`);
  };
  const ask = (text: string): Promise<void> =>
    input.write(new TextEncoder().encode(`${text}\n`));
  try {
    await hear("up");
    // Every service is there when the last one is.
    for (const i of [0, size >> 1, size - 1]) {
      await ask(`${vip(i)} served`);
      await hear("seen");
    }
    const times: number[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const i = (((round + WARM_UP) >> 1) * 7919) % size;
      const hasEndpoint = (round & 1) === 1;
      await Deno.writeTextFile(`${dir}/new`, manifest(i, hasEndpoint));
      await ask(`${vip(i)} ${hasEndpoint ? "served" : "refused"}`);
      const startMs = performance.now();
      await Deno.rename(`${dir}/new`, `${manifests}/s${i}.yaml`);
      await hear("seen");
      if (round >= 0) times.push(performance.now() - startMs);
    }
    return times;
  } finally {
    await input.close();
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It ended by itself.
      }
      await child.status;
    }
    await output.cancel();
  }
}

/** Inside the machine: prints the figures. */
async function inside(): Promise<void> {
  console.log(
    `Changed endpoint to IPVS (${ROUNDS} rounds at each size, milliseconds, emulated CPU)`,
  );
  await compareSizes(SIZES, measure);
}

/** Boots the machine and measures in it. */
export async function benchServiceConvergence(): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-bench-" });
  try {
    const env = await bundleAgent(ROOT, directory);
    const bench = `${directory}/bench.js`;
    await capture("deno", [
      ...["bundle", "--quiet", "--platform", "deno", "-o", bench],
      new URL(import.meta.url).pathname,
    ], { cwd: ROOT, deadlineMs: 120_000 });
    await using machine = await Machine.start({
      command: ["deno", "run", "-A", "--no-lock", bench],
      cwd: ROOT,
      env: { ...env, [INSIDE]: "1" },
      deadlineMs: 20 * 60_000,
      onStdout: async (chunk) => {
        await Deno.stdout.write(chunk);
      },
      onStderr: async (chunk) => {
        await Deno.stderr.write(chunk);
      },
    });
    const code = await machine.exit;
    if (code !== 0) {
      throw new Error(`the bench in the machine ended with ${code}`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  if (Deno.env.has(INSIDE)) await inside();
  else await benchServiceConvergence();
}
