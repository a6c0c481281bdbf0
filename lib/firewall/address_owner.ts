/**
 * Who an address belongs to.
 *
 * An address that one pod gives up and another takes is for a moment claimed by
 * both. Policy knows one owner at a time, so that a late deletion of the old pod
 * changes nothing for the new one.
 *
 * @module
 */

import type { ClusterView, Pod } from "../cluster/model.ts";
import type { Ip } from "../net/ip.ts";

/**
 * The pod that owns an address, or undefined: a pod that is not being deleted
 * goes before one that is, then the latest claim.
 */
export function ownerOf(view: ClusterView, ip: Ip): Pod | undefined {
  return view.podsByIp(ip)[0];
}

/** Whether a pod can own addresses that policy knows: it runs, in its own network. */
export function ownsAddresses(pod: Pod): boolean {
  return !pod.finished && !pod.hostNetwork;
}
