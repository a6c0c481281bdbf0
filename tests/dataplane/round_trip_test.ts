import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FairwayError } from "../../lib/base/errors.ts";
import {
  type Flow,
  type FlowFilter,
  matchesFlow,
  narrowFlows,
} from "../../lib/dataplane/conntrack.ts";
import {
  type IpvsAddress,
  ipvsKey,
  type IpvsValue,
} from "../../lib/dataplane/ipvs.ts";
import { parseConntrack } from "../../lib/dataplane/parse_conntrack.ts";
import { parseIpvs } from "../../lib/dataplane/parse_ipvs.ts";
import { renderConntrackDelete } from "../../lib/dataplane/render_conntrack.ts";
import { renderIpBatches, renderIpOp } from "../../lib/dataplane/render_ip.ts";
import {
  ipvsEqual,
  renderIpvsBatch,
  renderIpvsOp,
} from "../../lib/dataplane/render_ipvs.ts";
import { renderSysctl, sysctlPath } from "../../lib/dataplane/render_sysctl.ts";
import { type Ip, ipFromBytes, parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes);
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 })
  .filter((bytes) => bytes.subarray(0, 10).some((byte) => byte !== 0))
  .map(ipFromBytes);
const port = fc.integer({ min: 1, max: 65535 });

const at: fc.Arbitrary<IpvsAddress> = fc.oneof(
  fc.record({
    protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
    address: fc.oneof(ipv4, ipv6),
    port,
  }),
  fc.record({
    protocol: fc.constant("mark" as const),
    family: fc.constantFrom(4 as const, 6 as const),
    mark: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  }),
);
const ipvsValue: fc.Arbitrary<IpvsValue> = fc.oneof(
  fc.record({
    kind: fc.constant("service" as const),
    at,
    scheduler: fc.constantFrom("rr", "wrr", "lc", "wlc", "sh", "dh", "mh"),
    flags: fc.subarray(["flag-1", "flag-2", "flag-3"]),
    persistentSeconds: fc.integer({ min: 0, max: 86400 }),
  }),
  fc.record({
    kind: fc.constant("destination" as const),
    at,
    address: fc.oneof(ipv4, ipv6),
    port,
    method: fc.constantFrom(
      "masquerade" as const,
      "tunnel" as const,
      "route" as const,
    ),
    weight: fc.integer({ min: 0, max: 65535 }),
  }),
);

Deno.test("ipvs: what is added and saved again is equal", () => {
  fc.assert(fc.property(ipvsValue, (value) => {
    const key = ipvsKey(value);
    const line = renderIpvsOp({ kind: "add", key, value });
    const observed = parseIpvs(`${line}\n`).get(key);
    assert(observed !== undefined && ipvsEqual(value, observed), line);
  }));
});

Deno.test("ipvs: what ipvsadm 1.31 saves", () => {
  const saved = `-A -t 10.96.0.5:443 -s sh -p 300 -b sh-fallback,sh-port
-a -t 10.96.0.5:443 -r [2001:db8::aa]:443 -i -w 1 --tun-type ipip
-A --sctp-service 10.96.0.6:443 -s lc
-A -f 100 -6 -s wlc
-a -f 100 -6 -r [2001:db8::aa]:0 -g -w 0
-A -u 10.96.0.7:53 -s rr --pe sip
`;
  assertEquals(
    [...parseIpvs(saved).values()].map((value) => ({
      ...value,
      at: undefined,
    })),
    [
      {
        kind: "service",
        at: undefined,
        scheduler: "sh",
        flags: ["flag-1", "flag-2"],
        persistentSeconds: 300,
      },
      {
        kind: "destination",
        at: undefined,
        address: "2001:db8::aa" as Ip,
        port: 443,
        method: "tunnel",
        weight: 1,
      },
      {
        kind: "service",
        at: undefined,
        scheduler: "lc",
        flags: [],
        persistentSeconds: 0,
      },
      {
        kind: "service",
        at: undefined,
        scheduler: "wlc",
        flags: [],
        persistentSeconds: 0,
      },
      {
        kind: "destination",
        at: undefined,
        address: "2001:db8::aa" as Ip,
        port: 0,
        method: "route",
        weight: 0,
      },
      {
        kind: "service",
        at: undefined,
        scheduler: "rr",
        flags: ["--pe", "sip"],
        persistentSeconds: 0,
      },
    ],
  );
  assertEquals([...parseIpvs(saved).keys()].slice(2, 5), [
    "service/sctp/10.96.0.6:443",
    "service/mark/6/100",
    "destination/mark/6/100/[2001:db8::aa]:0",
  ]);
});

