/**
 * Addresses that must not be the goal of cluster traffic.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import { parsePrefix, prefixContains } from "../net/prefix.ts";
import type { Reader } from "./reader.ts";

/** What the API server refuses in endpoints and external addresses, with the name of each. */
const SPECIAL = ([
  ["0.0.0.0/32", "the unspecified address"],
  ["::/128", "the unspecified address"],
  ["127.0.0.0/8", "a loopback address"],
  ["::1/128", "a loopback address"],
  ["169.254.0.0/16", "a link-local address"],
  ["fe80::/10", "a link-local address"],
  ["224.0.0.0/24", "a link-local multicast address"],
  ["ff02::/16", "a link-local multicast address"],
] as const).map(([text, meaning]) => ({ prefix: parsePrefix(text), meaning }));

/** First characters an address of {@linkcode SPECIAL} can have: a quick way out for all others. */
const SUSPECT = /^(?:0\.|127\.|169\.|224\.|::|fe|ff)/;

/** What is special about an address, or undefined. */
export function specialMeaning(ip: Ip): string | undefined {
  if (!SUSPECT.test(ip)) return undefined;
  return SPECIAL.find(({ prefix }) => prefixContains(prefix, ip))?.meaning;
}

/**
 * Reads an address that traffic may be sent to. One that would lead to the node
 * itself is refused: it would open local-only listeners to the cluster.
 *
 * @see CVE-2021-25737 (endpoint slices with local addresses)
 */
export function readForeignIp(
  reader: Reader,
  value: unknown,
  field: string,
): Ip | undefined {
  const ip = reader.ip(value, field);
  if (ip === undefined) return undefined;
  const meaning = specialMeaning(ip);
  if (meaning === undefined) return ip;
  reader.refuse(field, value, `is ${meaning}`, "use an address of the network");
  return undefined;
}
