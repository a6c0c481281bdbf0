/** Values of the sysctl target for the conformance suite. */

import type { SysctlValue } from "../../lib/dataplane/sysctl.ts";
import type { Sample } from "./conformance.ts";

const keyed = (
  values: readonly SysctlValue[],
): [string, SysctlValue][] => values.map((value) => [value.name, value]);

/** Parameters that every network namespace has, and their values in a new one are others. */
const VALUES: readonly SysctlValue[] = [
  { name: "net.ipv4.ip_forward", value: "1" },
  { name: "net.ipv4.conf.lo.rp_filter", value: "2" },
  { name: "net.ipv4.conf.all.arp_ignore", value: "1" },
  { name: "net.ipv4.ping_group_range", value: "0 100" },
  { name: "net.ipv6.conf.all.forwarding", value: "1" },
];

export const SYSCTL_SAMPLE: Sample<SysctlValue> = {
  entries: keyed(VALUES),
  changes: keyed([
    { name: "net.ipv4.conf.all.arp_ignore", value: "2" },
    { name: "net.ipv4.ping_group_range", value: "5 200" },
  ]),
  duplicate: undefined,
  missing: undefined,
  bad: [
    "net.ipv4.ip_forward",
    { name: "net.ipv4.ip_forward", value: "banana" },
  ],
  around: [
    ["net.ipv4.conf.lo.rp_filter", {
      name: "net.ipv4.conf.lo.rp_filter",
      value: "1",
    }],
    ["net.ipv6.conf.all.forwarding", {
      name: "net.ipv6.conf.all.forwarding",
      value: "0",
    }],
  ],
  rest: "done",
  many: [],
  removes: false,
};

/** The names that the sample reads. */
export const SYSCTL_NAMES: readonly string[] = VALUES.map(({ name }) => name);
