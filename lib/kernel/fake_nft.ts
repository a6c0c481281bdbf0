/**
 * nftables in memory.
 *
 * It checks existence and references: an element needs its set, a verdict its
 * chain, a rule the sets, counters and chains it names; what is referred to
 * cannot be deleted. It does not read rules, types or overlapping intervals:
 * those are the kernel's to refuse.
 *
 * @module
 */

import type { Op } from "../base/target.ts";
import { nftKey, type NftValue } from "../dataplane/nft.ts";
import {
  nftEqual,
  nftOrder,
  refuseNftChange,
  renderNftOp,
} from "../dataplane/render_nft.ts";
import {
  carryOutPlainly,
  type FakeRefusal,
  FakeTarget,
  refuseByPresence,
  type Step,
} from "./fake_target.ts";

/** An nft target without a kernel. */
export function fakeNft(): FakeTarget<NftValue> {
  return new FakeTarget<NftValue>({
    name: "nft",
    atomic: true,
    sequence,
    refuse,
    carryOut,
    equal: nftEqual,
    order: nftOrder,
    render: renderNftOp,
  });
}

/** As the driver arranges a transaction: old elements, new objects, new elements, old objects. */
function sequence(ops: readonly Op<NftValue>[]): Step<NftValue>[] {
  const old: Step<NftValue>[] = [];
  const made: Step<NftValue>[] = [];
  const coming: Step<NftValue>[] = [];
  const gone: Step<NftValue>[] = [];
  ops.forEach((op, index) => {
    const value = op.kind === "remove" ? op.previous : op.value;
    if (value.kind !== "element") {
      (op.kind === "remove" ? gone : made).push({ op, index });
    } else if (op.kind === "add") coming.push({ op, index });
    else {
      const { key, previous } = op;
      old.push({ op: { kind: "remove", key, previous }, index });
      if (op.kind === "change") {
        coming.push({ op: { kind: "add", key, value: op.value }, index });
      }
    }
  });
  return [...old, ...made, ...coming, ...gone];
}

function refuse(
  op: Op<NftValue>,
  state: ReadonlyMap<string, NftValue>,
): FakeRefusal | undefined {
  const value = op.kind === "remove" ? op.previous : op.value;
  const inPlace = refuseNftChange(op);
  if (inPlace !== undefined) {
    return { code: "kernel.invalid", message: inPlace };
  }
  if (value.kind === "rules") {
    // Rules replace what their chain holds: they only need the chain.
    if (!state.has(`chain/${value.chain}`)) return missing(value.chain);
  } else {
    const refused = refuseByPresence(op, state);
    if (refused !== undefined) return refused;
  }
  if (op.kind === "remove") {
    return isReferred(value, state)
      ? { code: "kernel.busy", message: "Device or resource busy" }
      : undefined;
  }
  for (const needed of references(value)) {
    if (!state.has(needed)) return missing(needed);
  }
  if (value.kind === "element") {
    const set = state.get(`set/${value.set}`);
    if (set?.kind !== "set") return missing(value.set);
    if ((set.data === undefined) !== (value.data === undefined)) {
      return { code: "kernel.invalid", message: "Invalid argument" };
    }
  }
  return undefined;
}

function carryOut(op: Op<NftValue>, state: Map<string, NftValue>): void {
  carryOutPlainly(op, state);
  if (op.kind !== "remove") return;
  const gone = op.previous;
  if (gone.kind === "chain") state.delete(`rules/${gone.name}`);
  if (gone.kind === "set") {
    for (const [key, value] of state) {
      if (value.kind === "element" && value.set === gone.name) {
        state.delete(key);
      }
    }
  }
}

/** Whether another object names this one; nothing names an element or rules. */
function isReferred(
  value: NftValue,
  state: ReadonlyMap<string, NftValue>,
): boolean {
  if (value.kind === "element" || value.kind === "rules") return false;
  const key = nftKey(value);
  for (const [other, holder] of state) {
    // A chain's own rules go with it.
    if (other === `rules/${value.name}`) continue;
    if (references(holder).includes(key)) return true;
  }
  return false;
}

/** Keys of what a value names. */
function references(value: NftValue): string[] {
  if (value.kind === "element") {
    const chain = /^(?:goto|jump) (\S+)$/.exec(value.data ?? "")?.[1];
    return chain === undefined ? [] : [`chain/${chain}`];
  }
  if (value.kind !== "rules") return [];
  return value.rules.flatMap(({ body }) => [
    ...names(body, /@([A-Za-z][\w./-]*)/g).map((name) => `set/${name}`),
    ...names(body, /\b(?:goto|jump) ([A-Za-z][\w./-]*)/g).map((name) =>
      `chain/${name}`
    ),
    ...names(body, /counter name "?([A-Za-z][\w./-]*)/g).map((name) =>
      `counter/${name}`
    ),
  ]);
}

function names(body: string, pattern: RegExp): string[] {
  return [...body.matchAll(pattern)].map((match) => match[1] ?? "");
}

function missing(what: string): FakeRefusal {
  return {
    code: "kernel.not_found",
    message: `No such file or directory (${what})`,
  };
}
