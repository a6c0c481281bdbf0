/**
 * Kernel parameters in memory.
 *
 * @module
 */

import { renderSysctl, sysctlEqual } from "../dataplane/render_sysctl.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import { FakeTarget } from "./fake_target.ts";

/** What the kernel has. */
export interface FakeSysctlOptions {
  /** Names that it lacks. */
  readonly absent?: readonly string[];
}

/** A sysctl target without a kernel: every parameter exists and takes numbers. */
export function fakeSysctl(
  options: FakeSysctlOptions = {},
): FakeTarget<SysctlValue> {
  const absent = new Set(options.absent ?? []);
  return new FakeTarget<SysctlValue>({
    name: "sysctl",
    atomic: false,
    refuse: (op) => {
      if (op.kind === "remove") return undefined;
      if (absent.has(op.value.name) && op.value.optional !== true) {
        return {
          code: "kernel.unsupported",
          message: "No such file or directory",
        };
      }
      return /^-?\d+(?: -?\d+)*$/.test(op.value.value)
        ? undefined
        : { code: "kernel.invalid", message: "Invalid argument" };
    },
    carryOut: (op, state) => {
      if (op.kind !== "remove") state.set(op.key, op.value);
    },
    equal: sysctlEqual,
    order: () => 0,
    render: (op) =>
      op.kind === "remove"
        ? `# ${op.previous.name} stays as it is`
        : `sysctl -w "${renderSysctl(op.value)}"`,
  });
}
