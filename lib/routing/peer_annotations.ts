/**
 * External peers of one node, from its annotations.
 *
 * Two forms: `kube-router.io/peers`, a YAML list, and the older
 * `kube-router.io/peer.ips` with its companions, comma lists of equal length. A
 * bad entry costs only itself.
 *
 * @module
 */

import { parseDocument } from "yaml";
import { messageOf } from "../base/errors.ts";
import type { Issue } from "../base/issue.ts";
import { decodePassword } from "../cluster/config/value_type.ts";
import type { Node } from "../cluster/model.ts";
import { familyOf, type Ip, tryParseIp } from "../net/ip.ts";

/** BFD towards one peer. */
export interface BfdSpec {
  readonly port: number;
  /** Milliseconds. */
  readonly desiredMinTxMs: number;
  readonly requiredMinRxMs: number;
  readonly detectMultiplier: number;
}

/** An external peer as configured; defaults are not filled in. */
export interface ExternalPeer {
  readonly address: Ip;
  /** 1 to 4294967295. */
  readonly remoteAs: number;
  /** Their TCP port; 179 when absent. */
  readonly port?: number;
  /** TCP-MD5 key, decoded. */
  readonly password?: string;
  readonly localAddress?: Ip;
  readonly bfd?: BfdSpec;
}

/** Peers, and what was wrong with others. */
export interface ParsedPeers {
  readonly peers: readonly ExternalPeer[];
  readonly issues: readonly Issue[];
}

const YAML_KEY = "kube-router.io/peers";
const IPS_KEY = "kube-router.io/peer.ips";
const DEFAULT_BFD: BfdSpec = {
  port: 3784,
  desiredMinTxMs: 1000,
  requiredMinRxMs: 1000,
  detectMultiplier: 3,
};

/** Whether a node names peers of its own. */
export function hasPeerAnnotations(node: Node): boolean {
  return node.annotations.has(YAML_KEY) || node.annotations.has(IPS_KEY);
}

/** Reads both forms; the YAML list wins when both are there. */
export function parsePeerAnnotations(node: Node): ParsedPeers {
  const yaml = node.annotations.get(YAML_KEY);
  if (yaml !== undefined) return parseYaml(node, yaml);
  const ips = node.annotations.get(IPS_KEY);
  return ips === undefined ? { peers: [], issues: [] } : parseLists(node, ips);
}

function parseYaml(node: Node, text: string): ParsedPeers {
  let list: unknown;
  try {
    const document = parseDocument(text, { logLevel: "silent" });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    list = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    return unusable(node, YAML_KEY, `is not YAML: ${messageOf(error)}`);
  }
  if (!Array.isArray(list)) return unusable(node, YAML_KEY, "is not a list");
  const reader = new PeerReader(node, YAML_KEY);
  for (const [index, entry] of list.entries()) {
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      reader.refuse(`[${index}]`, entry, "is not a peer with remoteip");
      continue;
    }
    const fields = new Map<string, unknown>(Object.entries(entry));
    reader.read(`[${index}]`, fields);
  }
  return reader.done();
}

/** Names of the companions of peer.ips, and of the YAML fields they stand for. */
const COMPANIONS = [
  ["asns", "remoteasn", true],
  ["ports", "port", false],
  ["passwords", "password", false],
  ["localips", "localip", false],
] as const;

function parseLists(node: Node, ips: string): ParsedPeers {
  const split = (text: string): readonly string[] =>
    text.split(",").map((part) => part.trim());
  const addresses = split(ips);
  const entries = addresses.map((ip) =>
    new Map<string, unknown>([["remoteip", ip]])
  );
  for (const [suffix, field, isRequired] of COMPANIONS) {
    const key = `kube-router.io/peer.${suffix}`;
    const text = node.annotations.get(key)?.trim() ?? "";
    if (text === "" && !isRequired) continue;
    const values = text === "" ? [] : split(text);
    if (values.length !== addresses.length) {
      // Nobody can say which value belongs to which peer.
      return unusable(
        node,
        key,
        `has ${values.length} elements, but peer.ips has ${addresses.length}`,
      );
    }
    values.forEach((value, index) => {
      if (value !== "") entries[index]?.set(field, value);
    });
  }
  const reader = new PeerReader(node, IPS_KEY);
  entries.forEach((fields, index) => reader.read(`[${index}]`, fields));
  return reader.done();
}

function unusable(node: Node, key: string, problem: string): ParsedPeers {
  return {
    peers: [],
    issues: [{
      object: `Node ${node.name}`,
      field: `metadata.annotations["${key}"]`,
      problem,
      mend: "see the annotation's form in the documentation",
    }],
  };
}

/** Reads peers field by field; the first bad field ends that peer. */
class PeerReader {
  readonly #node: Node;
  readonly #key: string;
  readonly #peers: ExternalPeer[] = [];
  readonly #issues: Issue[] = [];

  constructor(node: Node, key: string) {
    this.#node = node;
    this.#key = key;
  }