Deno.test("ipvs: destinations that leave with their virtual server have no line", () => {
  const where: IpvsAddress = {
    protocol: "tcp",
    address: parseIp("10.96.0.1"),
    port: 80,
  };
  const values: IpvsValue[] = [
    {
      kind: "destination",
      at: where,
      address: parseIp("10.1.1.1"),
      port: 80,
      method: "masquerade",
      weight: 1,
    },
    {
      kind: "service",
      at: where,
      scheduler: "rr",
      flags: [],
      persistentSeconds: 0,
    },
  ];
  const batch = renderIpvsBatch(
    values.map((previous) => ({
      kind: "remove",
      key: ipvsKey(previous),
      previous,
    })),
  );
  assertEquals(batch, { text: "-D -t 10.96.0.1:80\n", opOfLine: [1] });
});

Deno.test("ip: IPv6 rules run apart, and a change of a rule makes before it breaks", () => {
  const batches = renderIpBatches([
    {
      kind: "add",
      key: "rule/4/1",
      value: { kind: "rule", family: 4, priority: 1, mark: 16, table: 77 },
    },
    {
      kind: "change",
      key: "rule/6/1",
      value: { kind: "rule", family: 6, priority: 1, table: 78 },
      previous: {
        kind: "rule",
        family: 6,
        priority: 1,
        from: parsePrefix("2001:db8::/32"),
        table: 77,
      },
    },
    {
      kind: "remove",
      key: "address/kube-dummy-if/2001:db8::1/128",
      previous: {
        kind: "address",
        link: "kube-dummy-if",
        prefix: parsePrefix("2001:db8::1/128"),
      },
    },
  ]);
  assertEquals(batches, [
    {
      family: "any",
      text: "rule add from 0.0.0.0/0 priority 1 fwmark 16 table 77\n",
      opOfLine: [0],
    },
    {
      family: "6",
      text: "rule add from ::/0 priority 1 table 78\n" +
        "rule delete from 2001:db8::/32 priority 1 table 77\n",
      opOfLine: [1, 1],
    },
    {
      family: "any",
      text: "address delete 2001:db8::1/128 dev kube-dummy-if\n",
      opOfLine: [2],
    },
  ]);
});

Deno.test("ip: a link's name is a name", () => {
  for (const name of ["", "-all", "a b", "fw-\n", "1", "x".repeat(16), "a;b"]) {
    assertThrows(
      () =>
        renderIpOp({
          kind: "add",
          key: `link/${name}`,
          value: { kind: "link", name, type: "dummy", up: true },
        }),
      FairwayError,
    );
  }
});

Deno.test("sysctl: names and values are words", () => {
  assertEquals(
    renderSysctl({ name: "net.ipv4.ping_group_range", value: "0 100" }),
    "net.ipv4.ping_group_range=0 100",
  );
  assertEquals(
    sysctlPath("net.ipv4.conf.eth0/100.rp_filter"),
    "/proc/sys/net/ipv4/conf/eth0.100/rp_filter",
  );
  for (
    const [name, value] of [
      ["--all", "1"],
      ["net.ipv4.x y", "1"],
      ["single", "1"],
      ["net.ipv4.x", "1\n2"],
      ["net.ipv4.x", ""],
    ] as const
  ) assertThrows(() => renderSysctl({ name, value }), FairwayError);
});

