/**
 * Kernel parameters as arguments for `sysctl -w`.
 *
 * @see sysctl(8)
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { SysctlValue } from "./sysctl.ts";

/** Dotted, with a slash for a dot inside a component: `net.ipv4.conf.eth0/100.rp_filter`. */
const NAME = /^[A-Za-z0-9_@:-]+(?:[./][A-Za-z0-9_@:-]+)+$/;

/**
 * `NAME=VALUE`.
 *
 * @throws {FairwayError} `internal` when the name or the value is none
 */
export function renderSysctl(value: SysctlValue): string {
  if (!/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(value.value)) {
    throw new FairwayError(
      "internal",
      `sysctl: "${value.value}" is not a value for ${value.name}`,
    );
  }
  return `${checkedName(value.name)}=${value.value}`;
}

/**
 * A name that may stand in sysctl's arguments.
 *
 * @throws {FairwayError} `internal`
 */
export function checkedName(name: string): string {
  if (!NAME.test(name)) {
    throw new FairwayError("internal", `sysctl: "${name}" is not a name`);
  }
  return name;
}

/** The file of a name below /proc/sys. */
export function sysctlPath(name: string): string {
  const swapped = name.replaceAll(
    /[./]/g,
    (separator) => separator === "." ? "/" : ".",
  );
  return `/proc/sys/${swapped}`;
}

/** Whether the kernel's value is what is wanted. */
export function sysctlEqual(
  desired: SysctlValue,
  observed: SysctlValue,
): boolean {
  return desired.value === observed.value;
}
