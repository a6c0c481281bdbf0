import { assertEquals } from "@std/assert";
import type { Op } from "../../lib/base/target.ts";
import {
  DUMMY_LINK,
  ipKey,
  type IpValue,
  TABLE_LOCAL,
  TABLE_MAIN,
} from "../../lib/dataplane/ip.ts";
import { LINK_TYPES } from "../../lib/dataplane/render_ip.ts";
import { IpTarget } from "../../lib/kernel/ip.ts";
import { readConnectedNetworks } from "../../lib/kernel/networks.ts";
import { parsePrefix, type Prefix } from "../../lib/net/prefix.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { conformance, type Subject } from "./conformance.ts";
import { TestNamespace } from "./namespace.ts";
import { IP_SAMPLE, SAMPLE_PRIORITIES, SAMPLE_TABLE } from "./samples_ip.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const add = (value: IpValue): Op<IpValue> => ({
  kind: "add",
  key: ipKey(value),
  value,
});
const LINK: IpValue = {
  kind: "link",
  name: DUMMY_LINK,
  type: "dummy",
  up: true,
};

/** Not every kernel that tests run on has `dummy`; a bridge without ports serves as well. */
function targetIn(namespace: TestNamespace): IpTarget {
  return new IpTarget(namespace.runner(), {
    tables: [TABLE_MAIN, TABLE_LOCAL, SAMPLE_TABLE],
    rulePriorities: SAMPLE_PRIORITIES,
    linkTypes: { ...LINK_TYPES, dummy: "bridge" },
  });
}

async function newSubject(): Promise<Subject<IpValue>> {
  const namespace = await TestNamespace.create();
  return {
    target: targetIn(namespace),
    addForeign: async () => {
      await namespace.run(
        "ip",
        ["-batch", "-"],
        `link add name other0 type bridge
link set dev other0 up
address add 192.0.2.1/24 dev other0
route add 198.51.100.0/24 via 192.0.2.9
route add 198.51.101.0/24 via 192.0.2.9 proto bird
route add 198.51.102.0/24 via 192.0.2.9 proto 186 table 4242
route add local 198.51.103.1/32 dev other0 table local proto 3
rule add from 192.0.2.0/24 priority 4999 table 77
rule add from 192.0.2.0/24 priority 5010 table 77
`,
      );
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}

conformance("ip on the kernel", { newSubject, sample: IP_SAMPLE });

Deno.test("ip on the kernel: a missing kind of link names the module", async () => {
  await using namespace = await TestNamespace.create();
  const target = new IpTarget(namespace.runner(), {
    tables: [],
    rulePriorities: SAMPLE_PRIORITIES,
    linkTypes: { ...LINK_TYPES, dummy: "nosuchtype" },
  });
  const result = await target.apply([add(LINK)], signal());
  assertEquals(result.refusals.map(({ index }) => index), [0]);
  assertEquals(result.refusals[0]?.error.code, "kernel.unsupported");
  assertEquals(
    result.refusals[0]?.error.message.startsWith(
      "the kernel has no nosuchtype:",
    ),
    true,
  );
});

Deno.test("ip on the kernel: addresses of one subnet are removed together", async () => {
  await using namespace = await TestNamespace.create();
  const target = targetIn(namespace);
  await target.apply([add(LINK)], signal());
  await namespace.run(
    "ip",
    [
      "-batch",
      "-",
    ],
    `address add 10.0.0.1/24 dev ${DUMMY_LINK}\naddress add 10.0.0.2/24 dev ${DUMMY_LINK}\n`,
  );
  const removals = ["10.0.0.1", "10.0.0.2"].map((text): Op<IpValue> => {
    const previous: IpValue = {
      kind: "address",
      link: DUMMY_LINK,
      prefix: `${text}/24` as Prefix,
    };
    return { kind: "remove", key: ipKey(previous), previous };
  });
  assertEquals(await target.apply(removals, signal()), {
    refusals: [],
    rest: "done",
  });
});

Deno.test("ip on the kernel: a route whose link is missing waits alone", async () => {
  await using namespace = await TestNamespace.create();
  const target = targetIn(namespace);
  const lost: IpValue = {
    kind: "route",
    table: SAMPLE_TABLE,
    destination: parsePrefix("10.1.0.0/16"),
    type: "unicast",
    nextHops: [{
      via: parseIp("10.9.0.1"),
      link: "fw-gone",
      weight: 1,
      onLink: true,
    }],
    protocol: 186,
  };
  const result = await target.apply([add(LINK), add(lost)], signal());
  assertEquals(result.rest, "done");
  assertEquals(result.refusals.map(({ index }) => index), [1]);
  assertEquals(result.refusals[0]?.error.code, "kernel.not_found");
  assertEquals([...(await target.read(signal())).keys()], [
    `link/${DUMMY_LINK}`,
  ]);
});

Deno.test("ip on the kernel: a route of several ways that ip cannot read stops nothing", async () => {
  await using namespace = await TestNamespace.create();
  const target = targetIn(namespace);
  const route = (destination: string, link: string): IpValue => ({
    kind: "route",
    table: SAMPLE_TABLE,
    destination: parsePrefix(destination),
    type: "unicast",
    nextHops: [1, 2].map((n) => ({
      via: parseIp(`10.9.0.${n}`),
      link,
      weight: 1,
      onLink: true,
    })),
    protocol: 186,
  });
  await target.apply([add(LINK)], signal());
  const result = await target.apply([
    add(route("10.1.0.0/16", DUMMY_LINK)),
    add(route("10.2.0.0/16", "fw-gone")),
    add(route("10.3.0.0/16", DUMMY_LINK)),
    add(LINK),
    add(route("10.4.0.0/16", "fw-gone")),
    add(route("10.5.0.0/16", DUMMY_LINK)),
  ], signal());
  assertEquals(result.rest, "done");
  assertEquals(
    result.refusals.map(({ index, error }) => [index, error.code]).sort(),
    [[1, "kernel.not_found"], [3, "kernel.exists"], [4, "kernel.not_found"]],
  );
  assertEquals(
    [...(await target.read(signal())).keys()].sort(),
    [
      `link/${DUMMY_LINK}`,
      `route/${SAMPLE_TABLE}/10.1.0.0/16`,
      `route/${SAMPLE_TABLE}/10.3.0.0/16`,
      `route/${SAMPLE_TABLE}/10.5.0.0/16`,
    ],
  );
});

Deno.test("readConnectedNetworks() lists subnets of interfaces, not loopback's", async () => {
  await using namespace = await TestNamespace.create();
  await namespace.run(
    "ip",
    ["-batch", "-"],
    `link add eth7 type veth peer name eth8
address add 192.0.2.9/24 dev eth7
address add 2001:db8:9::1/64 dev eth7 nodad
link set eth7 up
address add 203.0.113.1/32 dev lo
`,
  );
  const networks = await readConnectedNetworks(namespace.runner(), signal());
  assertEquals([...networks].sort(), [
    parsePrefix("192.0.2.0/24"),
    parsePrefix("2001:db8:9::/64"),
  ]);
});
