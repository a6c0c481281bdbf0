/**
 * The ipvs driver on a kernel that has ip_vs; runs in the lab's machine.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Op } from "../../lib/base/target.ts";
import { ipvsKey, type IpvsValue } from "../../lib/dataplane/ipvs.ts";
import { IpvsTarget } from "../../lib/kernel/ipvs.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { conformance, type Subject } from "./conformance.ts";
import { TestNamespace } from "./namespace.ts";
import { IPVS_SAMPLE } from "./samples_ipvs.ts";

const signal = (): AbortSignal => AbortSignal.timeout(120_000);
const add = (value: IpvsValue): Op<IpvsValue> => ({
  kind: "add",
  key: ipvsKey(value),
  value,
});
const service = (address: string, scheduler = "rr"): IpvsValue => ({
  kind: "service",
  at: { protocol: "tcp", address: parseIp(address), port: 80 },
  scheduler,
  flags: [],
  persistentSeconds: 0,
});

async function newSubject(): Promise<Subject<IpvsValue>> {
  const namespace = await TestNamespace.create();
  return {
    target: new IpvsTarget(namespace.runner({ deadlineMs: 120_000 }), {
      isOurs: ({ at }) =>
        at.protocol === "mark" || !at.address.startsWith("192.0.2."),
    }),
    addForeign: async () => {
      await namespace.run(
        "ipvsadm",
        ["-R"],
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1\n",
      );
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}

conformance("ipvs on the kernel", {
  newSubject,
  // Ten thousand take half a minute in the machine; a fake carries those out.
  sample: { ...IPVS_SAMPLE, many: IPVS_SAMPLE.many.slice(0, 2_000) },
});

Deno.test("ipvs on the kernel: several refusals are told apart", async () => {
  await using namespace = await TestNamespace.create();
  const target = new IpvsTarget(namespace.runner());
  await target.apply([add(service("10.96.0.1"))], signal());
  const lost: IpvsValue = {
    kind: "destination",
    at: { protocol: "tcp", address: parseIp("10.96.0.9"), port: 80 },
    address: parseIp("10.1.1.1"),
    port: 80,
    method: "masquerade",
    weight: 1,
  };
  const missing = service("10.96.0.77");
  const result = await target.apply([
    add(service("10.96.0.1", "wrr")),
    add(service("10.96.0.2")),
    add(service("10.96.0.3", "nosuch")),
    add(lost),
    { kind: "remove", key: ipvsKey(missing), previous: missing },
  ], signal());
  assertEquals(result.rest, "done");
  assertEquals(
    result.refusals.map((
      { index, error },
    ) => [index, error.code, error.message]),
    [
      [
        0,
        "kernel.exists",
        'ipvsadm: Service already exists in "ipvsadm -A -t 10.96.0.1:80 -s wrr"',
      ],
      [
        2,
        "kernel.unsupported",
        "the kernel has no ip_vs_nosuch: modprobe ip_vs_nosuch (on Debian the module is in the package linux-image of the running kernel; cloud kernels leave some out)",
      ],
      [
        3,
        "kernel.not_found",
        'ipvsadm: Service not defined in "ipvsadm -a -t 10.96.0.9:80 -r 10.1.1.1:80 -m -w 1"',
      ],
      [
        4,
        "kernel.not_found",
        'ipvsadm: No such service in "ipvsadm -D -t 10.96.0.77:80"',
      ],
    ],
  );
  assertEquals([...(await target.read(signal())).keys()].sort(), [
    "service/tcp/10.96.0.1:80",
    "service/tcp/10.96.0.2:80",
  ]);
});
