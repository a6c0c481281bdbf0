/**
 * What `sysctl NAME…` prints, as values.
 *
 * @module
 */

import type { SysctlValue } from "./sysctl.ts";

/** Parses lines `NAME = VALUE`; the tabs of a list become single spaces. */
export function parseSysctl(text: string): Map<string, SysctlValue> {
  const state = new Map<string, SysctlValue>();
  for (const line of text.split("\n")) {
    const match = /^(\S+) =(.*)$/.exec(line);
    const name = match?.[1];
    if (name === undefined) continue;
    const value = (match?.[2] ?? "").trim().replaceAll(/\s+/g, " ");
    state.set(name, { name, value });
  }
  return state;
}
