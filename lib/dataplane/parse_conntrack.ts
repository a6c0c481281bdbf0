/**
 * What `conntrack -L -o extended` prints.
 *
 * Each line is the family, the protocol and its number, the seconds left, a
 * state for some protocols, and fields `key=value`: first those of the original
 * way, then those of the reply. The fields say what they are, so lines of
 * protocols with fields of their own are read as well.
 *
 * @module
 */

import { type Family, tryParseIp } from "../net/ip.ts";
import type { Flow, FlowTuple } from "./conntrack.ts";

/** Parses a listing; a line without two pairs of addresses is left out. */
export function parseConntrack(text: string): Flow[] {
  const flows: Flow[] = [];
  for (const line of text.split("\n")) {
    const flow = parseFlow(line);
    if (flow !== undefined) flows.push(flow);
  }
  return flows;
}

function parseFlow(line: string): Flow | undefined {
  const words = line.split(/\s+/);
  const family: Family | undefined = words[0] === "ipv4"
    ? 4
    : words[0] === "ipv6"
    ? 6
    : undefined;
  const protocol = Number(words[3]);
  if (family === undefined || !Number.isInteger(protocol)) return undefined;
  const first = new Map<string, string>();
  const second = new Map<string, string>();
  for (const word of words.slice(4)) {
    const equals = word.indexOf("=");
    if (equals < 0) continue;
    const key = word.slice(0, equals);
    (first.has(key) ? second : first).set(key, word.slice(equals + 1));
  }
  const original = tupleOf(first);
  const reply = tupleOf(second);
  if (original === undefined || reply === undefined) return undefined;
  return {
    family,
    protocol,
    original,
    reply,
    mark: Number(first.get("mark") ?? 0),
  };
}

function tupleOf(fields: ReadonlyMap<string, string>): FlowTuple | undefined {
  const source = tryParseIp(fields.get("src") ?? "");
  const destination = tryParseIp(fields.get("dst") ?? "");
  if (source === undefined || destination === undefined) return undefined;
  return {
    source,
    destination,
    sourcePort: Number(fields.get("sport") ?? 0),
    destinationPort: Number(fields.get("dport") ?? 0),
  };
}
