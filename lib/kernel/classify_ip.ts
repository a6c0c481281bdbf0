/**
 * What `ip -force -batch -` writes to stderr, as errors with the line they
 * blame.
 *
 * Each refusal is one or more lines of text, then `Command failed -:LINE`. A
 * line that ip cannot read at all ends the process without that last line.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import { deniedByKernel, errnoCode, missingModule, quote } from "./classify.ts";

/** One complaint of ip. */
export interface IpComplaint {
  /** Line of the input, the first at 0; undefined when ip gave up and named none. */
  readonly line: number | undefined;
  readonly error: KernelError;
}

/** Reads all complaints. */
export function classifyIp(
  stderr: string,
  lines: readonly string[] = [],
): IpComplaint[] {
  const complaints: IpComplaint[] = [];
  let said: string[] = [];
  for (const text of stderr.split("\n")) {
    const failed = /^Command failed (?:-|\S+):(\d+)$/.exec(text);
    if (failed === null) {
      if (text.trim() !== "") said.push(text.trim());
      continue;
    }
    const line = Number(failed[1]) - 1;
    complaints.push({ line, error: ipError(said.join("; "), lines[line]) });
    said = [];
  }
  if (said.length > 0) {
    complaints.push({
      line: undefined,
      error: ipError(said.join("; "), undefined),
    });
  }
  return complaints;
}

function ipError(said: string, command: string | undefined): KernelError {
  const words = said.replace(/^RTNETLINK answers: |^Error: /, "");
  const code = ipCode(words);
  if (code === "permission.denied") return deniedByKernel("ip", said);
  if (/Unknown device type/.test(words)) {
    const type = / type (\S+)/.exec(command ?? "")?.[1] ?? "link type";
    return missingModule("ip", type, said);
  }
  const about = command === undefined ? "" : ` in "ip ${quote(command)}"`;
  return new KernelError(
    code,
    "ip",
    `ip: ${quote(words)}${about}`,
    quote(said),
  );
}

function ipCode(words: string): KernelError["code"] {
  if (/already assigned/i.test(words)) return "kernel.exists";
  if (
    /Cannot find device|does not exist|not found/i.test(words)
  ) return "kernel.not_found";
  if (/Unknown device type/.test(words)) return "kernel.unsupported";
  if (
    /invalid|is expected rather than|failed policy validation|not a valid|is wrong|is unknown|mtu (?:less|greater)/i
      .test(words)
  ) return "kernel.invalid";
  return errnoCode(words) ?? "tool.failed";
}
