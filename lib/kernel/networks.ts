/**
 * The networks that this node is connected to.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import { DUMMY_LINK } from "../dataplane/ip.ts";
import { parseIpAddresses, parseIpLists } from "../dataplane/parse_ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { ToolRunner } from "./exec.ts";

/**
 * Lists the subnets of the node's interfaces, without loopback, IPv6 link-local
 * and interfaces of our own.
 *
 * @throws {KernelError}
 */
export async function readConnectedNetworks(
  runner: ToolRunner,
  signal: AbortSignal,
): Promise<readonly Prefix[]> {
  const output = await runner.run("ip", {
    args: ["-j", "address", "show"],
    signal,
  });
  if (output.code !== 0) {
    throw new KernelError(
      "tool.failed",
      "ip",
      "Cannot list the node's addresses",
      output.stderr,
    );
  }
  const networks = new Set<Prefix>();
  for (const list of parseIpLists(output.stdout)) {
    for (const link of list) {
      for (const address of parseIpAddresses(link)) {
        if (address.link === "lo" || address.link === DUMMY_LINK) continue;
        networks.add(address.prefix);
      }
    }
  }
  return [...networks];
}
