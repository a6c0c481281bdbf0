/**
 * `fairway run` on a machine where something is wrong: one clear line for each
 * thing, the documented exit code, and a kernel that is as it was.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url).pathname;
const NAMESPACE = `fsf-${Deno.pid}`;

const NODE = `apiVersion: v1
kind: Node
metadata: { name: node-a }
spec: { podCIDRs: [10.244.1.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.0.2.1 }] }
`;

interface Ending {
  readonly code: number;
  /** Lines of standard error that begin with the program's name. */
  readonly lines: readonly string[];
  readonly stderr: string;
}

async function tool(...command: readonly string[]): Promise<string> {
  const [program = "", ...args] = command;
  const output = await new Deno.Command(program, { args }).output();
  const text = new TextDecoder();
  if (!output.success) {
    throw new Error(`${command.join(" ")}: ${text.decode(output.stderr)}`);
  }
  return text.decode(output.stdout);
}

/** Everything in the namespace's kernel that an agent could have changed. */
async function kernelState(): Promise<string> {
  const inside = ["ip", "netns", "exec", NAMESPACE];
  return (await Promise.all([
    tool(...inside, "nft", "list", "ruleset"),
    tool(...inside, "ip", "-d", "link"),
    tool(...inside, "ip", "route", "show", "table", "all"),
    tool(...inside, "ip", "-6", "route", "show", "table", "all"),
    tool(...inside, "ip", "rule"),
    tool(...inside, "sysctl", "-a", "-r", "^net[.]ipv[46][.](conf[.]all|ip_f)"),
  ])).join("\n");
}

/** Runs the agent until it ends by itself. */
async function run(
  flags: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Ending> {
  const command = [
    ...["netns", "exec", NAMESPACE, ...wrapper],
    ...[Deno.execPath(), "run", "--quiet", "-P=agent", `${ROOT}/main.ts`],
    ...["run", "--hostname-override=node-a", ...flags],
  ];
  const child = new Deno.Command("ip", {
    args: command,
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  });
  const output = await child.output();
  const stderr = new TextDecoder().decode(output.stderr);
  const lines = stderr.split("\n").filter((line) =>
    line.startsWith("fairway:")
  );
  return { code: output.code, lines, stderr };
}

/** A directory that goes with the test. */
async function directory(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "fairway-faults-" });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

interface Fault {
  readonly name: string;
  readonly code: number;
  /** Each must be in the one line that tells of it. */
  readonly says: readonly (readonly string[])[];
  readonly flags: (dir: string) => readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly wrapper?: (dir: string) => readonly string[];
}

const GOOD = { "node.yaml": NODE };
const noProxy = (dir: string): readonly string[] => [
  `--manifests=${dir}`,
  "--run-service-proxy=false",
];

/** A mount namespace in which one file of /usr/sbin is not there. */
function without(file: string): (dir: string) => readonly string[] {
  return (dir) => [
    ...["unshare", "-m", "sh", "-c"],
    `mkdir -p ${dir}/over && mount -t tmpfs tmpfs ${dir}/over &&
     mkdir ${dir}/over/upper ${dir}/over/work &&
     mknod ${dir}/over/upper/${file} c 0 0 &&
     mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=${dir}/over/upper,workdir=${dir}/over/work /usr/sbin &&
     exec "$@"`,
    "sh",
  ];
}

