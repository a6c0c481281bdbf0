/**
 * What must hold before the agent writes anything: the tools, the kernel's
 * features, the ports.
 *
 * @module
 */

import { FairwayError, messageOf, ProblemsError } from "../base/errors.ts";
import type { Settings } from "../cluster/config/settings.ts";
import type { ToolRunner } from "../kernel/exec.ts";
import { type Capability, probeKernel } from "../kernel/probe.ts";

/**
 * Checks the machine; changes nothing but that a missing kernel module may be
 * loaded.
 *
 * @throws {ProblemsError} one line for each thing that is missing
 * @throws {FairwayError} `net.failed` when the BGP port is taken
 */
export async function preflight(
  settings: Settings,
  runner: ToolRunner,
  signal: AbortSignal,
): Promise<void> {
  const found = await probeKernel(runner, needsOf(settings), { signal });
  // What cannot be known without trying is left to the trying.
  const problems = found.filter((problem) => problem.certain);
  const [first] = problems;
  if (first !== undefined) {
    throw new ProblemsError(
      first.code,
      problems.map((problem) => problem.message),
    );
  }
  if (settings.runRouter) checkPort(settings.bgpPort);
}

function needsOf(settings: Settings): readonly Capability[] {
  const { runFirewall, runRouter, runServiceProxy } = settings;
  const needs = new Set<Capability>();
  if (runFirewall) needs.add("nft").add("sysctl");
  if (runRouter) needs.add("nft").add("ip");
  if (runServiceProxy) {
    needs.add("nft").add("ip").add("sysctl").add("ipvs").add("dummy")
      .add("bridge");
  }
  return [...needs];
}

/** The speaker listens on the node's addresses, which are not known yet; whoever has them has the port. */
function checkPort(port: number): void {
  try {
    Deno.listen({ hostname: "0.0.0.0", port }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new FairwayError(
        "net.failed",
        `cannot listen for BGP on port ${port}: the port is in use; stop the program that uses it, or choose another with --bgp-port`,
        { cause: error },
      );
    }
    throw new FairwayError(
      error instanceof Deno.errors.PermissionDenied ||
        error instanceof Deno.errors.NotCapable
        ? "permission.denied"
        : "net.failed",
      `cannot listen for BGP on port ${port}: ${
        messageOf(error)
      }; run as root, grant CAP_NET_BIND_SERVICE, or choose a port above 1023 with --bgp-port`,
      { cause: error },
    );
  }
}
