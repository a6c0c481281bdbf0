/**
 * Fairway as the agent of a lab.
 *
 * @module
 */

import type { AgentCommand, Lab } from "./lab.ts";
import { LabError } from "./system/error.ts";
import type { NodePlan } from "./topology/plan.ts";
import { waitFor } from "./wait.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** How to run Fairway on the nodes. */
export interface FairwayOptions {
  /** Further flags of `fairway run`. */
  readonly flags?: readonly string[];
  /** Default: `$LAB_AGENT`, a bundle made for the machine, else the checkout's `main.ts`. */
  readonly program?: string;
}

/** Ports of the agent, on the loopback of its node. */
export const FAIRWAY_PORTS = { health: 20244, api: 20245 } as const;

/**
 * The words that begin every Fairway command in the lab: Deno with the agent's
 * own permissions, and the program.
 */
export function fairwayProgram(program?: string): readonly string[] {
  const root = Deno.env.get("LAB_ROOT") ?? ROOT;
  const file = program ?? Deno.env.get("LAB_AGENT") ?? `${root}/main.ts`;
  return [
    // With npm packages in its configuration Deno asks the registry at each
    // start, and where there is no network that takes most of a minute.
    ...["deno", "run", "--quiet", "--cached-only", "--no-lock"],
    ...["--config", `${root}/deno.json`, "-P=agent", file],
  ];
}

/**
 * The flags of one node's agent: the lab's manifests, families, ranges and
 * router.
 */
export function fairwayFlags(node: NodePlan, lab: Lab): readonly string[] {
  const { plan } = lab;
  const has = (family: "ipv4" | "ipv6"): string =>
    String(plan.families.includes(family));
  const gateways = node.gateways.map(({ address }) => address);
  return [
    `--hostname-override=${node.name}`,
    `--enable-ipv4=${has("ipv4")}`,
    `--enable-ipv6=${has("ipv6")}`,
    `--service-cluster-ip-range=${plan.serviceRanges.join(",")}`,
    `--cluster-asn=${plan.clusterAs}`,
    `--peer-router-ips=${gateways.join(",")}`,
    `--peer-router-asns=${gateways.map(() => plan.routerAs).join(",")}`,
    "--advertise-cluster-ip=true",
    "--enable-overlay=false",
    "--bgp-graceful-restart=true",
  ];
}

/** For {@linkcode LabOptions.agent}: Fairway reading the lab's manifests. */
export function fairwayAgent(
  options: FairwayOptions = {},
): (node: NodePlan, lab: Lab) => AgentCommand {
  return (node, lab) => ({
    command: [
      ...fairwayProgram(options.program),
      ...["run", `--manifests=${lab.manifests}`],
      ...fairwayFlags(node, lab),
      ...options.flags ?? [],
    ],
  });
}

/**
 * Waits until the agents of all nodes, or of those named, are ready.
 *
 * @throws {LabError} after the deadline, with what the agent says it waits for
 */
export async function agentsReady(
  lab: Lab,
  nodes: readonly string[] = lab.plan.nodes.map(({ name }) => name),
): Promise<void> {
  await Promise.all(nodes.map(async (node) => {
    const url = await lab.forward(node, FAIRWAY_PORTS.health);
    let said = "";
    await waitFor(async () => {
      const { status } = lab.agent(node);
      if (status) throw new LabError(`it ended with code ${status.code}`);
      const response = await fetch(`${url}/readyz`).catch(() => undefined);
      said = await response?.text() ?? "nothing listens";
      return response?.ok;
    }, {
      what: `the agent of ${node} is ready`,
      deadlineMs: Deno.env.get("LAB_MACHINE") ? 180_000 : 30_000,
      pauseMs: 100,
    }).catch((error) => {
      throw new LabError(`${error.message}: ${said}`);
    });
  }));
}
