import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { parsePrefix, type Prefix } from "../../lib/net/prefix.ts";
import {
  announcedVips,
  type Announcement,
  compileAnnouncements,
} from "../../lib/routing/announce.ts";
import { AnnouncementCompiler } from "../../lib/routing/announcement_compiler.ts";
import {
  type AnnounceSettings,
  resolveAnnounceContext,
} from "../../lib/routing/context.ts";
import {
  clusterOf,
  node,
  NODES,
  type Raw,
  service,
  serviceSettings,
  slice,
} from "../ipvs/objects.ts";

const QUIET: AnnounceSettings = {
  nodeName: "a",
  families: { 4: true, 6: true },
  virtualIps: { ...serviceSettings().virtualIps, strict: false },
  advertisePodCidr: true,
  advertiseClusterIp: false,
  advertiseExternalIp: false,
  advertiseLoadBalancerIp: false,
};
const LOUD: AnnounceSettings = {
  ...QUIET,
  advertiseClusterIp: true,
  advertiseExternalIp: true,
  advertiseLoadBalancerIp: true,
};
const STRICT: AnnounceSettings = {
  ...LOUD,
  virtualIps: serviceSettings().virtualIps,
};

const HERE = slice("s", "web", ["10.244.1.2@a"]);
const THERE = slice("s", "web", ["10.244.2.2@b"]);
const KINDS = ["clusterip", "externalip", "loadbalancerip"] as const;
const says = (value: string): Record<string, string> =>
  Object.fromEntries(
    KINDS.map((kind) => [`kube-router.io/service.advertise.${kind}`, value]),
  );
/** A service with one address of each kind. */
const full = (
  spec: Raw = {},
  annotations: Record<string, string> = {},
): Raw =>
  service("web", ["10.96.0.1"], {
    spec: { type: "LoadBalancer", externalIPs: ["192.0.2.1"], ...spec },
    ingress: [{ ip: "198.51.100.1" }],
    annotations,
  });
const ALL = ["10.96.0.1", "198.51.100.1", "192.0.2.1"];

