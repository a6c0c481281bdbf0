/**
 * The demo: `deno run -A tests/lab/demo/main.ts [--check] [--port N]`. On this
 * host when it is root and the kernel has IPVS, else in the lab's machine.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { capture, run } from "../system/process.ts";
import { bundleAgent } from "../vm/agent_bundle.ts";
import { Machine } from "../vm/machine.ts";
import { type DemoOptions, runDemo } from "./inside.ts";

const ROOT = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");

const USAGE = `usage: sh deploy/demo.sh [--check] [--machine] [--port N]
  --check    show every claim, clean up and exit; 0 when all hold
  --machine  use the virtual machine even where this kernel would do
  --port N   of 127.0.0.1, for the dashboard (default 8245)
`;

interface Arguments {
  readonly check: boolean;
  readonly machine: boolean;
  readonly port: number;
}

/** @throws {LabError} with the usage */
function parseArguments(args: readonly string[]): Arguments {
  let check = false;
  let machine = false;
  let port = 8245;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--check") check = true;
    else if (args[i] === "--machine") machine = true;
    else if (args[i] === "--port" && /^\d+$/.test(args[i + 1] ?? "")) {
      port = Number(args[++i]);
    } else throw new LabError(`unknown argument "${args[i]}"\n${USAGE}`);
  }
  return { check, machine, port };
}

async function hostHasIpvs(): Promise<boolean> {
  if (Deno.uid() !== 0) return false;
  const { code } = await run("ipvsadm", ["-Ln"]);
  return code === 0;
}

/** Looks at the dashboard from this host until it answers, and says so. */
async function watchDashboard(
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/`;
  while (!signal.aborted) {
    const answered = await fetch(url, { signal: AbortSignal.timeout(10_000) })
      .then(async (response) => {
        await response.body?.cancel();
        return response.ok;
      }, () => false);
    if (answered) {
      console.log(`✓ The dashboard answers on this host: ${url}`);
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return false;
}

async function inMachine(
  options: DemoOptions,
  port: number,
): Promise<number> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-demo-" });
  try {
    console.log("bundles the agent and the lab, and boots Debian's kernel");
    const bundle = `${directory}/demo.js`;
    const [env] = await Promise.all([
      bundleAgent(ROOT, directory),
      capture("deno", [
        ...["bundle", "--quiet", "--platform", "deno", "-o", bundle],
        "tests/lab/demo/inside.ts",
      ], { cwd: ROOT, deadlineMs: 120_000 }),
    ]);
    const write = (stream: typeof Deno.stdout) => (chunk: Uint8Array): void => {
      for (let sent = 0; sent < chunk.length;) {
        sent += stream.writeSync(chunk.subarray(sent));
      }
    };
    await using machine = await Machine.start({
      command: [
        ...["deno", "run", "--quiet", "-A", "--no-lock", "--no-config"],
        ...["--unstable-net", bundle, JSON.stringify(options)],
      ],
      cwd: ROOT,
      env,
      deadlineMs: options.check ? 15 * 60_000 : 0,
      forwards: [{ hostPort: port, guestPort: options.dashboard.port }],
      onStdout: write(Deno.stdout),
      onStderr: write(Deno.stderr),
    });
    for (const signal of ["INT", "TERM"] as const) {
      Deno.addSignalListener(`SIG${signal}`, () => machine.send(signal));
    }
    return await machine.exit;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function main(): Promise<number> {
  const { check, machine, port } = parseArguments(Deno.args);
  const here = !machine && await hostHasIpvs();
  const options: DemoOptions = {
    check,
    application: `${ROOT}/deploy/demo`,
    dashboard: here
      ? { hostname: "127.0.0.1", port }
      : { hostname: "0.0.0.0", port: 8245 },
    directory: "/tmp/fairway-demo",
  };
  const done = new AbortController();
  const dashboard = watchDashboard(port, done.signal);
  const code = here
    ? await runDemo(options)
    : await inMachine(options, port).finally(() => done.abort());
  done.abort();
  if (await dashboard) return code;
  console.log("✗ The dashboard did not answer on this host");
  return 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    console.error(`demo: ${error.message}`);
    Deno.exit(1);
  }
}