const flow: fc.Arbitrary<Flow> = fc.record({
  family: fc.constant(4 as const),
  protocol: fc.constantFrom(6, 17),
  original: fc.record({
    source: fc.constantFrom("10.0.0.1", "10.0.0.2").map(parseIp),
    destination: fc.constantFrom("10.96.0.1", "10.96.0.2").map(parseIp),
    sourcePort: fc.integer({ min: 1000, max: 1009 }),
    destinationPort: fc.constantFrom(53, 80),
  }),
  reply: fc.record({
    source: fc.constantFrom("10.244.0.1", "10.244.0.2").map(parseIp),
    destination: fc.constant(parseIp("10.0.0.1")),
    sourcePort: fc.constant(8080),
    destinationPort: fc.constant(1000),
  }),
  mark: fc.constant(0),
});
const tupleOf = (flow: Flow): string =>
  JSON.stringify([flow.protocol, flow.original, flow.reply.source]);

Deno.test("conntrack: narrowed filters mean exactly what is meant, and are no more than it", () => {
  const flows = fc.uniqueArray(
    fc.tuple(flow, fc.boolean()),
    { selector: ([flow]) => tupleOf(flow), maxLength: 60 },
  );
  fc.assert(fc.property(flows, (marked) => {
    const all = marked.map(([flow]) => flow);
    const meant = new Set(marked.filter(([, is]) => is).map(([flow]) => flow));
    const filters = narrowFlows(all, meant);
    assert(filters.length <= meant.size);
    for (const flow of all) {
      assertEquals(
        filters.some((filter) => matchesFlow(filter, flow)),
        meant.has(flow),
      );
    }
  }));
});

Deno.test("conntrack: all connections of an endpoint are one filter", () => {
  const flows = Array.from({ length: 100 }, (_, i): Flow => ({
    family: 4,
    protocol: 17,
    original: {
      source: parseIp(`10.0.0.${i}`),
      destination: parseIp("10.96.0.10"),
      sourcePort: 1000,
      destinationPort: 53,
    },
    reply: {
      source: parseIp(`10.244.0.${i % 2}`),
      destination: parseIp(`10.0.0.${i}`),
      sourcePort: 5353,
      destinationPort: 1000,
    },
    mark: 0,
  }));
  const meant = new Set(
    flows.filter((flow) => flow.reply.source === "10.244.0.1"),
  );
  assertEquals(narrowFlows(flows, meant).map(renderConntrackDelete), [
    "-D -f ipv4 -p udp -d 10.96.0.10 -r 10.244.0.1 --dport 53",
  ]);
});

Deno.test("conntrack: lines of every shape", () => {
  const filters: FlowFilter[] = [
    { protocol: 1, source: parseIp("10.0.0.1"), destinationPort: 0 },
    { destination: parseIp("2001:db8::1"), replySourcePort: 80, protocol: 6 },
  ];
  assertEquals(filters.map(renderConntrackDelete), [
    "-D -f ipv4 -p 1 -s 10.0.0.1",
    "-D -f ipv6 -p tcp -d 2001:db8::1 --reply-port-src 80",
  ]);
  const text =
    "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=4000 dport=80 " +
    "src=10.244.0.2 dst=10.0.0.1 sport=8080 dport=4000 [ASSURED] mark=16 use=1\n" +
    "ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 [UNREPLIED] " +
    "src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=1 mark=0 use=1\n" +
    "ipv4     2 unknown  89 500 src=10.0.0.1 dst=224.0.0.5 [UNREPLIED] src=224.0.0.5 dst=10.0.0.1 use=1\n" +
    "conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.\n";
  assertEquals(
    parseConntrack(text).map(({ protocol, original, reply, mark }) => [
      protocol,
      original.sourcePort,
      original.destinationPort,
      reply.source,
      reply.sourcePort,
      mark,
    ]),
    [
      [6, 4000, 80, "10.244.0.2", 8080, 16],
      [1, 0, 0, "10.0.0.2", 0, 0],
      [89, 0, 0, "224.0.0.5", 0, 0],
    ],
  );
});
