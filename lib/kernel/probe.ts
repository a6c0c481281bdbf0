/**
 * Looks before the first write whether the kernel and its tools can do what is
 * wanted, and changes nothing: rules are only checked, state is only listed. A
 * missing module may be loaded.
 *
 * @module
 */

import { type ErrorCode, FairwayError, KernelError } from "../base/errors.ts";
import { deniedByKernel, missingModule, quote } from "./classify.ts";
import { classifyIpvs } from "./classify_ipvs.ts";
import { classifyNft } from "./classify_nft.ts";
import { conntrackError } from "./conntrack.ts";
import type { ToolOutput, ToolRunner } from "./exec.ts";

/**
 * What the agent means to use. `dummy` is the type of the link that holds
 * virtual IPs; `bridge` is that the firewall's hooks see what a bridge forwards.
 */
export type Capability =
  | "nft"
  | "ipvs"
  | "ip"
  | "dummy"
  | "bridge"
  | "sysctl"
  | "conntrack";

/** Something that will not work, told in one line. */
export interface ProbeProblem {
  readonly capability: Capability;
  readonly code: ErrorCode;
  /** What, and the mend. */
  readonly message: string;
  /** False when it cannot be known without trying. */
  readonly certain: boolean;
}

/** How to look. */
export interface ProbeOptions {
  readonly signal: AbortSignal;
  /** Whether a missing module may be loaded with modprobe; true when absent. */
  readonly mayLoadModules?: boolean;
}

/** The oldest nft whose JSON and grammar the driver knows. */
const OLDEST_NFT = [1, 0, 1] as const;

/**
 * Looks at each capability in turn.
 *
 * @returns what is wrong, at most one for each capability; empty when all is well
 * @throws {FairwayError} `aborted`
 */
export async function probeKernel(
  runner: ToolRunner,
  wanted: readonly Capability[],
  options: ProbeOptions,
): Promise<ProbeProblem[]> {
  const problems: ProbeProblem[] = [];
  for (const capability of wanted) {
    try {
      await PROBES[capability](new Prober(runner, options));
    } catch (error) {
      if (!(error instanceof FairwayError) || error.code === "aborted") {
        throw error;
      }
      const { code, message } = error;
      const certain = !(error instanceof Doubt);
      problems.push({ capability, code, message, certain });
    }
  }
  return problems;
}

/** Something that may or may not work. */
class Doubt extends FairwayError {}

/** What every probe works with. */
class Prober {
  readonly #runner: ToolRunner;
  readonly #options: ProbeOptions;

  constructor(runner: ToolRunner, options: ProbeOptions) {
    this.#runner = runner;
    this.#options = options;
  }

  run(tool: string, args: readonly string[], stdin = ""): Promise<ToolOutput> {
    return this.#runner.run(tool, {
      args,
      stdin,
      signal: this.#options.signal,
    });
  }

  /** Loads a module if that is allowed; whether it says that it is there. */
  async load(module: string): Promise<boolean> {
    if (this.#options.mayLoadModules === false) return false;
    try {
      return (await this.run("modprobe", ["-q", module])).code === 0;
    } catch (error) {
      if (error instanceof KernelError) return false;
      throw error;
    }
  }

  /** Tries; when a module is missing, loads it and tries once more. */
  async withModule(
    module: string,
    attempt: () => Promise<KernelError | undefined>,
  ): Promise<void> {
    let error = await attempt();
    if (error?.code === "kernel.unsupported" && await this.load(module)) {
      error = await attempt();
    }
    if (error !== undefined) throw error;
  }
}

const PROBES: Readonly<Record<Capability, (prober: Prober) => Promise<void>>> =
  {
    nft: probeNft,
    ipvs: probeIpvs,
    ip: probeIp,
    dummy: probeDummy,
    bridge: probeBridge,
    sysctl: async (prober) => {
      const output = await prober.run("sysctl", ["-n", "net.ipv4.ip_forward"]);
      if (output.code !== 0) throw failed("sysctl", output);
    },
    conntrack: (prober) =>
      prober.withModule("nf_conntrack_netlink", async () => {
        const output = await prober.run("conntrack", ["-C"]);
        return output.code === 0 ? undefined : conntrackError(output);
      }),
  };

