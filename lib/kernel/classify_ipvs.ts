/**
 * What ipvsadm writes to stderr, as errors and the kind of line they can blame.
 *
 * `ipvsadm -R` goes on after a line that the kernel refuses and prints one
 * sentence for it, without its number; its exit code is that of the last line
 * alone. A line it cannot read ends it.
 *
 * @see ipvsadm(8)
 * @module
 */

import { KernelError } from "../base/errors.ts";
import type { Op } from "../base/target.ts";
import type { IpvsValue } from "../dataplane/ipvs.ts";
import { deniedByKernel, errnoCode, missingModule, quote } from "./classify.ts";

/** One complaint of ipvsadm. */
export interface IpvsComplaint {
  readonly error: KernelError;
  /** Whether an operation can be what it is about. */
  readonly about: (op: Op<IpvsValue>) => boolean;
}

const kindOf = (op: Op<IpvsValue>): IpvsValue["kind"] =>
  op.kind === "remove" ? op.previous.kind : op.value.kind;

/** Sentences of ipvsadm, the code they mean, and what they can be about. */
const SENTENCES: readonly (readonly [
  string,
  KernelError["code"],
  IpvsComplaint["about"],
])[] = [
  [
    "Service already exists",
    "kernel.exists",
    (op) => op.kind === "add" && kindOf(op) === "service",
  ],
  [
    "Destination already exists",
    "kernel.exists",
    (op) => op.kind === "add" && kindOf(op) === "destination",
  ],
  [
    "Service not defined",
    "kernel.not_found",
    (op) => kindOf(op) === "destination",
  ],
  [
    "No such service",
    "kernel.not_found",
    (op) => op.kind !== "add" && kindOf(op) === "service",
  ],
  [
    "No such destination",
    "kernel.not_found",
    (op) => op.kind !== "add" && kindOf(op) === "destination",
  ],
  [
    "Scheduler or persistence engine not found",
    "kernel.unsupported",
    (op) => op.kind !== "remove" && kindOf(op) === "service",
  ],
  ["Invalid operation", "kernel.invalid", (op) => op.kind !== "remove"],
];

/** Lines beside "Can't initialize ipvs": ipvsadm tries to load the module itself. */
const ACCOMPANIMENT = /^(?:modprobe: |Are you sure that IP Virtual Server)/;

/** Reads all complaints, in the order of the lines they are about. */
export function classifyIpvs(stderr: string): IpvsComplaint[] {
  return stderr.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !ACCOMPANIMENT.test(line))
    .map(classify);
}

/** The same error, with the line it turned out to be about. */
export function blame(error: KernelError, command: string): KernelError {
  const scheduler = error.code === "kernel.unsupported"
    ? / -s (\S+)/.exec(command)?.[1]
    : undefined;
  if (scheduler !== undefined) {
    return missingModule("ipvsadm", `ip_vs_${scheduler}`, error.stderr);
  }
  return new KernelError(
    error.code,
    error.tool,
    `${error.message} in "ipvsadm ${quote(command)}"`,
    error.stderr,
  );
}

function classify(line: string): IpvsComplaint {
  const anything = (): boolean => true;
  if (/^Can't initialize ipvs/.test(line)) {
    const error = errnoCode(line) === "permission.denied"
      ? deniedByKernel("ipvsadm", line)
      : missingModule("ipvsadm", "ip_vs", line);
    return { error, about: anything };
  }
  const known = SENTENCES.find(([sentence]) => line.startsWith(sentence));
  const code = known?.[1] ?? errnoCode(line) ?? "tool.failed";
  const error = code === "permission.denied"
    ? deniedByKernel("ipvsadm", line)
    : new KernelError(code, "ipvsadm", `ipvsadm: ${quote(line)}`, quote(line));
  return { error, about: known?.[2] ?? anything };
}
