/**
 * ROUTE-REFRESH (RFC 2918, RFC 7313).
 *
 * @module
 */

import type { Family } from "../../net/ip.ts";
import { afiOf, SAFI_UNICAST, unicastFamily } from "./family.ts";

/** A ROUTE-REFRESH message. */
export interface RouteRefresh {
  /** Undefined for a family that we do not hold. */
  readonly family: Family | undefined;
  /** 0 asks for the routes again; 1 and 2 enclose a refresh (RFC 7313 §3.2). */
  readonly subtype: number;
}

/** Decodes the body of a ROUTE-REFRESH; the frame splitter has seen to its 4 octets. */
export function decodeRouteRefresh(body: Uint8Array): RouteRefresh {
  const afi = (body[0] ?? 0) * 256 + (body[1] ?? 0);
  return {
    family: unicastFamily(afi, body[3] ?? 0),
    subtype: body[2] ?? 0,
  };
}

/** The body of a ROUTE-REFRESH that asks for a family's routes again. */
export function encodeRouteRefreshBody(family: Family): Uint8Array {
  return Uint8Array.of(0, afiOf(family), 0, SAFI_UNICAST);
}
