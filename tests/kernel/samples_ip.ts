/** Values of the ip target for the conformance suite. */

import {
  DUMMY_LINK,
  ipKey,
  type IpRoute,
  type IpValue,
  type NextHop,
  ROUTE_PROTOCOL,
  TABLE_LOCAL,
  TABLE_MAIN,
} from "../../lib/dataplane/ip.ts";
import { type Family, type Ip, parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import type { Sample } from "./conformance.ts";

/** A table of the sample's own. */
export const SAMPLE_TABLE = 77;
/** The priorities of the sample's rules. */
export const SAMPLE_PRIORITIES = [5000, 5009] as const;

const keyed = (values: readonly IpValue[]): [string, IpValue][] =>
  values.map((value) => [ipKey(value), value]);

const hop = (
  via: string | undefined,
  more: Partial<NextHop> = {},
): NextHop => ({
  ...(via === undefined ? {} : { via: parseIp(via), onLink: true }),
  link: DUMMY_LINK,
  weight: 1,
  ...more,
});
const route = (
  table: number,
  destination: string,
  nextHops: readonly NextHop[],
  more: { readonly type?: IpRoute["type"]; readonly source?: Ip } = {},
): IpRoute => ({
  kind: "route",
  table,
  destination: parsePrefix(destination),
  type: "unicast",
  nextHops,
  protocol: ROUTE_PROTOCOL,
  ...more,
});
const address = (prefix: string): IpValue => ({
  kind: "address",
  link: DUMMY_LINK,
  prefix: parsePrefix(prefix),
});
const rule = (
  family: Family,
  priority: number,
  more: { readonly from?: string; readonly mark?: number },
): IpValue => ({
  kind: "rule",
  family,
  priority,
  ...(more.from === undefined ? {} : { from: parsePrefix(more.from) }),
  ...(more.mark === undefined ? {} : { mark: more.mark }),
  table: SAMPLE_TABLE,
});
const link = (up: boolean, mtu?: number): IpValue => ({
  kind: "link",
  name: DUMMY_LINK,
  type: "dummy",
  up,
  ...(mtu === undefined ? {} : { mtu }),
});

const VALUES: readonly IpValue[] = [
  link(true),
  { kind: "link", name: "fw-down", type: "dummy", up: false, mtu: 1400 },
  address("10.0.0.1/32"),
  address("2001:db8::1/128"),
  route(TABLE_MAIN, "10.1.0.0/16", [hop("10.9.0.1")]),
  route(TABLE_MAIN, "10.2.0.0/16", [hop(undefined)], {
    source: parseIp("10.0.0.1"),
  }),
  route(TABLE_MAIN, "2001:db8:1::/48", [hop("2001:db8:9::1")]),
  route(TABLE_MAIN, "10.5.0.0/16", [hop("2001:db8:9::1")]),
  route(TABLE_LOCAL, "10.96.0.0/12", [hop(undefined)], {
    type: "local",
    source: parseIp("10.0.0.1"),
  }),
  route(TABLE_LOCAL, "2001:db8:96::/112", [hop(undefined)], { type: "local" }),
  route(SAMPLE_TABLE, "0.0.0.0/0", [hop("10.9.0.1")]),
  route(SAMPLE_TABLE, "::/0", [hop("2001:db8:9::1")]),
  route(SAMPLE_TABLE, "10.3.0.1/32", [], { type: "blackhole" }),
  route(SAMPLE_TABLE, "10.4.0.0/16", [], { type: "unreachable" }),
  route(SAMPLE_TABLE, "2001:db8:3::/48", [], { type: "blackhole" }),
  route(SAMPLE_TABLE, "2001:db8:4::/48", [], { type: "unreachable" }),
  route(SAMPLE_TABLE, "10.6.0.0/16", [
    hop("10.9.0.1", { weight: 3 }),
    hop("10.9.0.2"),
  ]),
  route(SAMPLE_TABLE, "2001:db8:6::/48", [
    hop("2001:db8:9::1", { weight: 3 }),
    hop("2001:db8:9::2"),
  ]),
  rule(4, 5000, { from: "10.244.0.0/24" }),
  rule(4, 5001, { mark: 0x10 }),
  rule(6, 5000, { from: "2001:db8:244::/64", mark: 0x20 }),
  rule(6, 5001, {}),
];

export const IP_SAMPLE: Sample<IpValue> = {
  entries: keyed(VALUES),
  changes: keyed([
    { kind: "link", name: "fw-down", type: "dummy", up: true, mtu: 1380 },
    route(TABLE_MAIN, "10.1.0.0/16", [hop("10.9.0.1"), hop("10.9.0.2")]),
    route(TABLE_MAIN, "2001:db8:1::/48", [
      hop("2001:db8:9::1"),
      hop("2001:db8:9::2"),
    ]),
    route(SAMPLE_TABLE, "10.6.0.0/16", [], { type: "blackhole" }),
    route(SAMPLE_TABLE, "2001:db8:6::/48", [hop("2001:db8:9::7")]),
    route(SAMPLE_TABLE, "2001:db8:3::/48", [hop("2001:db8:9::7")]),
    route(SAMPLE_TABLE, "10.3.0.1/32", [hop("10.9.0.9")]),
    rule(4, 5001, { mark: 0x11 }),
    rule(6, 5000, { from: "2001:db8:245::/64" }),
  ]),
  duplicate: [
    `route/${TABLE_MAIN}/10.1.0.0/16`,
    route(TABLE_MAIN, "10.1.0.0/16", [hop("10.9.0.7")]),
  ],
  missing: [
    `route/${SAMPLE_TABLE}/10.77.0.0/16`,
    route(SAMPLE_TABLE, "10.77.0.0/16", [hop("10.9.0.7")]),
  ],
  bad: [
    `route/${SAMPLE_TABLE}/10.78.0.0/16`,
    route(SAMPLE_TABLE, "10.78.0.0/16", [
      { via: parseIp("192.0.2.1"), link: DUMMY_LINK, weight: 1 },
    ]),
  ],
  around: [
    [
      `route/${SAMPLE_TABLE}/10.79.0.0/16`,
      route(SAMPLE_TABLE, "10.79.0.0/16", [hop("10.9.0.7")]),
    ],
    [
      `route/${SAMPLE_TABLE}/10.80.0.0/16`,
      route(SAMPLE_TABLE, "10.80.0.0/16", [hop("10.9.0.7")]),
    ],
  ],
  rest: "done",
  many: keyed(
    Array.from(
      { length: 10_000 },
      (_, i) =>
        i % 2 === 0
          ? route(SAMPLE_TABLE, `10.128.${i >> 8}.${i & 255}/32`, [
            hop("10.9.0.1"),
          ])
          : route(SAMPLE_TABLE, `2001:db8:a::${(i + 1).toString(16)}/128`, [
            hop("2001:db8:9::1"),
          ]),
    ),
  ),
  removes: true,
};
