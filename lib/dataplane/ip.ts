/**
 * What Fairway keeps through iproute2: links, addresses, routes, rules.
 *
 * Keys: `link/NAME`, `address/LINK/PREFIX`, `route/TABLE/PREFIX`,
 * `rule/FAMILY/PRIORITY`. What is ours is recognised by its name (links), its
 * link (addresses), its protocol (routes) or its priority (rules).
 *
 * @module
 */

import type { Family, Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";

/** The interface that makes virtual IPs local to the node. */
export const DUMMY_LINK = "kube-dummy-if";
/** rtnetlink protocol `bgp` (186): every route Fairway makes in tables it shares. */
export const ROUTE_PROTOCOL = 186;
/** Routing tables by number, as iproute2 numbers them. */
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;

/** A network interface of ours. */
export interface IpLink {
  readonly kind: "link";
  readonly name: string;
  readonly type: "dummy" | "ipip" | "ip6tnl" | "sit";
  readonly up: boolean;
  readonly mtu?: number;
}

/** An address on an interface of ours. */
export interface IpAddress {
  readonly kind: "address";
  readonly link: string;
  /** With the length of the address on the link, usually /32 or /128. */
  readonly prefix: Prefix;
}

/** One way of a route. */
export interface NextHop {
  readonly via?: Ip;
  readonly link?: string;
  /** 1 to 256. */
  readonly weight: number;
  /** The gateway is reachable on `link` although no subnet there holds it. */
  readonly onLink?: boolean;
}

/** A route. */
export interface IpRoute {
  readonly kind: "route";
  readonly table: number;
  readonly destination: Prefix;
  readonly type: "unicast" | "local" | "blackhole" | "unreachable";
  /** Sorted; empty for blackhole and unreachable. */
  readonly nextHops: readonly NextHop[];
  /** Preferred source address. */
  readonly source?: Ip;
  /** rtnetlink protocol number. */
  readonly protocol: number;
}

/** A routing policy rule. */
export interface IpRule {
  readonly kind: "rule";
  readonly family: Family;
  readonly priority: number;
  readonly from?: Prefix;
  readonly mark?: number;
  readonly table: number;
}

/** A value of the ip target. */
export type IpValue = IpLink | IpAddress | IpRoute | IpRule;

/** The key of a value. */
export function ipKey(value: IpValue): string {
  switch (value.kind) {
    case "link":
      return `link/${value.name}`;
    case "address":
      return `address/${value.link}/${value.prefix}`;
    case "route":
      return `route/${value.table}/${value.destination}`;
    case "rule":
      return `rule/${value.family}/${value.priority}`;
  }
}
