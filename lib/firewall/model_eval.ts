/**
 * The compiled form, evaluated: what the kernel would do with a packet, computed
 * from the entries.
 *
 * It understands exactly the rules this room writes and throws at anything else,
 * so a new form of rule cannot pass untested.
 *
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { NftElement, NftRule, NftValue } from "../dataplane/nft.ts";
import type { Family, Ip } from "../net/ip.ts";
import { type Prefix, prefixContains } from "../net/prefix.ts";

/** The first packet of a connection, at one hook. */
export interface ModelPacket {
  readonly hook: "forward" | "input" | "output";
  readonly family: Family;
  readonly source: Ip;
  readonly destination: Ip;
  /** In nft's words: `tcp`, `udp`, `sctp`, `icmp`, `icmpv6`. */
  readonly protocol: string;
  /** 0 for protocols without ports. */
  readonly port: number;
  /** For `icmpv6`. */
  readonly icmpType?: number;
  /** `new` when absent. */
  readonly state?: "new" | "established" | "related" | "invalid" | "untracked";
  /** Whether the node itself has the address. */
  readonly sourceIsLocal?: boolean;
  readonly destinationIsLocal?: boolean;
  /** Whether the packet stays on the loopback interface. */
  readonly loopback?: boolean;
}

/** What became of a packet. */
export interface ModelVerdict {
  readonly accepted: boolean;
  /** The counter of the rule that dropped it. */
  readonly counter: string | undefined;
  /** Chains in the order they were entered. */
  readonly path: readonly string[];
}

/** A set or map: elements by their text, and for an interval set the parsed words of each. */
interface Collection {
  readonly interval: boolean;
  readonly elements: Map<string, NftElement>;
  readonly words: { readonly element: NftElement; readonly parts: Word[] }[];
}

/** A word of an element: a prefix, a range of numbers, or itself. */
type Word = Prefix | string | { readonly low: number; readonly high: number };

type Outcome = { readonly accepted: boolean; readonly counter?: string };

/** A whole table, ready to judge packets. */
export class FirewallModel {
  readonly #chains = new Map<string, readonly NftRule[]>();
  readonly #sets = new Map<string, Collection>();
  readonly #hooks = new Map<string, string>();

