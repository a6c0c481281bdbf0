/**
 * The driver of IPVS.
 *
 * @module
 */

import type { KernelError } from "../base/errors.ts";
import type { ApplyResult, Op, Refusal, Target } from "../base/target.ts";
import {
  ipvsAddressText,
  type IpvsService,
  type IpvsValue,
} from "../dataplane/ipvs.ts";
import { parseIpvs } from "../dataplane/parse_ipvs.ts";
import {
  ipvsEqual,
  ipvsOrder,
  renderIpvsBatch,
  renderIpvsOp,
} from "../dataplane/render_ipvs.ts";
import { blame, classifyIpvs, type IpvsComplaint } from "./classify_ipvs.ts";
import type { ToolRunner } from "./exec.ts";

/** Which part of IPVS is ours. */
export interface IpvsTargetOptions {
  /** Whether a virtual server, and so its destinations, is ours; all are when absent. */
  readonly isOurs?: (service: IpvsService) => boolean;
}

/**
 * IPVS as keyed state.
 *
 * `ipvsadm -R` does not say which line was refused. After a batch with a
 * refusal the state is read again: an operation whose result is not there is the
 * refused one, and `rest` is `done`. When ipvsadm stopped at a line it could not
 * read, `rest` is `unknown`.
 */
export class IpvsTarget implements Target<IpvsValue> {
  readonly name = "ipvs";
  readonly #runner: ToolRunner;
  readonly #isOurs: (service: IpvsService) => boolean;

  constructor(runner: ToolRunner, options: IpvsTargetOptions = {}) {
    this.#runner = runner;
    this.#isOurs = options.isOurs ?? ((): boolean => true);
  }

  async read(signal: AbortSignal): Promise<Map<string, IpvsValue>> {
    const state = await this.#readAll(signal);
    const ours = new Set<string>();
    for (const value of state.values()) {
      if (value.kind === "service" && this.#isOurs(value)) {
        ours.add(ipvsAddressText(value.at));
      }
    }
    for (const [key, value] of state) {
      if (!ours.has(ipvsAddressText(value.at))) state.delete(key);
    }
    return state;
  }

  async apply(
    ops: readonly Op<IpvsValue>[],
    signal: AbortSignal,
  ): Promise<ApplyResult> {
    const batch = renderIpvsBatch(ops);
    if (batch.text === "") return { refusals: [], rest: "done" };
    const output = await this.#runner.run("ipvsadm", {
      args: ["-R"],
      stdin: batch.text,
      signal,
    });
    const complaints = classifyIpvs(output.stderr);
    // The exit code is that of the last line alone.
    if (complaints.length === 0) return { refusals: [], rest: "done" };
    const hopeless = complaints.find(({ error }) => isHopeless(error));
    if (hopeless !== undefined) throw hopeless.error;
    const state = await this.#readAll(signal);
    const stopped = output.code === 2 || output.stderrCut;
    return {
      refusals: assign(ops, batch.opOfLine, complaints, state, stopped),
      rest: stopped ? "unknown" : "done",
    };
  }

  equal(desired: IpvsValue, observed: IpvsValue): boolean {
    return ipvsEqual(desired, observed);
  }

  order(key: string): number {
    return ipvsOrder(key);
  }

  render(op: Op<IpvsValue>): string {
    return `ipvsadm ${renderIpvsOp(op)}`;
  }

  async #readAll(signal: AbortSignal): Promise<Map<string, IpvsValue>> {
    const output = await this.#runner.run("ipvsadm", { args: ["-Sn"], signal });
    const [complaint] = classifyIpvs(output.stderr);
    if (complaint !== undefined) throw complaint.error;
    return parseIpvs(output.stdout);
  }
}

/** Without ip_vs or a capability, every line fails alike. */
function isHopeless(error: KernelError): boolean {
  return error.code === "permission.denied" ||
    error.message.startsWith("the kernel has no ip_vs:");
}

/**
 * Finds for each complaint the operation it is about.
 *
 * Complaints come in the order of the lines. First come operations whose result
 * is not there; a complaint left over is about one whose result was there before
 * (adding what exists, removing what is missing), which is named only when there
 * is no doubt, and otherwise needs no answer: the state is as that one wants it.
 */
function assign(
  ops: readonly Op<IpvsValue>[],
  lines: readonly number[],
  complaints: readonly IpvsComplaint[],
  state: ReadonlyMap<string, IpvsValue>,
  stopped: boolean,
): Refusal[] {
  const failed: number[] = [];
  const satisfied: number[] = [];
  for (const index of lines) {
    const op = ops[index];
    if (op !== undefined) (holds(op, state) ? satisfied : failed).push(index);
  }
  const refusals: Refusal[] = [];
  const left: IpvsComplaint[] = [];
  for (const complaint of complaints) {
    const at = failed.findIndex((index) => isAbout(complaint, ops[index]));
    if (at < 0) left.push(complaint);
    else refuse(failed.splice(at, 1)[0], complaint);
  }
  if (stopped) return refusals;
  for (const complaint of left) {
    const possible = satisfied.filter((index) =>
      isAbout(complaint, ops[index])
    );
    if (possible.length === 1) refuse(possible[0], complaint);
  }
  return refusals.sort((a, b) => (a.index ?? 0) - (b.index ?? 0));

  function refuse(index: number | undefined, complaint: IpvsComplaint): void {
    const op = index === undefined ? undefined : ops[index];
    const error = op === undefined
      ? complaint.error
      : blame(complaint.error, renderIpvsOp(op));
    refusals.push({ index, error });
  }
}

function isAbout(
  complaint: IpvsComplaint,
  op: Op<IpvsValue> | undefined,
): boolean {
  return op !== undefined && complaint.about(op);
}

function holds(
  op: Op<IpvsValue>,
  state: ReadonlyMap<string, IpvsValue>,
): boolean {
  const observed = state.get(op.key);
  if (op.kind === "remove") return observed === undefined;
  return observed !== undefined && ipvsEqual(op.value, observed);
}
