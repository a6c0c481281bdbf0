/**
 * What the tools' failures have in common: the words of the C library for an
 * errno, a tool that is not there, a permission that is not given.
 *
 * The tools run with `LC_ALL=C`, so these texts do not change with the locale.
 *
 * @module
 */

import { type ErrorCode, KernelError } from "../base/errors.ts";

/** How much of a tool's own words goes into a message, characters. */
const QUOTE_LIMIT = 240;

/** The Debian package of each tool, and what the tool is needed for. */
const TOOLS: Readonly<
  Record<string, { readonly package: string; readonly for: string }>
> = {
  nft: { package: "nftables", for: "NetworkPolicy and masquerade" },
  ipvsadm: { package: "ipvsadm", for: "Services" },
  ip: { package: "iproute2", for: "routes and virtual IPs" },
  conntrack: {
    package: "conntrack",
    for: "cutting connections to removed endpoints",
  },
  sysctl: { package: "procps", for: "setting kernel parameters" },
  modprobe: { package: "kmod", for: "loading kernel modules" },
};

/** Texts of strerror(3), and libnl's and ipvsadm's variations, that mean one thing. */
const ERRNO_TEXTS: readonly (readonly [string, ErrorCode])[] = [
  ["Operation not permitted", "permission.denied"],
  ["Permission denied", "permission.denied"],
  ["you must be root", "permission.denied"],
  ["File exists", "kernel.exists"],
  ["Device or resource busy", "kernel.busy"],
  ["No such file or directory", "kernel.not_found"],
  ["No such process", "kernel.not_found"],
  ["No such device", "kernel.not_found"],
  ["Cannot assign requested address", "kernel.not_found"],
  ["Operation not supported", "kernel.unsupported"],
  ["Protocol not supported", "kernel.unsupported"],
  ["Protocol not available", "kernel.unsupported"],
  ["Address family not supported", "kernel.unsupported"],
  ["Invalid argument", "kernel.invalid"],
  ["Numerical result out of range", "kernel.invalid"],
  ["Network is unreachable", "kernel.invalid"],
  ["Too many links", "kernel.invalid"],
  ["Too many levels of symbolic links", "kernel.invalid"],
];

/** The code for a text that holds an errno's words; `undefined` when it holds none known. */
export function errnoCode(text: string): ErrorCode | undefined {
  return ERRNO_TEXTS.find(([words]) => text.includes(words))?.[1];
}

/** A tool's words, on one line and cut to a readable length. */
export function quote(text: string): string {
  const line = text.trim().replaceAll(/\s*\n\s*/g, "; ");
  return line.length <= QUOTE_LIMIT ? line : `${line.slice(0, QUOTE_LIMIT)}…`;
}

/** The tool is not installed. */
export function missingTool(tool: string): KernelError {
  const known = TOOLS[tool];
  const mend = known === undefined
    ? "install it"
    : `it is needed for ${known.for}; apt install ${known.package}`;
  return new KernelError(
    "tool.missing",
    tool,
    `${tool} is not installed: ${mend}`,
    "",
  );
}

/** Deno or the system does not let us start the tool. */
export function deniedTool(tool: string, cause: Error): KernelError {
  const message = cause instanceof Deno.errors.NotCapable
    ? `${tool} may not be started: add --allow-run=${tool} (the permission set "agent" has it)`
    : `${tool} may not be started: ${quote(cause.message)}`;
  return new KernelError("permission.denied", tool, message, "", { cause });
}

/** The kernel refuses for lack of a capability. */
export function deniedByKernel(tool: string, stderr: string): KernelError {
  return new KernelError(
    "permission.denied",
    tool,
    `${tool} is not permitted: it needs root or CAP_NET_ADMIN in this network namespace`,
    quote(stderr),
  );
}

/** The kernel lacks a module. */
export function missingModule(
  tool: string,
  module: string,
  stderr: string,
): KernelError {
  return new KernelError(
    "kernel.unsupported",
    tool,
    `the kernel has no ${module}: modprobe ${module} (on Debian the module is in ` +
      `the package linux-image of the running kernel; cloud kernels leave some out)`,
    quote(stderr),
  );
}
