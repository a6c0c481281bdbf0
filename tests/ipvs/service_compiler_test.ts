import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatIssue } from "../../lib/base/issue.ts";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import {
  BASE_SOURCE,
  LOCAL_PODS_SOURCE,
  ServiceCompiler,
} from "../../lib/ipvs/service_compiler.ts";
import {
  clusterOf,
  node,
  NODES,
  pod,
  type Raw,
  service,
  serviceSettings,
  slice,
} from "./objects.ts";
import { Joined } from "./text.ts";

const LAX = serviceSettings({
  virtualIps: { ...serviceSettings().virtualIps, strict: false },
});

/** A store that objects are put into and taken from, with a compiler that follows. */
class Follower {
  readonly store: ClusterStore;
  readonly compiler: ServiceCompiler;
  readonly joined = new Joined();
  readonly #feed: ReturnType<ClusterStore["feed"]>;
  issues = new Map<string, string[]>();

  constructor(objects: readonly Raw[], settings = LAX) {
    this.store = clusterOf(...objects);
    this.#feed = this.store.feed();
    this.#feed.take();
    this.compiler = new ServiceCompiler(this.store, settings);
    this.#take(this.compiler.compile("all"));
  }

  put(raw: Raw): void {
    const decoded = decodeObject(raw);
    if (decoded.status !== "object") throw new Error(JSON.stringify(decoded));
    this.store.upsert(decoded.kind, decoded.project());
  }

  /** Compiles what changed; returns the sources that were named. */
  follow(): string[] {
    const updates = this.compiler.compile(this.#feed.take());
    this.#take(updates);
    return [
      ...new Set(
        [...updates.ipvs, ...updates.nft, ...updates.ip, ...updates.sysctl]
          .map(({ source }) => source),
      ),
    ].sort();
  }

  #take(updates: ReturnType<ServiceCompiler["compile"]>): void {
    this.joined.take(updates);
    for (const [source, issues] of updates.issues) {
      if (issues.length === 0) this.issues.delete(source);
      else this.issues.set(source, issues.map(formatIssue));
    }
  }
}

