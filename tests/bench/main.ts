/**
 * `deno task bench`: the figures the project promises, each beside its floor or
 * its bound. `deno task bench store convergence` runs some of them.
 *
 * @module
 */

import { benchConvergence } from "./convergence.ts";
import { benchServiceConvergence } from "./service_convergence.ts";

/** Runs a bench in a process of its own, so that its heap is its own. */
async function alone(file: string, flags: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...flags, new URL(file, import.meta.url).pathname],
  }).spawn().status;
  if (!success) throw new Error(`${file} failed`);
}

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  store: () => alone("store.ts", ["--v8-flags=--expose-gc"]),
  convergence: benchConvergence,
  services: benchServiceConvergence,
};

const wanted = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
for (const name of wanted) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(
      `no bench "${name}"; there are ${Object.keys(BENCHES).join(", ")}`,
    );
    Deno.exit(2);
  }
  console.log(`\n# ${name}`);
  await bench();
}
