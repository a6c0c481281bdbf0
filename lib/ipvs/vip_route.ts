/**
 * Local routes: how virtual IPs become addresses of the node without being
 * assigned to an interface.
 *
 * One route covers a whole service range, so 10,000 services need no address at
 * all. Its preferred source makes the node's own connections leave with the
 * node's address.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import {
  DUMMY_LINK,
  ipKey,
  type IpRoute,
  type IpValue,
  ROUTE_PROTOCOL,
  TABLE_LOCAL,
} from "../dataplane/ip.ts";
import type { Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";

/** The entry of {@linkcode DUMMY_LINK} that all local routes need. */
export const DUMMY_LINK_ENTRY: Entry<IpValue> = {
  key: `link/${DUMMY_LINK}`,
  value: { kind: "link", name: DUMMY_LINK, type: "dummy", up: true },
};

/**
 * Makes a prefix local to the node.
 *
 * @param source address that the node's own connections into the prefix leave with
 */
export function localRoute(
  destination: Prefix,
  source: Ip,
  owner?: string,
): Entry<IpValue> {
  const value: IpRoute = {
    kind: "route",
    table: TABLE_LOCAL,
    destination,
    type: "local",
    nextHops: [{ link: DUMMY_LINK, weight: 1 }],
    source,
    protocol: ROUTE_PROTOCOL,
  };
  return {
    key: ipKey(value),
    value,
    needs: [DUMMY_LINK_ENTRY.key],
    ...(owner === undefined ? {} : { owner }),
  };
}
