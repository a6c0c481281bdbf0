/**
 * Entries of the table `inet fairway` as commands for `nft -f -`.
 *
 * A batch is one transaction, so nothing in between is ever seen by a packet and
 * the order inside serves nft alone: elements go first, so that intervals may
 * be regrouped and chains they point to become free, and come last, when
 * everything they name exists.
 *
 * Every operation has lines of its own, elements included, because nft names
 * the line of what it refuses.
 *
 * @see nft(8); written for nft 1.0.1 and newer, which have no `destroy` before 1.0.7
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { Op } from "../base/target.ts";
import {
  NFT_TABLE,
  type NftChain,
  type NftElement,
  type NftRules,
  type NftSet,
  type NftValue,
} from "./nft.ts";

/** A batch as text, and which operation each line came from. */
export interface NftBatch {
  readonly text: string;
  /** Index of the operation by line, the first line at 0; undefined for lines of no operation. */
  readonly opOfLine: readonly (number | undefined)[];
}

/** The longest comment nft takes, bytes. */
const COMMENT_BYTES = 128;
const TABLE = `inet ${NFT_TABLE}`;
const NAME = /^[A-Za-z][A-Za-z0-9_./-]{0,126}$/;
/** What a word of an element may look like to be written without quotes. */
const BARE =
  /^(?:[0-9.:/-]+|[0-9a-fA-F:.]*:[0-9a-fA-F:./-]*|0x[0-9a-fA-F]+|tcp|udp|sctp|icmp|icmpv6)$/;
const WORD = /^[A-Za-z0-9_.:/@*+-]+$/;

/**
 * The place of a key in a batch: counters, sets, chains, rules, elements.
 */
export function nftOrder(key: string): number {
  const kind = key.slice(0, key.indexOf("/"));
  switch (kind) {
    case "counter":
      return 0;
    case "set":
      return 1;
    case "chain":
      return 2;
    case "rules":
      return 3;
    default:
      return 4;
  }
}

/**
 * Renders one transaction. It creates the table when that is missing.
 *
 * Additions of counters, sets, chains and elements use `create`, which refuses
 * what is already there; rules replace whatever their chain holds.
 *
 * @throws {FairwayError} `internal` when a name or a text could end its command
 */
export function renderNftBatch(ops: readonly Op<NftValue>[]): NftBatch {
  const lines: string[] = [];
  const opOfLine: (number | undefined)[] = [];
  const push = (line: string, op?: number): void => {
    lines.push(line);
    opOfLine.push(op);
  };
  const leaving = new Map<string, [number, NftElement][]>();
  const coming = new Map<string, [number, NftElement][]>();
  const made: [number, string[]][] = [];
  const gone: [number, string[]][] = [];
  const newChains = new Set<string>();
  ops.forEach((op, index) => {
    const value = op.kind === "remove" ? op.previous : op.value;
    if (value.kind === "element") {
      if (op.kind !== "add") group(leaving, value.set, index, value);
      if (op.kind !== "remove") group(coming, value.set, index, value);
    } else if (op.kind === "remove") {
      gone.push([index, renderRemoval(value)]);
    } else {
      if (value.kind === "chain" && op.kind === "add") {
        newChains.add(value.name);
      }
      made.push([index, renderMaking(op.kind, value, newChains)]);
    }
  });

  push(`add table ${TABLE}`);
  for (const [set, elements] of leaving) {
    pushElements(push, "delete", set, elements);
  }
  for (const [index, text] of made) {
    for (const line of text) push(line, index);
  }
  for (const [set, elements] of coming) {
    pushElements(push, "create", set, elements);
  }
  for (const [index, text] of gone) {
    for (const line of text) push(line, index);
  }
  return { text: lines.join("\n") + "\n", opOfLine };
}

/** One operation as `fairway plan` prints it: the same commands, without the table's. */
export function renderNftOp(op: Op<NftValue>): string {
  return renderNftBatch([op]).text.split("\n").slice(1, -1).join("\n");
}

/**
 * Why a change cannot be made in place, or undefined when it can: nftables never
 * changes a set's type or a base chain's hook, and recreating them would take
 * along everything that refers to them.
 */
export function refuseNftChange(op: Op<NftValue>): string | undefined {
  if (op.kind !== "change") return undefined;
  const { value, previous } = op;
  if (value.kind === "set" && previous.kind === "set") {
    const [from, to] = [setBody(previous), setBody(value)];
    return from === to
      ? undefined
      : `nft: set ${value.name} is { ${from} } and cannot become { ${to} } in place; ` +
        "run `fairway cleanup`, then start again";
  }
  if (value.kind === "chain" && previous.kind === "chain") {
    const [from, to] = [hookText(previous), hookText(value)];
    return from === to
      ? undefined
      : `nft: chain ${value.name} is at "${from}" and cannot move to "${to}" in place; ` +
        "run `fairway cleanup`, then start again";
  }
  return undefined;
}

