/**
 * How a next hop is reached.
 *
 * A next hop in a subnet of this node needs nothing but the route itself. One
 * further away is reached through a tunnel, where tunnels are on; else its
 * traffic is left to the network, which must know the way to the prefix.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import { type Prefix, prefixContains } from "../net/prefix.ts";

/** How packets to a next hop travel. */
export type Reach = "direct" | "tunnel" | "underlay";

/** What decides about it. */
export interface ReachRules {
  /** Subnets of this node's interfaces; undefined when unknown, and then every next hop counts as near. */
  readonly connected: readonly Prefix[] | undefined;
  /** `full`: tunnels to every node; `subnet`: only where the next hop is not in a subnet of ours. */
  readonly overlay: "off" | "subnet" | "full";
}

/** How a next hop is reached. */
export function reachOf(nextHop: Ip, rules: ReachRules): Reach {
  const isNear = rules.connected === undefined ||
    rules.connected.some((subnet) => prefixContains(subnet, nextHop));
  if (rules.overlay === "full") return "tunnel";
  if (isNear) return "direct";
  return rules.overlay === "subnet" ? "tunnel" : "underlay";
}
