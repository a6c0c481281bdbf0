/**
 * What `ipvsadm -Sn` prints, as entries.
 *
 * @see ipvsadm(8)
 * @module
 */

import { type Ip, tryParseIp } from "../net/ip.ts";
import {
  type IpvsAddress,
  type IpvsDestination,
  ipvsKey,
  type IpvsService,
  type IpvsValue,
} from "./ipvs.ts";

/** ipvsadm prints scheduler flags by their scheduler's names; ours are the general ones. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  "sh-fallback": "flag-1",
  "sh-port": "flag-2",
  "mh-fallback": "flag-1",
  "mh-port": "flag-2",
};

/**
 * Parses a listing. An option that Fairway never uses becomes a flag of its
 * virtual server, which so differs from every one it wants.
 */
export function parseIpvs(text: string): Map<string, IpvsValue> {
  const state = new Map<string, IpvsValue>();
  for (const line of text.split("\n")) {
    const words = line.trim().split(/\s+/);
    const value = words[0] === "-A"
      ? parseService(words)
      : words[0] === "-a"
      ? parseDestination(words)
      : undefined;
    if (value !== undefined) state.set(ipvsKey(value), value);
  }
  return state;
}

function parseService(words: readonly string[]): IpvsService | undefined {
  const at = parseAt(words);
  if (at === undefined) return undefined;
  let scheduler = "";
  let persistentSeconds = 0;
  const flags: string[] = [];
  for (let i = at.next; i < words.length; i++) {
    const option = words[i] ?? "";
    switch (option) {
      case "-s":
        scheduler = words[++i] ?? "";
        break;
      case "-p":
        persistentSeconds = Number(words[++i]);
        break;
      case "-b":
        for (const flag of (words[++i] ?? "").split(",")) {
          flags.push(FLAG_NAMES[flag] ?? flag);
        }
        break;
      default:
        flags.push(option);
    }
  }
  return {
    kind: "service",
    at: at.at,
    scheduler,
    flags: flags.sort(),
    persistentSeconds,
  };
}

function parseDestination(
  words: readonly string[],
): IpvsDestination | undefined {
  const at = parseAt(words);
  if (at === undefined || words[at.next] !== "-r") return undefined;
  const socket = parseSocket(words[at.next + 1]);
  if (socket === undefined) return undefined;
  const weight = words.indexOf("-w");
  return {
    kind: "destination",
    at: at.at,
    ...socket,
    method: words.includes("-m")
      ? "masquerade"
      : words.includes("-i")
      ? "tunnel"
      : "route",
    weight: weight < 0 ? 1 : Number(words[weight + 1]),
  };
}

/** Reads `-t ADDRESS:PORT` and its like behind the command. */
function parseAt(
  words: readonly string[],
): { readonly at: IpvsAddress; readonly next: number } | undefined {
  const [, option, text] = words;
  if (option === "-f") {
    const mark = Number(text);
    const family = words[3] === "-6" ? 6 : 4;
    return Number.isInteger(mark)
      ? {
        at: { protocol: "mark", family, mark },
        next: family === 6 ? 4 : 3,
      }
      : undefined;
  }
  const protocol = option === "-t"
    ? "tcp"
    : option === "-u"
    ? "udp"
    : option === "--sctp-service"
    ? "sctp"
    : undefined;
  const socket = parseSocket(text);
  return protocol === undefined || socket === undefined
    ? undefined
    : { at: { protocol, ...socket }, next: 3 };
}

function parseSocket(
  text: string | undefined,
): { readonly address: Ip; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d+)$/.exec(text ?? "");
  const address = tryParseIp(match?.[1] ?? match?.[2] ?? "");
  return address === undefined
    ? undefined
    : { address, port: Number(match?.[3]) };
}