const CASES: readonly {
  readonly name: string;
  readonly objects: readonly Raw[];
  readonly settings: AnnounceSettings;
  readonly expected: readonly string[];
  readonly issues?: number;
}[] = [
  {
    name: "flags off: nothing",
    objects: [full(), HERE],
    settings: QUIET,
    expected: [],
  },
  {
    name: "flags on: every kind",
    objects: [full(), HERE],
    settings: LOUD,
    expected: ALL,
  },
  {
    name: "one flag, one kind",
    objects: [full(), HERE],
    settings: { ...QUIET, advertiseExternalIp: true },
    expected: ["192.0.2.1"],
  },
  {
    name: "annotations ask for it",
    objects: [full({}, says("true")), HERE],
    settings: QUIET,
    expected: ALL,
  },
  {
    name: "annotations forbid it",
    objects: [full({}, says("false")), HERE],
    settings: LOUD,
    expected: [],
  },
  {
    name: "an unusable annotation means no, and is said",
    objects: [full({}, says("sure")), HERE],
    settings: LOUD,
    expected: [],
    issues: 3,
  },
  {
    name: "strict rules hold for announcements too",
    objects: [full(), HERE],
    settings: STRICT,
    expected: ["10.96.0.1"],
  },
  {
    name: "no slice: no address, and no fault",
    objects: [full()],
    settings: LOUD,
    expected: [],
  },
  {
    name: "policy Cluster: any ready endpoint",
    objects: [full(), THERE],
    settings: LOUD,
    expected: ALL,
  },
  {
    name: "an endpoint that is not ready attracts nothing",
    objects: [full(), slice("s", "web", ["10.244.1.2@a !ready"])],
    settings: LOUD,
    expected: [],
  },
  {
    name: "nor does one that is terminating, although it still serves",
    objects: [
      full(),
      slice("s", "web", ["10.244.1.2@a !ready serving terminating"]),
    ],
    settings: LOUD,
    expected: [],
  },
  {
    name: "external Local without an endpoint here: the cluster IP only",
    objects: [full({ externalTrafficPolicy: "Local" }), THERE],
    settings: LOUD,
    expected: ["10.96.0.1"],
  },
  {
    name: "external Local with one",
    objects: [full({ externalTrafficPolicy: "Local" }), HERE],
    settings: LOUD,
    expected: ALL,
  },
  {
    name: "external Local with one here that is not ready",
    objects: [
      full({ externalTrafficPolicy: "Local" }),
      slice("s", "web", ["10.244.1.2@a !ready", "10.244.2.2@b"]),
    ],
    settings: LOUD,
    expected: ["10.96.0.1"],
  },
  {
    name: "internal Local is about the cluster IP only",
    objects: [full({ internalTrafficPolicy: "Local" }), THERE],
    settings: LOUD,
    expected: ["198.51.100.1", "192.0.2.1"],
  },
  {
    name: "service.local",
    objects: [full({}, { "kube-router.io/service.local": "true" }), THERE],
    settings: LOUD,
    expected: ["10.96.0.1"],
  },
  {
    name: "skiplbips",
    objects: [full({}, { "kube-router.io/service.skiplbips": "1" }), HERE],
    settings: LOUD,
    expected: ["10.96.0.1", "192.0.2.1"],
  },
  {
    name: "a family without ready endpoints",
    objects: [service("web", ["10.96.0.1", "fd96::1"]), HERE],
    settings: LOUD,
    expected: ["10.96.0.1"],
  },
  {
    name: "a family that is off",
    objects: [
      service("web", ["10.96.0.1", "fd96::1"]),
      HERE,
      slice("s6", "web", ["fd44:1::2@a"]),
    ],
    settings: { ...LOUD, families: { 4: true, 6: false } },
    expected: ["10.96.0.1"],
  },
  {
    name: "a node's address is never announced, ours or another's",
    objects: [full({ externalIPs: ["10.0.0.1", "10.0.0.2"] }), HERE],
    settings: LOUD,
    expected: ["10.96.0.1", "198.51.100.1"],
  },
  {
    name: "a foreign proxy's service",
    objects: [
      service("web", ["10.96.0.1"], {
        labels: { "service.kubernetes.io/service-proxy-name": "other" },
      }),
      HERE,
    ],
    settings: LOUD,
    expected: [],
  },
];

for (const { name, objects, settings, expected, issues } of CASES) {
  Deno.test(`announce: ${name}`, () => {
    const store = clusterOf(...NODES, ...objects);
    const context = resolveAnnounceContext(store, settings);
    const vips = announcedVips(store, "default/web", context);
    assertEquals<readonly string[]>(vips.ips, expected);
    assertEquals(vips.issues.length, issues ?? 0);
  });
}

const line = ({ prefix, nextHop, to, owner }: Announcement): string =>
  `${prefix} via ${nextHop} to ${to} (${owner})`;

Deno.test("announce: pod networks to all, or to nodes only", () => {
  const store = clusterOf(...NODES);
  const lines = (settings: AnnounceSettings): string[] =>
    compileAnnouncements(store, resolveAnnounceContext(store, settings))
      .map(line);
  assertEquals(lines(QUIET), [
    "10.244.1.0/24 via 10.0.0.1 to all (Node a)",
    "fd44:1::/64 via fd10::1 to all (Node a)",
  ]);
  assertEquals(lines({ ...QUIET, advertisePodCidr: false }), [
    "10.244.1.0/24 via 10.0.0.1 to internal (Node a)",
    "fd44:1::/64 via fd10::1 to internal (Node a)",
  ]);
  assertEquals(lines({ ...QUIET, nodeName: "unknown" }), []);
});

