/**
 * What `nft -j list table inet fairway` prints, as entries.
 *
 * @see libnftables-json(5)
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import { ipToBytes, tryParseIp } from "../net/ip.ts";
import {
  type NftChain,
  type NftElement,
  nftKey,
  type NftRule,
  type NftRules,
  type NftSet,
  type NftValue,
} from "./nft.ts";

/** The hash of rules whose comments are missing, incomplete or out of order: equal to no desired hash. */
export const NFT_DRIFTED = "drifted";

/** One counter object's reading. */
export interface NftCounterReading {
  readonly packets: number;
  readonly bytes: number;
}

type Json = { readonly [field: string]: unknown };

/**
 * Parses a listing of the table.
 *
 * Rules come back without their bodies, with the hash and notes their comments
 * carry. What Fairway does not make (rules without comment, sets with other
 * flags) comes back as a value that equals none it wants.
 *
 * @throws {FairwayError} `tool.failed` when the text is not such a listing
 */
export function parseNftTable(text: string): Map<string, NftValue> {
  const state = new Map<string, NftValue>();
  const put = (value: NftValue): void => {
    state.set(nftKey(value), value);
  };
  const comments = new Map<string, string[]>();
  for (const item of listed(text)) {
    const [kind, body] = Object.entries(item)[0] ?? ["", {}];
    const object = asObject(body);
    switch (kind) {
      case "counter":
        put({ kind: "counter", name: asText(object["name"]) });
        break;
      case "set":
      case "map":
        parseSet(object, put);
        break;
      case "chain":
        put(parseChain(object));
        break;
      case "rule": {
        const chain = asText(object["chain"]);
        const list = comments.get(chain) ?? [];
        list.push(asText(object["comment"]));
        comments.set(chain, list);
        break;
      }
    }
  }
  for (const [chain, list] of comments) put(parseComments(chain, list));
  return state;
}

/**
 * The readings of named counters in a listing of the table or of its counters.
 *
 * @throws {FairwayError} `tool.failed` when the text is not such a listing
 */
export function parseNftCounters(
  text: string,
): Map<string, NftCounterReading> {
  const readings = new Map<string, NftCounterReading>();
  for (const item of listed(text)) {
    if (item["counter"] === undefined) continue;
    const counter = asObject(item["counter"]);
    readings.set(asText(counter["name"]), {
      packets: Number(counter["packets"]),
      bytes: Number(counter["bytes"]),
    });
  }
  return readings;
}

function listed(text: string): Json[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new FairwayError("tool.failed", "nft printed no JSON", { cause });
  }
  const items = asObject(parsed)["nftables"];
  if (!Array.isArray(items)) {
    throw new FairwayError("tool.failed", "nft printed no list of objects");
  }
  return items.map(asObject);
}

function parseSet(object: Json, put: (value: NftValue) => void): void {
  const set = asText(object["name"]);
  const types = asTypes(object["type"]);
  const flags = asList(object["flags"]).map(asText);
  const others = flags.filter((flag) => flag !== "interval");
  const type = others.length === 0
    ? types.join(" . ")
    : `${types.join(" . ")} flags ${others.join(" ")}`;
  const data = object["map"] === undefined
    ? undefined
    : asTypes(object["map"]).join(" . ");
  const value: NftSet = {
    kind: "set",
    name: set,
    type,
    ...(data === undefined ? {} : { data }),
    ...(flags.includes("interval") ? { interval: true } : {}),
  };
  put(value);
  for (const item of asList(object["elem"])) {
    const [key, datum] = data !== undefined && Array.isArray(item)
      ? item as unknown[]
      : [item];
    const element: NftElement = {
      kind: "element",
      set,
      element: expressionText(key, types),
      ...(data === undefined ? {} : { data: dataText(datum) }),
    };
    put(element);
  }
}

function parseChain(object: Json): NftChain {
  const name = asText(object["name"]);
  if (object["hook"] === undefined) return { kind: "chain", name };
  // Values of a foreign make are kept as they are: they differ from every wanted one.
  const hook = {
    type: asText(object["type"]),
    hook: asText(object["hook"]),
    priority: Number(object["prio"]),
    policy: asText(object["policy"]),
  } as NonNullable<NftChain["hook"]>;
  return { kind: "chain", name, hook };
}

function parseComments(chain: string, comments: readonly string[]): NftRules {
  const rules: NftRule[] = [];
  let hash: string | undefined;
  const drifted = {
    kind: "rules",
    chain,
    rules: [],
    hash: NFT_DRIFTED,
  } as const;
  if (comments.length === 1) {
    const empty = /^([^: ]+):0\/0$/.exec(comments[0] ?? "")?.[1];
    if (empty !== undefined) {
      return { kind: "rules", chain, rules: [], hash: empty };
    }
  }
  for (const [i, comment] of comments.entries()) {
    const match = /^([^: ]+):(\d+)\/(\d+)(?: (.*))?$/.exec(comment);
    if (
      match === null || Number(match[2]) !== i + 1 ||
      Number(match[3]) !== comments.length ||
      (hash !== undefined && match[1] !== hash)
    ) return drifted;
    hash = match[1];
    rules.push(
      match[4] === undefined ? { body: "" } : { body: "", note: match[4] },
    );
  }
  return hash === undefined ? drifted : { kind: "rules", chain, rules, hash };
}

/** Protocol names do not hang on /etc/protocols, which a minimal system lacks. */
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "ipv6-icmp",
  132: "sctp",
};

function expressionText(expression: unknown, types: readonly string[]): string {
  if (typeof expression === "number") {
    return types[0] === "inet_proto"
      ? PROTOCOLS[expression] ?? String(expression)
      : String(expression);
  }
  if (typeof expression === "string") return addressText(expression);
  const object = asObject(expression);
  if (Array.isArray(object["concat"])) {
    return object["concat"].map((part, i) =>
      expressionText(part, types.slice(i, i + 1))
    ).join(" . ");
  }
  if (object["prefix"] !== undefined) {
    const prefix = asObject(object["prefix"]);
    return `${expressionText(prefix["addr"], types)}/${prefix["len"]}`;
  }
  if (Array.isArray(object["range"])) {
    return object["range"].map((end) => expressionText(end, types)).join("-");
  }
  // An element with a counter, a timeout or a comment is wrapped.
  if (object["elem"] !== undefined) {
    return expressionText(asObject(object["elem"])["val"], types);
  }
  return JSON.stringify(expression);
}

/** nft writes `::10.0.0.1` where RFC 5952 writes `::a00:1`. */
function addressText(text: string): string {
  const tail = text.startsWith("::") ? tryParseIp(text.slice(2)) : undefined;
  if (tail === undefined) return text;
  const [a = 0, b = 0, c = 0, d = 0] = ipToBytes(tail);
  const groups = [a << 8 | b, c << 8 | d].map((group) => group.toString(16));
  return tryParseIp(`::${groups.join(":")}`) ?? text;
}

function dataText(data: unknown): string {
  if (typeof data === "object" && data !== null) {
    const [word, value] = Object.entries(data)[0] ?? [];
    switch (word) {
      case "accept":
      case "drop":
      case "continue":
      case "return":
        return word;
      case "goto":
      case "jump":
        return `${word} ${asText(asObject(value)["target"])}`;
    }
  }
  return expressionText(data, []);
}

/** A type is one word, or the words of a concatenation as a list or joined. */
function asTypes(value: unknown): string[] {
  return Array.isArray(value) ? value.map(asText) : asText(value).split(" . ");
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? value as Json : {};
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
