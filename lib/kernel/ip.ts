/**
 * The driver of iproute2: links, addresses, routes and rules.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import type { ApplyResult, Op, Refusal, Target } from "../base/target.ts";
import { ipEqual } from "../dataplane/equal_ip.ts";
import {
  DUMMY_LINK,
  ipKey,
  type IpLink,
  type IpValue,
  ROUTE_PROTOCOL,
  TABLE_LOCAL,
} from "../dataplane/ip.ts";
import {
  type ListedRoute,
  parseIpAddresses,
  parseIpLink,
  parseIpLists,
  parseIpRoute,
  parseIpRule,
} from "../dataplane/parse_ip.ts";
import {
  ipOrder,
  LINK_TYPES,
  type LinkTypes,
  renderIpBatches,
  renderIpOp,
  renderIpReads,
} from "../dataplane/render_ip.ts";
import type { Family } from "../net/ip.ts";
import { classifyIp } from "./classify_ip.ts";
import type { ToolRunner } from "./exec.ts";

/** Which part of the routing state is ours. */
export interface IpTargetOptions {
  /** Tables whose routes of protocol 186 are ours. */
  readonly tables: readonly number[];
  /** First and last priority of our rules, both included. */
  readonly rulePriorities: readonly [number, number];
  /** What the kernel calls each link type, when it has not the usual one. */
  readonly linkTypes?: LinkTypes;
}

/** An operation and its index in the batch that was asked for. */
interface Numbered {
  readonly op: Op<IpValue>;
  readonly index: number;
}

/** What became of one run. */
interface IpRun {
  readonly refusals: readonly Refusal[];
  /** Why ip left the batch before its end. */
  readonly stopped: KernelError | undefined;
  /** Not everything that ip said was kept. */
  readonly cut: boolean;
}

/** rtnetlink protocol of what the kernel adds by itself. */
const KERNEL_PROTOCOL = 2;
const OUR_LINK = /^(?:kube-dummy-if$|fw-)/;

/**
 * Addresses and routes as keyed state. `ip` goes on after a refused line and
 * names it, so `rest` is `done`. Where it stops, the operation is looked for and
 * the batch goes on behind it; only when it is not found, `rest` is `unknown`.
 *
 * Ours are links named `kube-dummy-if` or `fw-…`, the addresses on them, routes
 * of protocol 186 in the tables given, routes in table local on
 * `kube-dummy-if`, and rules whose priority lies in the range given.
 */
export class IpTarget implements Target<IpValue> {
  readonly name = "ip";
  readonly #runner: ToolRunner;
  readonly #tables: ReadonlySet<number>;
  readonly #priorities: readonly [number, number];
  readonly #types: LinkTypes;

  constructor(runner: ToolRunner, options: IpTargetOptions) {
    this.#runner = runner;
    this.#tables = new Set(options.tables);
    this.#priorities = options.rulePriorities;
    this.#types = options.linkTypes ?? LINK_TYPES;
  }

  /** Lists with two processes, one for each family. */
  async read(signal: AbortSignal): Promise<Map<string, IpValue>> {
    const state = new Map<string, IpValue>();
    for (const family of [4, 6] as const) {
      const lists = await this.#list(family, signal);
      this.#collect(lists, family, state);
    }
    return state;
  }

  async apply(
    ops: readonly Op<IpValue>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const refusals = new Map<number | undefined, Refusal>();
    ops.forEach((op, index) => {
      const error = refuseInPlace(op);
      if (error !== undefined) refusals.set(index, { index, error });
    });
    let todo = ops.map((op, index) => ({ op, index }))
      .filter(({ index }) => !refusals.has(index));
    let rest: ApplyResult["rest"] = "done";
    while (todo.length > 0) {
      const run = await this.#run(todo, signal);
      for (const refusal of run.refusals) {
        const { index, error } = refusal;
        if (index !== undefined && isGoneAnyway(ops, index, error)) continue;
        if (!refusals.has(index)) refusals.set(index, refusal);
      }
      if (run.cut) rest = "unknown";
      if (run.stopped === undefined) break;
      const at = await this.#findStop(todo, run.refusals, signal);
      const index = todo[at]?.index;
      refusals.set(index, { index, error: run.stopped });
      if (index === undefined) rest = "unknown";
      todo = index === undefined ? [] : todo.slice(at + 1);
    }
    return { refusals: [...refusals.values()], rest };
  }