const FAULTS: readonly Fault[] = [
  {
    name: "an unknown flag",
    code: 2,
    flags: (dir) => [...noProxy(dir), "--run-firewal=true"],
    says: [["--run-firewal", "--run-firewall"]],
  },
  {
    name: "bad values of several flags",
    code: 2,
    flags: (dir) => [...noProxy(dir), "--bgp-port=70000", "--cluster-asn=x"],
    says: [["--cluster-asn", '"x"'], ["--bgp-port", '"70000"']],
  },
  {
    name: "an impossible combination",
    code: 2,
    flags: (dir) => [...noProxy(dir), "--enable-ipv4=false"],
    says: [["--enable-ipv4", "--enable-ipv6"]],
  },
  {
    name: "a kubeconfig that is not there",
    code: 2,
    flags: (dir) => [
      `--kubeconfig=${dir}/absent`,
      "--run-service-proxy=false",
    ],
    says: [["absent", "kubeconfig"]],
  },
  {
    name: "a kubeconfig that is none",
    code: 2,
    files: { kubeconfig: "just: [a, list" },
    flags: (dir) => [
      `--kubeconfig=${dir}/kubeconfig`,
      "--run-service-proxy=false",
    ],
    says: [["kubeconfig"]],
  },
  {
    name: "a manifests directory that is not there",
    code: 2,
    flags: (dir) => noProxy(`${dir}/absent`),
    says: [["--manifests", "absent"]],
  },
  {
    name: "manifests of which two documents cannot be used",
    code: 2,
    files: {
      ...GOOD,
      "broken.yaml": "kind: Pod\nmetadata: {name: [\n",
      "nameless.yaml": "apiVersion: v1\nkind: Service\nmetadata: {}\n",
    },
    flags: noProxy,
    says: [["broken.yaml:"], ["nameless.yaml:", "metadata.name"]],
  },
  {
    name: "a kernel tool that is not installed",
    code: 3,
    flags: noProxy,
    wrapper: without("nft"),
    says: [["nft", "nftables"]],
  },
  {
    name: "no permission to change the network",
    code: 3,
    flags: noProxy,
    wrapper: () => ["setpriv", "--bounding-set=-net_admin"],
    says: [["nft", "CAP_NET_ADMIN"], ["ip", "CAP_NET_ADMIN"]],
  },
];

async function inNamespace(test: () => Promise<void>): Promise<void> {
  await tool("ip", "netns", "add", NAMESPACE);
  try {
    await tool("ip", "-n", NAMESPACE, "link", "set", "lo", "up");
    await test();
  } finally {
    await tool("ip", "netns", "del", NAMESPACE);
  }
}

function check(ending: Ending, fault: Pick<Fault, "code" | "says">): void {
  assertEquals(ending.code, fault.code, ending.stderr);
  assertEquals(ending.lines.length, fault.says.length, ending.stderr);
  fault.says.forEach((words, index) => {
    for (const word of words) {
      assertStringIncludes(ending.lines[index] ?? "", word);
    }
  });
}

for (const fault of FAULTS) {
  Deno.test(`run stops at ${fault.name}`, async () => {
    await using dir = await directory(fault.files ?? GOOD);
    await inNamespace(async () => {
      const before = await kernelState();
      const wrapper = fault.wrapper?.(dir.path) ?? [];
      check(await run(fault.flags(dir.path), wrapper), fault);
      assertEquals(await kernelState(), before);
    });
  });
}

Deno.test("run stops at a kernel without IPVS", async () => {
  const modules = await new Deno.Command("modprobe", {
    args: ["--dry-run", "ip_vs"],
    stdout: "null",
    stderr: "null",
  }).output();
  const hasIpvs = modules.success;
  await using dir = await directory(GOOD);
  await inNamespace(async () => {
    const before = await kernelState();
    // Where the kernel has IPVS, a machine without its tool stands in for one without.
    const wrapper = hasIpvs ? without("ipvsadm")(dir.path) : [];
    const ending = await run([`--manifests=${dir.path}`], wrapper);
    assertEquals(ending.code, 3, ending.stderr);
    const word = hasIpvs ? "ipvsadm" : "ip_vs";
    assert(
      ending.lines.some((line) => line.includes(word)),
      ending.stderr,
    );
    assertEquals(await kernelState(), before);
  });
});

for (
  const [what, flag, port] of [
    ["health", "--health-port", 20244],
    ["state API", "--api-port", 20245],
    ["BGP", "--bgp-port", 179],
  ] as const
) {
  Deno.test(`run stops when the ${what} port is in use`, async () => {
    await using dir = await directory(GOOD);
    await inNamespace(async () => {
      const holder = new Deno.Command("ip", {
        args: [
          ...["netns", "exec", NAMESPACE, Deno.execPath(), "eval"],
          `Deno.listen({hostname: "127.0.0.1", port: ${port}}); console.log("up"); await new Promise(() => setInterval(() => {}, 1e6))`,
        ],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      try {
        const reader = holder.stdout.getReader();
        await reader.read();
        await reader.cancel();
        const before = await kernelState();
        const ending = await run(noProxy(dir.path));
        check(ending, { code: 3, says: [[`${port}`, "in use", flag]] });
        assertEquals(await kernelState(), before);
      } finally {
        holder.kill("SIGKILL");
        await holder.status;
      }
    });
  });
}
