/**
 * Learned routes as kernel routes.
 *
 * @module
 */

import type { Entry, SourceUpdate } from "../base/target.ts";
import {
  ipKey,
  type IpRoute,
  type IpValue,
  ROUTE_PROTOCOL,
  TABLE_MAIN,
} from "../dataplane/ip.ts";
import { compareIp, type Ip } from "../net/ip.ts";
import { comparePrefix, type Prefix } from "../net/prefix.ts";
import { reachOf, type ReachRules } from "./direct.ts";

/** A route that was learned and chosen; several next hops share its traffic. */
export interface LearnedRoute {
  readonly prefix: Prefix;
  readonly nextHops: readonly Ip[];
  /** For people: whom it was learned from. */
  readonly from?: string;
}

/** What decides about routes. */
export interface RouteRules extends ReachRules {
  /** A next hop of our own is never used. */
  readonly ownAddresses: ReadonlySet<Ip>;
}

/**
 * One learned route as a source of the ip target: in the main table, protocol
 * `bgp`, next hops sorted and each once. Next hops that need a tunnel, or that
 * are the network's business, are left out; without any left there is no route.
 */
export function compileRoute(
  route: LearnedRoute,
  rules: RouteRules,
): SourceUpdate<IpValue> {
  return {
    source: sourceOfRoute(route.prefix),
    entries: entries(route, rules),
  };
}

/** The source that a withdrawn prefix leaves empty. */
export function withdrawRoute(prefix: Prefix): SourceUpdate<IpValue> {
  return { source: sourceOfRoute(prefix), entries: [] };
}

/** All learned routes, sorted by prefix. */
export function compileRoutes(
  routes: Iterable<LearnedRoute>,
  rules: RouteRules,
): readonly Entry<IpValue>[] {
  return [...routes]
    .sort((a, b) => comparePrefix(a.prefix, b.prefix))
    .flatMap((route) => entries(route, rules));
}

function sourceOfRoute(prefix: Prefix): string {
  return `route ${prefix}`;
}

function entries(
  route: LearnedRoute,
  rules: RouteRules,
): readonly Entry<IpValue>[] {
  const nextHops = [...new Set(route.nextHops)]
    .filter((nextHop) =>
      !rules.ownAddresses.has(nextHop) && reachOf(nextHop, rules) === "direct"
    )
    .sort(compareIp);
  if (nextHops.length === 0) return [];
  const value: IpRoute = {
    kind: "route",
    table: TABLE_MAIN,
    destination: route.prefix,
    type: "unicast",
    nextHops: nextHops.map((via) => ({ via, weight: 1 })),
    protocol: ROUTE_PROTOCOL,
  };
  return [{
    key: ipKey(value),
    value,
    ...(route.from === undefined ? {} : { owner: route.from }),
  }];
}
