/**
 * Forgets tracked connections, so that their next packet is judged anew.
 *
 * The tool walks the whole table for every deletion (20,000 connections: 75 ms),
 * so the table is listed once, the decision is made here, and what must go is
 * named with as few deletions as say it exactly, in one process.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import {
  type Flow,
  type FlowFilter,
  matchesFlow,
  narrowFlows,
} from "../dataplane/conntrack.ts";
import { parseConntrack } from "../dataplane/parse_conntrack.ts";
import { renderConntrackDelete } from "../dataplane/render_conntrack.ts";
import { deniedByKernel, missingModule, quote } from "./classify.ts";
import type { ToolOutput, ToolRunner } from "./exec.ts";

/** The connection table. An action, not a target: nothing is desired of it. */
export class Conntrack {
  readonly #runner: ToolRunner;

  constructor(runner: ToolRunner) {
    this.#runner = runner;
  }

  /**
   * Lists all connections of this network namespace, both families.
   *
   * @throws {KernelError}
   */
  async list(signal: AbortSignal): Promise<Flow[]> {
    const output = await this.#runner.run("conntrack", {
      args: ["-L", "-o", "extended"],
      signal,
    });
    if (output.code !== 0) throw conntrackError(output);
    return parseConntrack(output.stdout);
  }

  /**
   * Forgets the connections that any of the filters means.
   *
   * @returns how many there were
   * @throws {KernelError}
   */
  delete(
    filters: readonly FlowFilter[],
    signal: AbortSignal,
  ): Promise<number> {
    if (filters.length === 0) return Promise.resolve(0);
    return this.deleteWhere(
      (flow) => filters.some((filter) => matchesFlow(filter, flow)),
      signal,
    );
  }

  /**
   * Forgets the connections for which `judge` says so. One that begins in
   * between and is like those is forgotten with them; it begins again.
   *
   * @returns how many there were
   * @throws {KernelError}
   */
  async deleteWhere(
    judge: (flow: Flow) => boolean,
    signal: AbortSignal,
  ): Promise<number> {
    const flows = await this.list(signal);
    const meant = new Set(flows.filter(judge));
    if (meant.size === 0) return 0;
    const lines = narrowFlows(flows, meant).map(renderConntrackDelete);
    const output = await this.#runner.run("conntrack", {
      args: ["-R", "-"],
      stdin: lines.map((line) => `${line}\n`).join(""),
      signal,
    });
    // 1 says that one of the deletions found nothing: that connection has just ended.
    if (output.code > 1 || /Operation failed/.test(output.stderr)) {
      throw conntrackError(output);
    }
    return meant.size;
  }
}

/** What conntrack says on stderr, as an error. */
export function conntrackError(
  output: Pick<ToolOutput, "stderr">,
): KernelError {
  const said = output.stderr.split("\n")[0] ?? "";
  if (/you must be root|CAP_NET_ADMIN|Operation not permitted/.test(said)) {
    return deniedByKernel("conntrack", said);
  }
  if (/Can't open handler|[Pp]rotocol not supported/.test(said)) {
    return missingModule("conntrack", "nf_conntrack_netlink", said);
  }
  const words = said.replace(/^conntrack v\S+ \(conntrack-tools\): /, "");
  return new KernelError(
    "tool.failed",
    "conntrack",
    `conntrack: ${quote(words)}`,
    quote(said),
  );
}