function ipvsKeys(follower: Follower): string[] {
  return [...follower.joined.values().keys()]
    .filter((key) => /^(?:service|destination)\//.test(key));
}

Deno.test("services: namespaces and names that run together stay apart", () => {
  const follower = new Follower([
    ...NODES,
    service("team/a-web", ["10.96.0.1"]),
    service("team-a/web", ["10.96.0.2"]),
    slice("team/s", "a-web", ["10.244.2.1@b"]),
    slice("team-a/s", "web", ["10.244.2.2@b"]),
  ]);
  assertEquals(ipvsKeys(follower), [
    "destination/tcp/10.96.0.1:80/10.244.2.1:8080",
    "destination/tcp/10.96.0.2:80/10.244.2.2:8080",
    "service/tcp/10.96.0.1:80",
    "service/tcp/10.96.0.2:80",
  ]);
});

Deno.test("services: a changed slice compiles its service and nothing else", () => {
  const follower = new Follower([
    ...NODES,
    service("web", ["10.96.0.1"]),
    service("db", ["10.96.0.2"]),
    slice("s-web", "web", ["10.244.2.1@b"]),
    slice("s-db", "db", ["10.244.2.2@b"]),
  ]);
  follower.put(slice("s-web", "web", ["10.244.2.9@b"]));
  assertEquals(follower.follow(), ["Service default/web"]);
  follower.store.remove("EndpointSlice", "default/s-web");
  assertEquals(follower.follow(), ["Service default/web"]);
  assertEquals(ipvsKeys(follower), [
    "destination/tcp/10.96.0.2:80/10.244.2.2:8080",
    "service/tcp/10.96.0.1:80",
    "service/tcp/10.96.0.2:80",
  ]);
});

Deno.test("services: a slice that moves to another service changes both", () => {
  const follower = new Follower([
    ...NODES,
    service("web", ["10.96.0.1"]),
    service("db", ["10.96.0.2"]),
    slice("s", "web", ["10.244.2.1@b"]),
  ]);
  follower.put(slice("s", "db", ["10.244.2.1@b"]));
  assertEquals(follower.follow(), [
    "Service default/db",
    "Service default/web",
  ]);
  assertEquals(
    ipvsKeys(follower)[0],
    "destination/tcp/10.96.0.2:80/10.244.2.1:8080",
  );
});

Deno.test("services: slices may come before their service", () => {
  const follower = new Follower([
    ...NODES,
    slice("s", "web", ["10.244.2.1@b"]),
  ]);
  assertEquals(ipvsKeys(follower), []);
  follower.put(service("web", ["10.96.0.1"]));
  follower.follow();
  assertEquals(ipvsKeys(follower).length, 2);
  follower.store.remove("Service", "default/web");
  follower.follow();
  assertEquals(ipvsKeys(follower), []);
});

Deno.test("services: one address and port has one holder, and the next one after it", () => {
  const shared = (key: string, vip: string, port = 80): Raw =>
    service(key, [vip], { port, spec: { externalIPs: ["192.0.2.1"] } });
  const follower = new Follower([
    ...NODES,
    shared("b", "10.96.0.2"),
    slice("s-b", "b", ["10.244.2.2@b"]),
    shared("c", "10.96.0.3", 443),
    slice("s-c", "c", ["10.244.2.3@b"]),
  ]);
  const external = (): string[] =>
    ipvsKeys(follower).filter((key) => key.includes("/192.0.2.1:"));
  const ofB = [
    "destination/tcp/192.0.2.1:80/10.244.2.2:8080",
    "service/tcp/192.0.2.1:80",
  ];
  const ofC = [
    "destination/tcp/192.0.2.1:443/10.244.2.3:8080",
    "service/tcp/192.0.2.1:443",
  ];
  assertEquals(external(), [...ofC, ...ofB].sort());
  // An earlier key takes the port over, whoever was there first.
  follower.put(shared("a", "10.96.0.1"));
  follower.put(slice("s-a", "a", ["10.244.2.1@b"]));
  assertEquals(follower.follow(), ["Service default/a", "Service default/b"]);
  assertEquals(
    external(),
    [
      ...ofC,
      "destination/tcp/192.0.2.1:80/10.244.2.1:8080",
      "service/tcp/192.0.2.1:80",
    ].sort(),
  );
  assertEquals(follower.issues.get("Service default/b"), [
    "Service default/b spec: tcp/192.0.2.1:80 is served by Service default/a; give one of the two another address or port",
  ]);
  follower.store.remove("Service", "default/a");
  follower.follow();
  assertEquals(external(), [...ofC, ...ofB].sort());
  assertEquals(follower.issues.size, 0);
});

Deno.test("services: a user's external address never takes a cluster IP", () => {
  const follower = new Follower([
    ...NODES,
    service("victim", ["10.96.0.5"]),
    slice("s-v", "victim", ["10.244.2.5@b"]),
    service("attacker", ["10.96.0.6"], {
      spec: { externalIPs: ["10.96.0.5"] },
    }),
    slice("s-a", "attacker", ["10.244.2.6@b"]),
  ]);
  assertEquals(
    ipvsKeys(follower).filter((key) => key.includes("10.96.0.5")),
    [
      "destination/tcp/10.96.0.5:80/10.244.2.5:8080",
      "service/tcp/10.96.0.5:80",
    ],
  );
});

Deno.test("services: the node's own changes reach everything that depends on them", () => {
  const follower = new Follower([
    ...NODES.slice(1),
    service("web", ["10.96.0.1"]),
  ]);
  assertEquals(follower.joined.sources(), []);
  assertEquals(follower.issues.get(BASE_SOURCE), [
    "Node a: is not in the cluster, so no service can be served here; register the node, or name it with --hostname-override",
  ]);
  for (const raw of NODES) follower.put(raw);
  follower.follow();
  assertEquals(follower.joined.sources(), [
    "ip services base",
    "ipvs Service default/web",
    "nft services base",
    "sysctl services base",
  ]);
  assertEquals(follower.issues.size, 0);
  // Another node's news that touch nothing here are no work.
  follower.put(node("b", { ips: ["10.0.0.9"], podCidrs: ["10.244.2.0/24"] }));
  assertEquals(follower.follow(), []);
  // A node inside the service range: the range is given up, every address gets its route.
  follower.put(node("b", { ips: ["10.99.0.9"], podCidrs: ["10.244.2.0/24"] }));
  follower.follow();
  const keys = [...follower.joined.values().keys()];
  assert(keys.includes("route/255/10.96.0.1/32"));
  assert(!keys.includes("route/255/10.96.0.0/12"));
  assertEquals(follower.issues.get(BASE_SOURCE), [
    "service range 10.96.0.0/12 --service-cluster-ip-range: overlaps Node b, so each service address is routed alone; give the range that the API server uses",
  ]);
  follower.store.remove("Node", "b");
  follower.follow();
  assert(follower.joined.values().has("route/255/10.96.0.0/12"));
  assertEquals(follower.issues.size, 0);
});

Deno.test("services: an external address that becomes a node's is left to it", () => {
  const follower = new Follower([
    ...NODES,
    service("web", ["10.96.0.1"], { spec: { externalIPs: ["10.0.0.77"] } }),
  ]);
  assert(follower.joined.values().has("route/255/10.0.0.77/32"));
  follower.put(node("c", { ips: ["10.0.0.77"] }));
  follower.follow();
  assert(!follower.joined.values().has("route/255/10.0.0.77/32"));
  follower.store.remove("Node", "c");
  follower.follow();
  assert(follower.joined.values().has("route/255/10.0.0.77/32"));
});

Deno.test("services: without pod networks, this node's pods are known one by one", () => {
  const follower = new Follower([
    node("a", { ips: ["10.0.0.1"] }),
    pod("p1", "a", ["172.20.0.5"]),
    pod("p2", "b", ["172.20.0.6"]),
    pod("p3", "a", ["10.0.0.1"], { hostNetwork: true }),
  ]);
  const local = (): string[] =>
    [...follower.joined.values().keys()]
      .filter((key) => key.startsWith("element/svc_local4/"));
  assertEquals(local(), ["element/svc_local4/172.20.0.5"]);
  follower.put(pod("p4", "a", ["172.20.0.7"]));
  assertEquals(follower.follow(), [LOCAL_PODS_SOURCE]);
  assertEquals(local().length, 2);
  follower.put(pod("p5", "b", ["172.20.0.8"]));
  assertEquals(follower.follow(), []);
  follower.store.remove("Pod", "default/p1");
  follower.follow();
  assertEquals(local(), ["element/svc_local4/172.20.0.7"]);
  follower.put(node("a", { ips: ["10.0.0.1"], podCidrs: ["172.20.0.0/24"] }));
  follower.follow();
  assertEquals(local(), ["element/svc_local4/172.20.0.0/24"]);
});

/** Random objects over few names and addresses, so that they collide. */
const small = (most: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: most });
const anyService = fc.record({
  name: small(3),
  vip: small(4),
  port: fc.constantFrom(80, 443),
  external: fc.constantFrom(
    "",
    "192.0.2.1",
    "192.0.2.2",
    "10.0.0.2",
    "10.96.0.1",
  ),
  policy: fc.constantFrom("Cluster", "Local"),
  nodePort: fc.constantFrom(0, 30080),
}).map(({ name, vip, port, external, policy, nodePort }) =>
  service(`w${name}`, [vip === 4 ? "10.43.0.1" : `10.96.0.${vip}`], {
    spec: {
      type: nodePort === 0 ? "ClusterIP" : "NodePort",
      externalIPs: external === "" ? [] : [external],
      ports: [{ port, nodePort, protocol: "TCP" }],
      ...(nodePort === 0 && external === ""
        ? {}
        : { externalTrafficPolicy: policy }),
    },
  })
);
const anySlice = fc.record({
  name: small(3),
  of: small(3),
  endpoints: fc.array(
    fc.constantFrom(
      "10.244.1.2@a",
      "10.244.1.3@a !ready",
      "10.244.2.2@b",
      "10.244.2.3@b !ready serving terminating",
    ),
    { minLength: 1, maxLength: 3 },
  ),
}).map(({ name, of, endpoints }) => slice(`s${name}`, `w${of}`, endpoints));
const anyNode = fc.constantFrom(
  ...NODES,
  node("a", { ips: ["10.0.0.1"], zone: "z" }),
  node("b", { ips: ["10.0.0.9"] }),
  node("b", { ips: ["10.97.0.9"] }),
  node("b", { ips: ["192.0.2.2"] }),
);
const anyPod = fc.constantFrom(
  pod("p1", "a", ["172.20.0.5"]),
  pod("p1", "b", ["172.20.0.5"]),
  pod("p2", "a", ["172.20.0.6"]),
);
const step = fc.oneof(
  fc.oneof(anyService, anySlice, anyNode, anyPod)
    .map((raw) => (follower: Follower): void => follower.put(raw)),
  fc.tuple(
    fc.constantFrom("Service", "EndpointSlice", "Node", "Pod"),
    small(3),
  ).map(([kind, i]) => (follower: Follower): void => {
    const name = { Service: "w", EndpointSlice: "s", Node: "", Pod: "p" }[kind];
    const key = kind === "Node" ? ["a", "b"][i % 2] : `default/${name}${i}`;
    follower.store.remove(kind, key ?? "");
  }),
);

Deno.test("services: by changes or from the start, the result is the same, and whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), {
        maxLength: 12,
      }),
      (bursts) => {
        const follower = new Follower(NODES);
        for (const burst of bursts) {
          for (const act of burst) act(follower);
          follower.follow();
        }
        const fresh = new Joined();
        const compiler = new ServiceCompiler(follower.store, LAX);
        const updates = compiler.compile("all");
        fresh.take(updates);
        assertEquals(follower.joined.values(), fresh.values());
        assertEquals(follower.joined.sources(), fresh.sources());
        assertEquals(fresh.unmet(), []);
        assertEquals(
          follower.issues,
          new Map(
            [...updates.issues].map(([source, issues]) => [
              source,
              issues.map(formatIssue),
            ]),
          ),
        );
        // And once more changes nothing at all.
        const again = new Joined();
        again.take(compiler.compile("all"));
        assertEquals(again.values(), fresh.values());
      },
    ),
    { numRuns: 500 },
  );
});