  /** @throws {FairwayError} `internal` when an entry names what is not there */
  constructor(values: Iterable<NftValue>) {
    const all = [...values];
    const counters = new Set<string>();
    for (const value of all) {
      if (value.kind === "counter") counters.add(value.name);
      else if (value.kind === "set") {
        const interval = value.interval === true;
        this.#sets.set(value.name, {
          interval,
          elements: new Map(),
          words: [],
        });
      } else if (value.kind === "chain") {
        this.#chains.set(value.name, []);
        if (value.hook) this.#hooks.set(value.hook.hook, value.name);
      }
    }
    for (const value of all) {
      if (value.kind === "rules") {
        this.#need(this.#chains, value.chain);
        this.#chains.set(value.chain, value.rules);
      } else if (value.kind === "element") {
        const set = this.#need(this.#sets, value.set);
        set.elements.set(value.element, value);
        if (set.interval) {
          const parts = value.element.split(" . ").map(parseWord);
          set.words.push({ element: value, parts });
        }
      }
    }
    for (const rules of this.#chains.values()) {
      for (const { body } of rules) {
        const counter = /counter name (\S+)/.exec(body)?.[1];
        if (counter !== undefined && !counters.has(counter)) fail(body);
      }
    }
  }

  /**
   * What happens to a packet.
   *
   * @throws {FairwayError} `internal` at a rule of unknown form
   */
  judge(packet: ModelPacket): ModelVerdict {
    const path: string[] = [];
    const base = this.#hooks.get(packet.hook);
    const outcome = base === undefined
      ? undefined
      : this.#run(base, packet, path);
    // The base chains' own policy is to accept.
    const { accepted, counter } = outcome ?? { accepted: true };
    return { accepted, counter, path };
  }

  /** Runs a chain to its end; undefined: it returned without a verdict. */
  #run(
    chain: string,
    packet: ModelPacket,
    path: string[],
  ): Outcome | undefined {
    if (path.length > 64) fail(`loop through ${path.join(" ")}`);
    path.push(chain);
    for (const { body } of this.#need(this.#chains, chain)) {
      const verdict = this.#match(body, packet);
      if (verdict === undefined) continue;
      const [word, target] = verdict.split(" ");
      if (word === "accept") return { accepted: true };
      if (word === "drop") {
        const counter = /counter name (\S+)/.exec(body)?.[1];
        return { accepted: false, ...(counter ? { counter } : {}) };
      }
      if (target === undefined) fail(body);
      const outcome = this.#run(target, packet, path);
      if (word === "goto" || outcome !== undefined) return outcome;
    }
    return undefined;
  }

  /** The verdict of a rule for a packet; undefined: it does not match. */
  #match(body: string, packet: ModelPacket): string | undefined {
    let rest = body;
    for (;;) {
      const verdict = /^(?:counter name \S+ )?(accept|drop|(?:goto|jump) \S+)$/
        .exec(rest)
        ?.[1];
      if (verdict !== undefined) return verdict;
      const step = this.#step(rest, packet);
      if (step.matched === false) return undefined;
      if (step.verdict !== undefined) return step.verdict;
      rest = step.rest;
    }
  }

  /** Evaluates the first expression of a rule. */
  #step(
    text: string,
    packet: ModelPacket,
  ):
    | { readonly matched: false }
    | {
      readonly matched: true;
      readonly rest: string;
      readonly verdict?: string;
    } {
    const yes = (matched: boolean, length: number) =>
      matched
        ? { matched: true, rest: text.slice(length).trimStart() } as const
        : { matched: false } as const;
    let found = /^ct state (\S+) /.exec(text);
    if (found) {
      const states = (found[1] ?? "").split(",");
      return yes(states.includes(packet.state ?? "new"), found[0].length);
    }
    found = /^meta nfproto ipv([46]) /.exec(text);
    if (found) return yes(Number(found[1]) === packet.family, found[0].length);
    found = /^([io])ifname "lo" /.exec(text);
    if (found) return yes(packet.loopback === true, found[0].length);
    found = /^fib ([sd])addr type local /.exec(text);
    if (found) {
      const local = found[1] === "s"
        ? packet.sourceIsLocal
        : packet.destinationIsLocal;
      return yes(local === true, found[0].length);
    }
    found = /^icmpv6 type (\d+)(?:-(\d+))? /.exec(text);
    if (found) {
      const [low, high] = [Number(found[1]), Number(found[2] ?? found[1])];
      const type = packet.icmpType ?? -1;
      const within = packet.protocol === "icmpv6" && low <= type &&
        type <= high;
      return yes(within, found[0].length);
    }
    found =
      /^((?:ip6? [sd]addr|meta l4proto|th dport)(?: \. (?:ip6? [sd]addr|meta l4proto|th dport))*) (vmap )?@(\S+)(?: |$)/
        .exec(text);
    if (!found) return fail(text);
    const key = keyOf((found[1] ?? "").split(" . "), packet);
    const element = key === undefined
      ? undefined
      : find(this.#need(this.#sets, found[3] ?? ""), key);
    if (found[2] === undefined) {
      return yes(element !== undefined, found[0].length);
    }
    return element?.data === undefined
      ? { matched: false }
      : { matched: true, rest: "", verdict: element.data };
  }

  #need<T>(from: ReadonlyMap<string, T>, name: string): T {
    const found = from.get(name);
    return found === undefined ? fail(`nothing is called ${name}`) : found;
  }
}

/** The parts of a look-up key; undefined when the packet is of another family. */
function keyOf(
  fields: readonly string[],
  packet: ModelPacket,
): string[] | undefined {
  const key: string[] = [];
  for (const field of fields) {
    if (field === "meta l4proto") key.push(packet.protocol);
    else if (field === "th dport") key.push(String(packet.port));
    else {
      if (field.startsWith("ip6 ") !== (packet.family === 6)) return undefined;
      key.push(field.endsWith("saddr") ? packet.source : packet.destination);
    }
  }
  return key;
}

function find(
  set: Collection,
  key: readonly string[],
): NftElement | undefined {
  const exact = set.elements.get(key.join(" . "));
  if (exact !== undefined || !set.interval) return exact;
  const found = set.words.filter(({ parts }) =>
    parts.every((part, i) => covers(part, key[i] ?? ""))
  );
  if (found.length > 1) fail(`two elements of a set hold ${key.join(" . ")}`);
  return found[0]?.element;
}

function parseWord(text: string): Word {
  const range = /^(\d+)-(\d+)$/.exec(text);
  return range === null
    ? text
    : { low: Number(range[1]), high: Number(range[2]) };
}

/** Whether a word of an element holds a word of a key. */
function covers(word: Word, key: string): boolean {
  if (typeof word !== "string") {
    return word.low <= Number(key) && Number(key) <= word.high;
  }
  return word === key || isPrefix(word) && prefixContains(word, key as Ip);
}

function isPrefix(word: string): word is Prefix {
  return word.includes("/");
}

function fail(what: string): never {
  throw new FairwayError("internal", `firewall model: ${what}`);
}
