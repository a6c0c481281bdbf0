/**
 * The demo itself, on a kernel that has what it needs: this host's, or that of
 * the lab's machine.
 *
 * @module
 */

import {
  FAIRWAY_PORTS,
  fairwayAgent,
  fairwayFlags,
  fairwayProgram,
} from "../fairway_agent.ts";
import { Lab } from "../lab.ts";
import { claimsOf } from "./claims.ts";
import { expect, Report } from "./report.ts";
import { differences, snapshot } from "./snapshot.ts";

/** What the demo is asked for. */
export interface DemoOptions {
  /** Ends after the last claim instead of waiting. */
  readonly check: boolean;
  /** Holds `shop.yaml` and `policies.yaml`. */
  readonly application: string;
  /** Where the dashboard of the first node is served. */
  readonly dashboard: { readonly hostname: string; readonly port: number };
  /** For manifests, logs and state; made and removed. */
  readonly directory: string;
}

/** @returns the number of claims that did not hold */
export async function runDemo(options: DemoOptions): Promise<number> {
  const report = new Report();
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, resolve);
    }
  });
  await Deno.mkdir(options.directory, { recursive: true });
  report.step("builds two nodes, a BGP router and a client behind it");
  const lab = await Lab.up({
    directory: options.directory,
    agent: fairwayAgent({ flags: ["--log-format=text"] }),
  });
  try {
    report.step("starts the shop's pods");
    for (const file of ["shop.yaml", "policies.yaml"]) {
      const text = await Deno.readTextFile(`${options.application}/${file}`);
      await lab.cluster.apply(text);
    }
    const before = await snapshots(lab);
    report.step("starts an agent on each node");
    lab.startAgents();
    await lab.forward(
      lab.plan.nodes[0]?.name ?? "",
      FAIRWAY_PORTS.api,
      options.dashboard,
    );
    for (const claim of claimsOf(lab)) {
      await Promise.race([report.claim(claim), interrupted]);
    }
    if (!options.check) {
      report.conclude();
      console.log(
        "The demo stays up; its dashboard is served. Ctrl-C cleans up and ends it.",
      );
      await interrupted;
    }
    await report.claim({
      text: "cleanup leaves each node's namespace as it was before.",
      prove: () => cleanUp(lab, before),
    });
    report.conclude();
    if (report.failed > 0) console.error(await lab.report());
  } finally {
    await lab.down();
    await Deno.remove(options.directory, { recursive: true });
  }
  return report.failed;
}

async function snapshots(
  lab: Lab,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const all = new Map<string, readonly string[]>();
  for (const { name, namespace } of lab.plan.nodes) {
    all.set(name, await snapshot(namespace));
  }
  return all;
}

async function cleanUp(
  lab: Lab,
  before: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  await Promise.all(lab.plan.nodes.map(async ({ name }) => {
    await lab.agent(name).stop(60_000);
    const { code, stdout, stderr } = await lab.runOnNode(name, [
      ...fairwayProgram(),
      "cleanup",
      ...fairwayFlags(lab.node(name), lab),
    ], { deadlineMs: 120_000 });
    expect(code === 0, `cleanup on ${name}: ${code}: ${stdout}${stderr}`);
  }));
  const after = await snapshots(lab);
  const changed = [...before].flatMap(([name, lines]) =>
    differences(lines, after.get(name) ?? []).map((line) => `${name}: ${line}`)
  );
  expect(changed.length === 0, changed.join("\n"));
}

if (import.meta.main) {
  const [options] = Deno.args;
  expect(options !== undefined, "inside.ts is started by main.ts");
  Deno.exit(await runDemo(JSON.parse(options)) === 0 ? 0 : 1);
}
