/** Values of the ipvs target for the conformance suite. */

import {
  type IpvsAddress,
  type IpvsDestination,
  ipvsKey,
  type IpvsService,
  type IpvsValue,
} from "../../lib/dataplane/ipvs.ts";
import { parseIp } from "../../lib/net/ip.ts";
import type { Sample } from "./conformance.ts";

const keyed = (values: readonly IpvsValue[]): [string, IpvsValue][] =>
  values.map((value) => [ipvsKey(value), value]);

const at = (
  protocol: "tcp" | "udp" | "sctp",
  address: string,
  port: number,
): IpvsAddress => ({ protocol, address: parseIp(address), port });
const service = (
  at: IpvsAddress,
  more: Partial<Omit<IpvsService, "kind" | "at">> = {},
): IpvsService => ({
  kind: "service",
  at,
  scheduler: "rr",
  flags: [],
  persistentSeconds: 0,
  ...more,
});
const destination = (
  at: IpvsAddress,
  address: string,
  port: number,
  more: Partial<Pick<IpvsDestination, "method" | "weight">> = {},
): IpvsDestination => ({
  kind: "destination",
  at,
  address: parseIp(address),
  port,
  method: "masquerade",
  weight: 1,
  ...more,
});

const WEB = at("tcp", "10.96.0.1", 80);
const DNS = at("udp", "10.96.0.10", 53);
const WEB6 = at("tcp", "2001:db8:96::1", 443);
const MARK4: IpvsAddress = { protocol: "mark", family: 4, mark: 100 };
const MARK6: IpvsAddress = { protocol: "mark", family: 6, mark: 100 };

const VALUES: readonly IpvsValue[] = [
  service(WEB),
  service(DNS, { scheduler: "wrr", persistentSeconds: 10800 }),
  service(WEB6, { scheduler: "sh", flags: ["flag-1", "flag-2"] }),
  service(at("sctp", "10.96.0.3", 9000), { scheduler: "lc" }),
  service(at("tcp", "2001:db8:96::2", 80), {
    scheduler: "mh",
    flags: ["flag-1"],
  }),
  service(MARK4, { scheduler: "wlc" }),
  service(MARK6, { scheduler: "dh", persistentSeconds: 60 }),
  destination(WEB, "10.244.1.2", 8080),
  destination(WEB, "10.244.1.3", 8080, { weight: 0 }),
  destination(DNS, "10.244.1.4", 5353, { weight: 7 }),
  destination(WEB6, "2001:db8:244::2", 8443),
  destination(MARK4, "10.244.1.2", 8080, { method: "masquerade" }),
  destination(MARK4, "10.244.1.3", 0, { method: "tunnel" }),
  destination(MARK6, "2001:db8:244::3", 0, { method: "route" }),
];

export const IPVS_SAMPLE: Sample<IpvsValue> = {
  entries: keyed(VALUES),
  changes: keyed([
    service(WEB, { scheduler: "wrr", persistentSeconds: 30 }),
    service(DNS, { scheduler: "rr" }),
    service(WEB6, { scheduler: "sh", flags: ["flag-2"] }),
    destination(WEB, "10.244.1.2", 8080, { weight: 0 }),
    destination(MARK4, "10.244.1.3", 0, { method: "route", weight: 3 }),
  ]),
  duplicate: ["service/tcp/10.96.0.1:80", service(WEB)],
  missing: [
    "destination/tcp/10.96.0.1:80/10.244.9.9:1",
    destination(WEB, "10.244.9.9", 1),
  ],
  bad: [
    "destination/tcp/10.96.0.1:80/224.0.0.1:1",
    destination(WEB, "224.0.0.1", 1),
  ],
  around: [
    [
      "destination/tcp/10.96.0.1:80/10.244.8.1:1",
      destination(WEB, "10.244.8.1", 1),
    ],
    [
      "destination/tcp/10.96.0.1:80/10.244.8.2:1",
      destination(WEB, "10.244.8.2", 1),
    ],
  ],
  rest: "done",
  many: keyed(
    Array.from(
      { length: 2_500 },
      (_, i) => at("tcp", `10.97.${i >> 8}.${i & 255}`, 80),
    )
      .flatMap((where, i) => [
        service(where),
        ...[1, 2, 3].map((n) =>
          destination(where, `10.244.${n}.${(i % 250) + 1}`, 8080)
        ),
      ]),
  ),
  removes: true,
};