  /** Runs what is to do until its end, or until ip stops at a line. */
  async #run(
    todo: readonly Numbered[],
    signal: AbortSignal,
  ): Promise<IpRun> {
    const refusals: Refusal[] = [];
    let cut = false;
    const batches = renderIpBatches(todo.map(({ op }) => op), this.#types);
    for (const { family, text, opOfLine } of batches) {
      const output = await this.#runner.run("ip", {
        args: [
          ...(family === "6" ? ["-6"] : []),
          ...["-force", "-batch", "-"],
        ],
        stdin: text,
        signal,
      });
      if (output.code === 0) continue;
      cut ||= output.stderrCut;
      for (
        const { line, error } of classifyIp(output.stderr, text.split("\n"))
      ) {
        if (error.code === "permission.denied") throw error;
        if (line === undefined) return { refusals, stopped: error, cut };
        const index = todo[opOfLine[line] ?? -1]?.index;
        refusals.push({ index, error });
      }
    }
    return { refusals, stopped: undefined, cut };
  }

  /**
   * The place of the operation that ip stopped at. ip leaves its batch when it
   * cannot read one way of a route that has several, for example because the
   * link is missing: it is the first such route that was neither refused nor is
   * there now. -1 when there is none.
   */
  async #findStop(
    todo: readonly Numbered[],
    refusals: readonly Refusal[],
    signal: AbortSignal,
  ): Promise<number> {
    const refused = new Set(refusals.map(({ index }) => index));
    const state = await this.read(signal);
    return todo.findIndex(({ op, index }) => {
      if (op.kind === "remove" || op.value.kind !== "route") return false;
      if (op.value.nextHops.length < 2 || refused.has(index)) return false;
      const observed = state.get(op.key);
      return observed === undefined || !ipEqual(op.value, observed);
    });
  }

  equal(desired: IpValue, observed: IpValue): boolean {
    return ipEqual(desired, observed);
  }

  order(key: string): number {
    return ipOrder(key);
  }

  render(op: Op<IpValue>): string {
    const value = op.kind === "remove" ? op.previous : op.value;
    const tool = value.kind === "rule" && value.family === 6 ? "ip -6" : "ip";
    return renderIpOp(op, this.#types).map((line) => `${tool} ${line}`).join(
      "\n",
    );
  }

  async #list(
    family: Family,
    signal: AbortSignal,
  ): Promise<ReturnType<typeof parseIpLists>> {
    const output = await this.#runner.run("ip", {
      args: [`-${family}`, "-j", "-N", "-force", "-batch", "-"],
      stdin: renderIpReads(DUMMY_LINK, this.#types),
      signal,
    });
    for (const { error } of classifyIp(output.stderr)) {
      if (error.code !== "kernel.not_found") throw error;
    }
    return parseIpLists(output.stdout);
  }

  #collect(
    lists: ReturnType<typeof parseIpLists>,
    family: Family,
    state: Map<string, IpValue>,
  ): void {
    const kinds = [...new Set(Object.values(this.#types))];
    kinds.forEach((kind, i) => {
      const type = linkTypeOf(this.#types, kind);
      for (const json of lists[i] ?? []) {
        const link = parseIpLink(json, type);
        if (link !== undefined && OUR_LINK.test(link.name)) {
          state.set(ipKey(link), link);
        }
      }
    });
    const [addresses, rules, routes, local] = lists.slice(kinds.length);
    for (const address of (addresses ?? []).flatMap(parseIpAddresses)) {
      if (state.has(`link/${address.link}`)) state.set(ipKey(address), address);
    }
    const [first, last] = this.#priorities;
    for (const json of rules ?? []) {
      const rule = parseIpRule(json, family);
      if (
        rule !== undefined && rule.priority >= first && rule.priority <= last
      ) state.set(ipKey(rule), rule);
    }
    const listed: ListedRoute[] = [];
    for (const json of routes ?? []) {
      const found = parseIpRoute(json, family);
      if (found !== undefined && this.#tables.has(found.route.table)) {
        listed.push({ ...found, protocol: ROUTE_PROTOCOL });
      }
    }
    for (const json of local ?? []) {
      // A listing of one table and link does not repeat them.
      const whole = { ...json, table: TABLE_LOCAL, dev: DUMMY_LINK };
      const found = parseIpRoute(whole, family);
      if (
        found?.route.type === "local" && found.protocol !== KERNEL_PROTOCOL
      ) listed.push(found);
    }
    // Of several routes to one destination, the kernel uses the one of the lowest metric.
    listed.sort((a, b) => b.metric - a.metric);
    for (const { route, protocol } of listed) {
      const value = { ...route, protocol: protocol ?? ROUTE_PROTOCOL };
      state.set(ipKey(value), value);
    }
  }
}

function linkTypeOf(types: LinkTypes, kind: string): IpLink["type"] {
  for (const type of ["dummy", "ipip", "ip6tnl", "sit"] as const) {
    if (types[type] === kind) return type;
  }
  return "dummy";
}

/** The kernel never changes the type of a link; making it anew would take its addresses along. */
function refuseInPlace(op: Op<IpValue>): KernelError | undefined {
  if (
    op.kind !== "change" || op.value.kind !== "link" ||
    op.previous.kind !== "link" || op.value.type === op.previous.type
  ) return undefined;
  return new KernelError(
    "kernel.invalid",
    "ip",
    `ip: link ${op.value.name} is a ${op.previous.type} and cannot become a ` +
      `${op.value.type} in place; delete it: ip link delete ${op.value.name}`,
    "",
  );
}

/** Removing an address takes along those of its subnet that came later; removing them too is then no failure. */
function isGoneAnyway(
  ops: readonly Op<IpValue>[],
  index: number,
  error: KernelError,
): boolean {
  const op = ops[index];
  if (
    error.code !== "kernel.not_found" || op?.kind !== "remove" ||
    op.previous.kind !== "address"
  ) return false;
  const link = op.previous.link;
  return ops.some((other, i) =>
    i < index && other.kind === "remove" && other.previous.kind === "address" &&
    other.previous.link === link
  );
}
