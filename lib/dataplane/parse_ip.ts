/**
 * What `ip -j -N` lists, as values.
 *
 * With `-N`, tables, protocols and types come as numbers, so nothing hangs on the
 * name files in /etc/iproute2.
 *
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import { type Family, familyOf, type Ip, tryParseIp } from "../net/ip.ts";
import { makePrefix, type Prefix, tryParsePrefix } from "../net/prefix.ts";
import { compareNextHops } from "./equal_ip.ts";
import {
  type IpAddress,
  type IpLink,
  type IpRoute,
  type IpRule,
  type NextHop,
  TABLE_MAIN,
} from "./ip.ts";

type Json = { readonly [field: string]: unknown };

/** rtnetlink route types, as `-N` prints them and by name. */
const ROUTE_TYPES: Readonly<Record<string, IpRoute["type"]>> = {
  "1": "unicast",
  "2": "local",
  "6": "blackhole",
  "7": "unreachable",
  unicast: "unicast",
  local: "local",
  blackhole: "blackhole",
  unreachable: "unreachable",
};

/** One route as listed; its protocol may be left out by a listing that filters on it. */
export interface ListedRoute {
  readonly route: Omit<IpRoute, "protocol">;
  readonly protocol: number | undefined;
  /** Priority among routes of one destination; 0 is the first. */
  readonly metric: number;
}

/**
 * Splits what a batch of listings prints: one JSON array a listing.
 *
 * @throws {FairwayError} `tool.failed` when a line is no JSON array
 */
export function parseIpLists(text: string): Json[][] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    let list: unknown;
    try {
      list = JSON.parse(line);
    } catch (cause) {
      throw new FairwayError("tool.failed", "ip printed no JSON", { cause });
    }
    if (!Array.isArray(list)) {
      throw new FairwayError("tool.failed", "ip printed no list");
    }
    return list.filter((item): item is Json =>
      typeof item === "object" && item !== null
    );
  });
}

/** A link of the type that was listed. */
export function parseIpLink(
  json: Json,
  type: IpLink["type"],
): IpLink | undefined {
  const name = json["ifname"];
  if (typeof name !== "string") return undefined;
  return {
    kind: "link",
    name,
    type,
    up: strings(json["flags"]).includes("UP"),
    mtu: Number(json["mtu"]),
  };
}

/** The addresses of one link, without those that the kernel makes (IPv6 link-local). */
export function parseIpAddresses(json: Json): IpAddress[] {
  const link = json["ifname"];
  if (typeof link !== "string") return [];
  const addresses: IpAddress[] = [];
  for (const info of objects(json["addr_info"])) {
    const address = ip(info["local"]);
    const length = Number(info["prefixlen"]);
    if (address === undefined || /^fe[89ab]/.test(address)) continue;
    addresses.push({
      kind: "address",
      link,
      prefix: makePrefix(address, length),
    });
  }
  return addresses;
}

/** A route of a type we know, or undefined. */
export function parseIpRoute(
  json: Json,
  family: Family,
): ListedRoute | undefined {
  const type = ROUTE_TYPES[String(json["type"] ?? "unicast")];
  const destination = destinationOf(json["dst"], family);
  if (type === undefined || destination === undefined) return undefined;
  const source = ip(json["prefsrc"]);
  const protocol = json["protocol"];
  return {
    route: {
      kind: "route",
      table: Number(json["table"] ?? TABLE_MAIN),
      destination,
      type,
      nextHops: nextHopsOf(json, type),
      ...(source === undefined ? {} : { source }),
    },
    protocol: protocol === undefined ? undefined : Number(protocol),
    metric: Number(json["metric"] ?? 0),
  };
}

/** The fields of a rule that we make; any other is a selector or action we never use. */
const RULE_FIELDS: ReadonlySet<string> = new Set([
  "priority",
  "src",
  "srclen",
  "fwmark",
  "table",
  "protocol",
]);

/** A rule; one with selectors we never use has table 0, and so differs from every rule we want. */
export function parseIpRule(json: Json, family: Family): IpRule | undefined {
  const priority = Number(json["priority"]);
  const usual = Object.keys(json).every((field) => RULE_FIELDS.has(field));
  const table = usual ? Number(json["table"]) : 0;
  if (!Number.isInteger(priority) || !Number.isInteger(table)) return undefined;
  const source = json["src"];
  const from = source === "all" ? undefined : tryParsePrefix(
    `${source}/${json["srclen"] ?? (family === 4 ? 32 : 128)}`,
  );
  const mark = json["fwmark"];
  return {
    kind: "rule",
    family,
    priority,
    ...(from === undefined ? {} : { from }),
    ...(mark === undefined ? {} : { mark: Number(mark) }),
    table,
  };
}

function nextHopsOf(json: Json, type: IpRoute["type"]): NextHop[] {
  // IPv6 shows `dev lo` for routes that lead nowhere.
  if (type === "blackhole" || type === "unreachable") return [];
  const listed = Array.isArray(json["nexthops"])
    ? objects(json["nexthops"])
    : [json];
  return listed.map(nextHopOf).sort(compareNextHops);
}

function nextHopOf(json: Json): NextHop {
  const other = json["via"];
  const via = ip(json["gateway"]) ??
    (typeof other === "object" && other !== null
      ? ip((other as Json)["host"])
      : undefined);
  const link = json["dev"];
  return {
    ...(via === undefined ? {} : { via }),
    ...(typeof link === "string" ? { link } : {}),
    weight: Number(json["weight"] ?? 1),
    ...(strings(json["flags"]).includes("onlink") ? { onLink: true } : {}),
  };
}

function destinationOf(value: unknown, family: Family): Prefix | undefined {
  if (typeof value !== "string") return undefined;
  if (value === "default") {
    return tryParsePrefix(family === 4 ? "0.0.0.0/0" : "::/0");
  }
  const address = tryParseIp(value);
  return address === undefined
    ? tryParsePrefix(value)
    : makePrefix(address, familyOf(address) === 4 ? 32 : 128);
}

function ip(value: unknown): Ip | undefined {
  return typeof value === "string" ? tryParseIp(value) : undefined;
}

function objects(value: unknown): Json[] {
  return Array.isArray(value)
    ? value.filter((item) => typeof item === "object" && item !== null)
    : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value)
    ? value.filter((item) => typeof item === "string")
    : [];
}