  done(): ParsedPeers {
    return { peers: this.#peers, issues: this.#issues };
  }

  refuse(at: string, value: unknown, problem: string): undefined {
    this.#issues.push({
      object: `Node ${this.#node.name}`,
      field: `metadata.annotations["${this.#key}"]${at}`,
      problem: value === undefined ? problem : `${show(value)} ${problem}`,
      mend: "mend this peer; the others are not affected",
    });
    return undefined;
  }

  read(at: string, fields: ReadonlyMap<string, unknown>): void {
    const peer = this.#peer(at, fields);
    if (peer === undefined) return;
    if (this.#peers.some(({ address }) => address === peer.address)) {
      this.refuse(`${at}.remoteip`, peer.address, "is there already");
    } else this.#peers.push(peer);
  }

  #peer(
    at: string,
    fields: ReadonlyMap<string, unknown>,
  ): ExternalPeer | undefined {
    const address = readIp(fields.get("remoteip"));
    if (address === undefined) {
      return this.refuse(
        `${at}.remoteip`,
        fields.get("remoteip"),
        "is not an IP address",
      );
    }
    const remoteAs = readNumber(fields.get("remoteasn"), 1, 4_294_967_295);
    // 23456 stands for AS numbers that old speakers cannot read (RFC 6793).
    if (remoteAs === undefined || remoteAs === 23456) {
      return this.refuse(
        `${at}.remoteasn`,
        fields.get("remoteasn"),
        "is not an AS number",
      );
    }
    const port = fields.get("port");
    const portNumber = readNumber(port, 1, 65535);
    if (isGiven(port) && portNumber === undefined) {
      return this.refuse(`${at}.port`, port, "is not a port");
    }
    const password = fields.get("password");
    const decoded = typeof password === "string"
      ? decodePassword(password)
      : undefined;
    if (isGiven(password) && decoded === undefined) {
      // The value is a secret: it is not repeated.
      return this.refuse(
        `${at}.password`,
        undefined,
        "is not base64 of a key of at most 80 bytes",
      );
    }
    const localIp = fields.get("localip");
    const localAddress = readIp(localIp);
    if (isGiven(localIp) && localAddress === undefined) {
      return this.refuse(`${at}.localip`, localIp, "is not an IP address");
    }
    if (
      localAddress !== undefined && familyOf(localAddress) !== familyOf(address)
    ) {
      return this.refuse(
        `${at}.localip`,
        localIp,
        `and remoteip ${address} are of different families`,
      );
    }
    const bfd = this.#bfd(`${at}.bfd`, fields.get("bfd"));
    if (bfd === undefined) return undefined;
    return {
      address,
      remoteAs,
      ...(portNumber === undefined ? {} : { port: portNumber }),
      ...(decoded === undefined || decoded === "" ? {} : { password: decoded }),
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(bfd === "off" ? {} : { bfd }),
    };
  }

  #bfd(at: string, value: unknown): BfdSpec | "off" | undefined {
    if (!isGiven(value)) return "off";
    if (typeof value !== "object" || value === null) {
      return this.refuse(at, value, "is not an object");
    }
    const fields = new Map<string, unknown>(Object.entries(value));
    if (fields.get("enabled") !== true) return "off";
    const read = (
      name: string,
      most: number,
      fallback: number,
    ): number | undefined => {
      const given = fields.get(name);
      if (!isGiven(given)) return fallback;
      const number = readNumber(given, 1, most);
      if (number !== undefined) return number;
      return this.refuse(
        `${at}.${name}`,
        given,
        `is not a number from 1 to ${most}`,
      );
    };
    const port = read("port", 65535, DEFAULT_BFD.port);
    const detectMultiplier = read(
      "detection_multiplier",
      255,
      DEFAULT_BFD.detectMultiplier,
    );
    const desiredMinTxMs = read(
      "desired_min_tx_interval",
      4_294_967,
      DEFAULT_BFD.desiredMinTxMs,
    );
    const requiredMinRxMs = read(
      "required_min_rx_interval",
      4_294_967,
      DEFAULT_BFD.requiredMinRxMs,
    );
    if (
      port === undefined || detectMultiplier === undefined ||
      desiredMinTxMs === undefined || requiredMinRxMs === undefined
    ) return undefined;
    return { port, detectMultiplier, desiredMinTxMs, requiredMinRxMs };
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function readIp(value: unknown): Ip | undefined {
  return typeof value === "string" ? tryParseIp(value.trim()) : undefined;
}

/** A whole number within bounds, written as number or as decimal text. */
function readNumber(
  value: unknown,
  least: number,
  most: number,
): number | undefined {
  const number = typeof value === "number"
    ? value
    : typeof value === "string" && /^\d{1,10}$/.test(value)
    ? Number(value)
    : NaN;
  return Number.isInteger(number) && number >= least && number <= most
    ? number
    : undefined;
}

/** A value for a message, of readable length. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
