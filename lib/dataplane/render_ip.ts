/**
 * Links, addresses, routes and rules as lines for `ip -batch -`.
 *
 * The arguments are addresses, numbers and names of our own making, in the
 * order iproute2 documents; a name that could be read as something else is a
 * fault.
 *
 * @see ip-link(8), ip-address(8), ip-route(8), ip-rule(8)
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { Op } from "../base/target.ts";
import { familyOf } from "../net/ip.ts";
import { prefixFamily } from "../net/prefix.ts";
import {
  type IpAddress,
  type IpLink,
  type IpRoute,
  type IpRule,
  type IpValue,
  type NextHop,
  ROUTE_PROTOCOL,
  TABLE_LOCAL,
} from "./ip.ts";

/** One `ip -batch` run. */
export interface IpBatch {
  /** `ip -6` is needed for rules: without it, a rule is IPv4 whatever its prefixes. */
  readonly family: "any" | "6";
  readonly text: string;
  /** Index of the operation by line, the first line at 0. */
  readonly opOfLine: readonly number[];
}

/** What the kernel calls each type of link; a test on a kernel without `dummy` gives another. */
export type LinkTypes = Readonly<Record<IpLink["type"], string>>;

/** The kernel's own names. */
export const LINK_TYPES: LinkTypes = {
  dummy: "dummy",
  ipip: "ipip",
  ip6tnl: "ip6tnl",
  sit: "sit",
};

/** IFNAMSIZ less the closing zero; what starts with a letter is no number and no option. */
const LINK_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/;

/**
 * The place of a key in a batch: links, addresses, routes, rules; IPv4 rules
 * before IPv6 rules, so that each family's rules are one piece.
 */
export function ipOrder(key: string): number {
  if (key.startsWith("link/")) return 0;
  if (key.startsWith("address/")) return 1;
  if (key.startsWith("route/")) return 2;
  return key.startsWith("rule/6/") ? 4 : 3;
}

/**
 * Renders operations as one run, or several when there are IPv6 rules among
 * them.
 *
 * @throws {FairwayError} `internal` when a name could be read as something else
 */
export function renderIpBatches(
  ops: readonly Op<IpValue>[],
  types: LinkTypes = LINK_TYPES,
): IpBatch[] {
  const batches: {
    family: IpBatch["family"];
    lines: string[];
    opOfLine: number[];
  }[] = [];
  ops.forEach((op, index) => {
    const value = op.kind === "remove" ? op.previous : op.value;
    const family = value.kind === "rule" && value.family === 6 ? "6" : "any";
    let batch = batches.at(-1);
    if (batch?.family !== family) {
      batch = { family, lines: [], opOfLine: [] };
      batches.push(batch);
    }
    for (const line of renderIpOp(op, types)) {
      batch.lines.push(line);
      batch.opOfLine.push(index);
    }
  });
  return batches.map(({ family, lines, opOfLine }) => ({
    family,
    text: lines.join("\n") + "\n",
    opOfLine,
  }));
}

/** One operation as lines of `ip` arguments. */
export function renderIpOp(
  op: Op<IpValue>,
  types: LinkTypes = LINK_TYPES,
): string[] {
  const value = op.kind === "remove" ? op.previous : op.value;
  switch (value.kind) {
    case "link":
      return renderLink(op.kind, value, types);
    case "address":
      return [renderAddress(op.kind, value)];
    case "route":
      return [renderRoute(op.kind, value)];
    case "rule":
      return renderRule(op, value);
  }
}

/** The `ip` lines that list what is ours of one family, in this order. */
export function renderIpReads(
  dummyLink: string,
  types: LinkTypes = LINK_TYPES,
): string {
  return [
    ...new Set(Object.values(types).map((type) => `link show type ${type}`)),
    "address show",
    "rule show",
    `route show table all proto ${ROUTE_PROTOCOL}`,
    // Last, because it fails and prints nothing while the link does not exist.
    `route show table ${TABLE_LOCAL} dev ${linkName(dummyLink)}`,
  ].join("\n") + "\n";
}

function renderLink(
  kind: Op<IpValue>["kind"],
  link: IpLink,
  types: LinkTypes,
): string[] {
  const name = linkName(link.name);
  if (kind === "remove") return [`link delete dev ${name}`];
  const mtu = link.mtu === undefined ? "" : ` mtu ${link.mtu}`;
  const set = `link set dev ${name} ${link.up ? "up" : "down"}${mtu}`;
  return kind === "add"
    ? [`link add name ${name} type ${types[link.type]}`, set]
    : [set];
}

function renderAddress(kind: Op<IpValue>["kind"], address: IpAddress): string {
  const verb = kind === "change"
    ? "replace"
    : kind === "add"
    ? "add"
    : "delete";
  // Nobody else can hold an address on a link of ours: it need not be probed for.
  const nodad = kind !== "remove" && prefixFamily(address.prefix) === 6
    ? " nodad"
    : "";
  return `address ${verb} ${address.prefix} dev ${
    linkName(address.link)
  }${nodad}`;
}

function renderRoute(kind: Op<IpValue>["kind"], route: IpRoute): string {
  const verb = kind === "change"
    ? "replace"
    : kind === "add"
    ? "add"
    : "delete";
  const words = [
    `route ${verb} ${route.type} ${route.destination}`,
    `proto ${route.protocol} table ${route.table}`,
  ];
  if (kind === "remove") return words.join(" ");
  if (route.source !== undefined) words.push(`src ${route.source}`);
  const [first] = route.nextHops;
  if (route.nextHops.length === 1 && first !== undefined) {
    words.push(renderNextHop(route, first));
  } else {
    for (const hop of route.nextHops) {
      words.push(`nexthop ${renderNextHop(route, hop)} weight ${hop.weight}`);
    }
  }
  return words.join(" ");
}

function renderNextHop(route: IpRoute, hop: NextHop): string {
  const words: string[] = [];
  if (hop.via !== undefined) {
    const family = familyOf(hop.via);
    const foreign = family !== prefixFamily(route.destination);
    words.push(
      `via ${foreign ? `inet${family === 6 ? "6" : ""} ` : ""}${hop.via}`,
    );
  }
  if (hop.link !== undefined) words.push(`dev ${linkName(hop.link)}`);
  if (hop.onLink === true) words.push("onlink");
  return words.join(" ");
}

function renderRule(op: Op<IpValue>, rule: IpRule): string[] {
  if (op.kind === "add") return [`rule add ${ruleWords(rule)}`];
  if (op.kind === "remove") return [`rule delete ${ruleWords(rule)}`];
  const previous = op.previous.kind === "rule" ? op.previous : rule;
  return [
    `rule add ${ruleWords(rule)}`,
    `rule delete ${ruleWords(previous)}`,
  ];
}

function ruleWords(rule: IpRule): string {
  const all = rule.family === 4 ? "0.0.0.0/0" : "::/0";
  const mark = rule.mark === undefined ? "" : ` fwmark ${rule.mark}`;
  return `from ${
    rule.from ?? all
  } priority ${rule.priority}${mark} table ${rule.table}`;
}

function linkName(name: string): string {
  if (!LINK_NAME.test(name)) {
    throw new FairwayError("internal", `ip: "${name}" is not a link name`);
  }
  return name;
}