Deno.test("announce: a shared address stays while one service wants it", () => {
  const shared = (name: string, vip: string): Raw =>
    service(name, [vip], { spec: { externalIPs: ["192.0.2.1"] } });
  const store = clusterOf(
    node("a", { ips: ["10.0.0.1"] }),
    shared("one", "10.96.0.1"),
    shared("two", "10.96.0.2"),
    slice("s1", "one", ["10.244.2.1@b"]),
    slice("s2", "two", ["10.244.2.2@b"]),
  );
  const feed = store.feed();
  feed.take();
  const compiler = new AnnouncementCompiler(store, {
    ...QUIET,
    advertiseExternalIp: true,
  });
  const prefix = parsePrefix("192.0.2.1/32");
  assertEquals(compiler.compile("all").announced.map(line), [
    "192.0.2.1/32 via 10.0.0.1 to external (Service default/one)",
  ]);
  store.remove("EndpointSlice", "default/s1");
  const second = compiler.compile(feed.take());
  assertEquals([second.announced, second.withdrawn], [[], []]);
  assertEquals(compiler.current.get(prefix)?.owner, "Service default/two");
  store.remove("Service", "default/two");
  assertEquals(compiler.compile(feed.take()).withdrawn, [prefix]);
  assertEquals(compiler.current.size, 0);
});

const small = (most: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: most });
const anyObject = fc.oneof(
  fc.record({
    name: small(2),
    external: fc.constantFrom("192.0.2.1", "192.0.2.2", "10.0.0.2"),
    policy: fc.constantFrom("Cluster", "Local"),
    annotation: fc.constantFrom("true", "false", "odd"),
  }).map(({ name, external, policy, annotation }) =>
    service(`w${name}`, [`10.96.0.${name + 1}`], {
      spec: { externalIPs: [external], externalTrafficPolicy: policy },
      annotations: says(annotation),
    })
  ),
  fc.record({
    name: small(2),
    of: small(2),
    endpoint: fc.constantFrom(
      "10.244.1.2@a",
      "10.244.2.2@b",
      "10.244.1.3@a !ready",
    ),
  }).map(({ name, of, endpoint }) => slice(`s${name}`, `w${of}`, [endpoint])),
  fc.constantFrom(
    ...NODES,
    node("b", { ips: ["192.0.2.2"] }),
    node("a", { ips: ["10.0.0.5"], podCidrs: ["10.244.1.0/24"] }),
  ),
);
const step = fc.oneof(
  { weight: 3, arbitrary: anyObject },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("Service" as const, "EndpointSlice" as const),
      small(2),
    ),
  },
);

Deno.test("announce: by changes or from the start, the result is the same", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), {
        maxLength: 12,
      }),
      (bursts) => {
        const store = clusterOf(...NODES);
        const feed = store.feed();
        feed.take();
        const compiler = new AnnouncementCompiler(store, QUIET);
        /** What a speaker that only hears of differences has. */
        const heard = new Map<Prefix, Announcement>();
        const hear = (changes: ReturnType<typeof compiler.compile>): void => {
          for (const prefix of changes.withdrawn) heard.delete(prefix);
          for (const each of changes.announced) heard.set(each.prefix, each);
        };
        hear(compiler.compile("all"));
        for (const burst of bursts) {
          for (const act of burst) {
            if (Array.isArray(act)) {
              const [kind, i] = act;
              store.remove(
                kind,
                `default/${kind === "Service" ? "w" : "s"}${i}`,
              );
              continue;
            }
            const decoded = decodeObject(act);
            if (decoded.status !== "object") throw new Error("not an object");
            store.upsert(decoded.kind, decoded.project());
          }
          hear(compiler.compile(feed.take()));
        }
        const whole = compileAnnouncements(
          store,
          resolveAnnounceContext(store, QUIET),
        );
        const bare = (list: Iterable<Announcement>): string[] =>
          [...list].map(({ prefix, nextHop, to }) =>
            `${prefix} ${nextHop} ${to}`
          )
            .sort();
        assertEquals(bare(heard.values()), bare(whole));
        assertEquals(
          [...compiler.current.values()].map(line).sort(),
          whole.map(line).sort(),
        );
      },
    ),
    { numRuns: 500 },
  );
});
