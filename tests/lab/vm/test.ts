/**
 * Runs the tests named `*_vm_test.ts` in the lab's virtual machine, all in one
 * boot: `deno run -A tests/lab/vm/test.ts [FILE…]`, every such file by default.
 *
 * Each file is bundled on the host, because thousands of small modules take a
 * minute to load over 9p and to translate; types are checked there too.
 * Inside, the working directory is the root of the checkout: a test opens its
 * data by a path from there, not from `import.meta.url`.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { capture } from "../system/process.ts";
import { bundleAgent } from "./agent_bundle.ts";
import { Machine } from "./machine.ts";

const ROOT = new URL("../../../", import.meta.url).pathname.replace(/\/$/, "");

/** All `*_vm_test.ts` files below a directory, sorted. */
export async function findMachineTests(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) found.push(...await findMachineTests(path));
    else if (entry.name.endsWith("_vm_test.ts")) found.push(path);
  }
  return found.sort();
}

/**
 * Bundles each file into `directory` under a name made of its path.
 *
 * @throws {LabError} for a file that does not bundle
 */
async function bundle(
  files: readonly string[],
  directory: string,
): Promise<readonly string[]> {
  const queue = [...files];
  const bundles: string[] = [];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const flat = file.replace(`${ROOT}/`, "").replaceAll("/", "_");
      const output = `${directory}/${flat.replace(/_test\.ts$/, "_test.js")}`;
      await capture("deno", [
        ...["bundle", "--quiet", "--platform", "deno", "-o", output, file],
      ], { cwd: ROOT, deadlineMs: 120_000 });
      bundles.push(output);
    }
  };
  await Promise.all([worker(), worker()]);
  return bundles.sort();
}

/** The settings of the checkout that change how a bundle runs. */
async function testSettings(): Promise<string> {
  const { test, unstable } = JSON.parse(
    await Deno.readTextFile(`${ROOT}/deno.json`),
  );
  return JSON.stringify({ test, unstable });
}

async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const named = args.filter((arg) => !arg.startsWith("--"));
  const files = named.length > 0
    ? await Promise.all(named.map((file) => Deno.realPath(file)))
    : await findMachineTests(`${ROOT}/tests`);
  if (files.length === 0) throw new LabError("no file named *_vm_test.ts");
  await capture("deno", ["check", "--quiet", ...files], {
    cwd: ROOT,
    deadlineMs: 120_000,
  });
  const directory = await Deno.makeTempDir({ prefix: "lab-vm-tests-" });
  try {
    const [bundles, env] = await Promise.all([
      bundle(files, directory),
      bundleAgent(ROOT, directory),
    ]);
    const config = `${directory}/deno.json`;
    await Deno.writeTextFile(config, await testSettings());
    const forward = (stream: typeof Deno.stdout) =>
    (
      chunk: Uint8Array,
    ): void => {
      for (let sent = 0; sent < chunk.length;) {
        sent += stream.writeSync(chunk.subarray(sent));
      }
    };
    await using machine = await Machine.start({
      command: [
        ...["deno", "test", "-A", "--no-check", "--no-lock"],
        ...["--config", config, ...flags, ...bundles],
      ],
      cwd: ROOT,
      env,
      deadlineMs: 20 * 60_000,
      onStdout: forward(Deno.stdout),
      onStderr: forward(Deno.stderr),
    });
    return await machine.exit;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    console.error(`lab: ${error.message}`);
    Deno.exit(125);
  }
}
