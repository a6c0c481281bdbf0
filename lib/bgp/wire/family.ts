/**
 * Address families as BGP numbers them.
 *
 * @module
 */

import type { Family } from "../../net/ip.ts";

/** A pair of address family and subsequent address family identifiers (RFC 4760 §3). */
export interface AfiSafi {
  readonly afi: number;
  readonly safi: number;
}

/** SAFI of unicast forwarding, the only one whose routes we hold. */
export const SAFI_UNICAST = 1;

/** The AFI of a family: 1 for IPv4, 2 for IPv6. */
export function afiOf(family: Family): number {
  return family === 4 ? 1 : 2;
}

/** The family whose unicast routes a pair names, or undefined for what we do not hold. */
export function unicastFamily(afi: number, safi: number): Family | undefined {
  if (safi !== SAFI_UNICAST) return undefined;
  return afi === 1 ? 4 : afi === 2 ? 6 : undefined;
}