/** Whether the kernel's value is what is wanted; of rules, the hash says so. */
export function nftEqual(desired: NftValue, observed: NftValue): boolean {
  switch (desired.kind) {
    case "counter":
      return observed.kind === "counter";
    case "set":
      return observed.kind === "set" && setBody(desired) === setBody(observed);
    case "chain":
      return observed.kind === "chain" &&
        hookText(desired) === hookText(observed) &&
        desired.hook?.policy === observed.hook?.policy;
    case "rules":
      return observed.kind === "rules" && desired.hash === observed.hash &&
        desired.rules.length === observed.rules.length;
    case "element":
      return observed.kind === "element" && desired.data === observed.data;
  }
}

function group(
  groups: Map<string, [number, NftElement][]>,
  set: string,
  index: number,
  element: NftElement,
): void {
  const list = groups.get(set);
  if (list === undefined) groups.set(set, [[index, element]]);
  else list.push([index, element]);
}

function pushElements(
  push: (line: string, op?: number) => void,
  verb: "create" | "delete",
  set: string,
  elements: readonly [number, NftElement][],
): void {
  // nft 1.0.6 wants the closing brace on a line of its own after a nested one.
  push(`${verb} element ${TABLE} ${name(set)} {`, elements[0]?.[0]);
  elements.forEach(([index, element], i) => {
    const key = renderElementKey(element.element);
    const data = verb === "create" && element.data !== undefined
      ? ` : ${renderData(element.data)}`
      : "";
    push(key + data + (i + 1 < elements.length ? "," : ""), index);
  });
  push("}", elements.at(-1)?.[0]);
}

function renderMaking(
  kind: "add" | "change",
  value: Exclude<NftValue, NftElement>,
  newChains: ReadonlySet<string>,
): string[] {
  const verb = kind === "add" ? "create" : "add";
  switch (value.kind) {
    case "counter":
      return [`${verb} counter ${TABLE} ${name(value.name)}`];
    case "set":
      return [
        `${verb} ${setWord(value)} ${TABLE} ${name(value.name)} { ${
          setBody(value)
        } }`,
      ];
    case "chain":
      return [`${verb} chain ${TABLE} ${name(value.name)}${chainBody(value)}`];
    case "rules":
      return renderRules(value, newChains.has(value.chain));
  }
}

function renderRemoval(value: Exclude<NftValue, NftElement>): string[] {
  switch (value.kind) {
    case "counter":
      return [`delete counter ${TABLE} ${name(value.name)}`];
    case "set":
      return [`delete ${setWord(value)} ${TABLE} ${name(value.name)}`];
    case "chain":
      return [`delete chain ${TABLE} ${name(value.name)}`];
    case "rules":
      return [`flush chain ${TABLE} ${name(value.chain)}`];
  }
}

function renderRules(value: NftRules, chainIsNew: boolean): string[] {
  const chain = name(value.chain);
  const lines = chainIsNew ? [] : [`flush chain ${TABLE} ${chain}`];
  const count = value.rules.length;
  // A chain without rules has no comment to carry the hash: one rule that does nothing carries it.
  if (count === 0) {
    lines.push(
      `add rule ${TABLE} ${chain} continue comment "${value.hash}:0/0"`,
    );
  }
  value.rules.forEach((rule, i) => {
    if (/[\n\r;#\\$]/.test(rule.body)) {
      throw new FairwayError(
        "internal",
        `nft: rule ${
          i + 1
        } of chain ${value.chain} holds a character that ends or changes a command: ${rule.body}`,
      );
    }
    const note = rule.note?.replaceAll(/[^A-Za-z0-9 _./:-]/g, "_") ?? "";
    const comment = `${value.hash}:${i + 1}/${count} ${note}`.trimEnd().slice(
      0,
      COMMENT_BYTES,
    );
    lines.push(`add rule ${TABLE} ${chain} ${rule.body} comment "${comment}"`);
  });
  return lines;
}

function setWord(set: NftSet): string {
  return set.data === undefined ? "set" : "map";
}

function setBody(set: NftSet): string {
  const data = set.data === undefined ? "" : ` : ${set.data}`;
  const type = set.type + data;
  if (!/^[a-z0-9_. :]+$/.test(type)) {
    throw new FairwayError("internal", `nft: "${type}" is not a set type`);
  }
  return `type ${type};${set.interval === true ? " flags interval;" : ""}`;
}

function hookText(chain: NftChain): string {
  const hook = chain.hook;
  return hook === undefined
    ? "no hook"
    : `type ${hook.type} hook ${hook.hook} priority ${hook.priority}`;
}

function chainBody(chain: NftChain): string {
  return chain.hook === undefined
    ? ""
    : ` { ${hookText(chain)}; policy ${chain.hook.policy}; }`;
}

function renderElementKey(text: string): string {
  return text.split(" . ").map((part) => {
    const word = part.startsWith('"') ? part.slice(1, -1) : part;
    if (!WORD.test(word)) {
      throw new FairwayError("internal", `nft: "${text}" is not an element`);
    }
    return BARE.test(part) ? part : `"${word}"`;
  }).join(" . ");
}

function renderData(text: string): string {
  if (!/^[A-Za-z0-9_.:/ -]+$/.test(text)) {
    throw new FairwayError("internal", `nft: "${text}" is not map data`);
  }
  return text;
}

function name(text: string): string {
  if (!NAME.test(text)) {
    throw new FairwayError("internal", `nft: "${text}" is not a name`);
  }
  return text;
}