async function probeNft(prober: Prober): Promise<void> {
  const said = (await prober.run("nft", ["--version"])).stdout;
  const version = parseNftVersion(said);
  if (version === undefined) {
    throw new Doubt(
      "kernel.unsupported",
      `nft says it is "${quote(said)}": expected nftables ${
        OLDEST_NFT.join(".")
      } or newer`,
    );
  }
  if (isOlder(version, OLDEST_NFT)) {
    throw new KernelError(
      "kernel.unsupported",
      "nft",
      `nft ${version.join(".")} is too old: install nftables ${
        OLDEST_NFT.join(".")
      } or newer`,
      "",
    );
  }
  await prober.withModule("nf_tables", async () => {
    const table = "add table inet fairway\n";
    const output = await prober.run("nft", ["-c", "-f", "-"], table);
    return output.code === 0 ? undefined : classifyNft(output.stderr)[0].error;
  });
}

function probeIpvs(prober: Prober): Promise<void> {
  return prober.withModule("ip_vs", async () => {
    const output = await prober.run("ipvsadm", ["-Ln"]);
    return output.code === 0
      ? undefined
      : classifyIpvs(output.stderr)[0]?.error;
  });
}

async function probeIp(prober: Prober): Promise<void> {
  // The kernel looks at the permission before it looks for the rule, which nobody has.
  const rule =
    "rule delete from 240.0.0.1/32 priority 4294967294 table 4294967294";
  const output = await prober.run("ip", rule.split(" "));
  if (/Operation not permitted/.test(output.stderr)) {
    throw deniedByKernel("ip", output.stderr);
  }
  const version = await prober.run("ip", ["-V"]);
  if (!/iproute2/.test(version.stdout)) {
    throw new KernelError(
      "kernel.unsupported",
      "ip",
      `ip is "${
        quote(version.stdout + version.stderr)
      }", not iproute2: apt install iproute2`,
      "",
    );
  }
}

/**
 * There is no asking the kernel whether it makes dummy links without making one
 * (and loading the module makes `dummy0`): a dummy that exists is proof, modprobe
 * knows modules and what is built in, and otherwise it stays open.
 */
async function probeDummy(prober: Prober): Promise<void> {
  const links = await prober.run("ip", ["-o", "link", "show", "type", "dummy"]);
  if (links.code === 0 && links.stdout.trim() !== "") return;
  let known: ToolOutput;
  try {
    known = await prober.run("modprobe", ["-n", "dummy"]);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new Doubt(
      "kernel.unsupported",
      "modprobe cannot be run, so whether the kernel has dummy links shows when the first is made",
    );
  }
  if (known.code !== 0) {
    const { code, message } = missingModule("modprobe", "dummy", known.stderr);
    throw new Doubt(code, message);
  }
}

/** Whether it matters depends on how pods are wired, so a kernel without it is a doubt. */
async function probeBridge(prober: Prober): Promise<void> {
  const look = (): Promise<ToolOutput> =>
    prober.run("sysctl", ["-n", "net.bridge.bridge-nf-call-iptables"]);
  if ((await look()).code === 0) return;
  if (await prober.load("br_netfilter") && (await look()).code === 0) return;
  throw new Doubt(
    "kernel.unsupported",
    "the kernel module br_netfilter is not loaded, so a pod does not reach a pod on its own bridge through a virtual IP: modprobe br_netfilter",
  );
}

/** `nftables v1.0.6 (Lester Gooch #5)` as numbers. */
export function parseNftVersion(
  text: string,
): [number, number, number] | undefined {
  const match = /nftables v(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null
    ? undefined
    : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

function isOlder(
  version: readonly [number, number, number],
  oldest: readonly [number, number, number],
): boolean {
  const at = version.findIndex((part, i) => part !== oldest[i]);
  return at >= 0 && (version[at] ?? 0) < (oldest[at] ?? 0);
}

function failed(tool: string, output: ToolOutput): KernelError {
  const said = quote(output.stderr);
  return new KernelError("tool.failed", tool, `${tool}: ${said}`, said);
}
