/**
 * When two values of the ip target are the same to the kernel.
 *
 * @module
 */

import { compareIp } from "../net/ip.ts";
import type { IpRoute, IpValue, NextHop } from "./ip.ts";

/** Orders the ways of a route: by gateway, then by link. */
export function compareNextHops(a: NextHop, b: NextHop): number {
  if (a.via !== undefined && b.via !== undefined && a.via !== b.via) {
    return compareIp(a.via, b.via);
  }
  if ((a.via === undefined) !== (b.via === undefined)) {
    return a.via === undefined ? -1 : 1;
  }
  const [left, right] = [a.link ?? "", b.link ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * Whether the kernel's value is what is wanted. What the kernel fills in is
 * ignored: the link of a gateway, the MTU, the weight of a single way.
 */
export function ipEqual(desired: IpValue, observed: IpValue): boolean {
  switch (desired.kind) {
    case "link":
      return observed.kind === "link" && observed.type === desired.type &&
        observed.up === desired.up &&
        (desired.mtu === undefined || observed.mtu === desired.mtu);
    case "address":
      return observed.kind === "address";
    case "route":
      return observed.kind === "route" && routeEqual(desired, observed);
    case "rule":
      return observed.kind === "rule" && observed.table === desired.table &&
        observed.mark === desired.mark && observed.from === desired.from;
  }
}

function routeEqual(desired: IpRoute, observed: IpRoute): boolean {
  if (
    desired.type !== observed.type || desired.source !== observed.source ||
    desired.protocol !== observed.protocol ||
    desired.nextHops.length !== observed.nextHops.length
  ) return false;
  const single = desired.nextHops.length === 1;
  const wanted = [...desired.nextHops].sort(compareNextHops);
  const there = [...observed.nextHops].sort(compareNextHops);
  return wanted.every((hop, i) => {
    const other = there[i];
    return other !== undefined && hop.via === other.via &&
      (hop.link === undefined || hop.link === other.link) &&
      (single || hop.weight === other.weight) &&
      (hop.onLink ?? false) === (other.onLink ?? false);
  });
}
