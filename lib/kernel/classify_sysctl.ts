/**
 * What sysctl writes to stderr, as errors with the parameter they blame.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import { sysctlPath } from "../dataplane/render_sysctl.ts";
import { deniedByKernel, errnoCode, quote } from "./classify.ts";

/** One complaint of sysctl. */
export interface SysctlComplaint {
  /** The parameter's file, as {@linkcode sysctlPath} gives it; undefined when none is named. */
  readonly path: string | undefined;
  readonly error: KernelError;
}

/** Reads all complaints. */
export function classifySysctl(stderr: string): SysctlComplaint[] {
  const complaints: SysctlComplaint[] = [];
  for (const line of stderr.split("\n")) {
    if (line.trim() === "") continue;
    const said = line.replace(/^sysctl: /, "");
    const file = /(\/proc\/sys\/[^\s:]+)/.exec(said)?.[1];
    const key = /key ["']([^"']+)["']/.exec(said)?.[1];
    const path = file ?? (key === undefined ? undefined : sysctlPath(key));
    complaints.push({ path, error: sysctlError(said, path) });
  }
  return complaints;
}

function sysctlError(said: string, path: string | undefined): KernelError {
  const about = path?.replace(/^\/proc\/sys\//, "") ?? "";
  if (/permission denied/i.test(said)) return deniedByKernel("sysctl", said);
  const code = errnoCode(said) ?? "tool.failed";
  if (code === "kernel.not_found") {
    return new KernelError(
      "kernel.unsupported",
      "sysctl",
      `the kernel has no parameter ${about}: the module it belongs to may not be loaded`,
      quote(said),
    );
  }
  return new KernelError(code, "sysctl", `sysctl: ${quote(said)}`, quote(said));
}
