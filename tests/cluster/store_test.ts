import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type ChangeFeed, KINDS } from "../../lib/cluster/feed.ts";
import { decodeAs } from "../../lib/cluster/decode_object.ts";
import type { Kind, Kinds, Pod } from "../../lib/cluster/model.ts";
import type { Projected } from "../../lib/cluster/projection.ts";
import { ClusterStore } from "../../lib/cluster/store.ts";
import { equalValue } from "../../lib/cluster/equal.ts";
import { parseIp } from "../../lib/net/ip.ts";
import {
  type Json,
  podJson,
  policyJson,
  serviceJson,
  sliceJson,
} from "./objects.ts";

function projected<K extends Kind>(kind: K, raw: unknown): Projected<Kinds[K]> {
  const decoded = decodeAs(kind, raw);
  assert(decoded.status === "object");
  return decoded.project();
}

function pod(name: string, ips: readonly string[], more: {
  metadata?: Json;
  spec?: Json;
  status?: Json;
} = {}): Projected<Pod> {
  return projected(
    "Pod",
    podJson({
      metadata: { name, uid: name, ...more.metadata },
      spec: { ...more.spec },
      status: {
        podIP: undefined,
        podIPs: ips.map((ip) => ({ ip })),
        ...more.status,
      },
    }),
  );
}

function names(objects: Iterable<{ readonly name: string }>): string[] {
  return [...objects].map((each) => each.name);
}

function taken(feed: ChangeFeed): Partial<Record<Kind, string[]>> {
  const changes = feed.take();
  return Object.fromEntries(
    KINDS.filter((kind) => changes[kind].size > 0)
      .map((kind) => [kind, [...changes[kind]].sort()]),
  );
}

Deno.test("an equal object is no change", () => {
  const store = new ClusterStore();
  const feed = store.feed();
  assert(store.upsert("Pod", pod("a", ["10.1.0.1"])));
  assertEquals(taken(feed), { Pod: ["default/a"] });
  const before = store.table("Pod").get("default/a");
  assert(!store.upsert("Pod", pod("a", ["10.1.0.1"])));
  assertStrictEquals(store.table("Pod").get("default/a"), before);
  assert(feed.isEmpty);
  assert(
    store.upsert("Pod", pod("a", ["10.1.0.1"], { metadata: { uid: "b" } })),
  );
  assert(!feed.isEmpty);
});

Deno.test("an address that is used again belongs to the latest claim", () => {
  const store = new ClusterStore();
  const ip = parseIp("10.1.0.1");
  store.upsert("Pod", pod("old", ["10.1.0.1"]));
  store.upsert("Pod", pod("new", ["10.1.0.1"]));
  assertEquals(names(store.podsByIp(ip)), ["new", "old"]);
  // A later change of the old pod that leaves its address alone is no new claim.
  store.upsert("Pod", pod("old", ["10.1.0.1"], { metadata: { labels: {} } }));
  assertEquals(names(store.podsByIp(ip)), ["new", "old"]);
  store.upsert(
    "Pod",
    pod("newest", ["10.1.0.1"], {
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" },
    }),
  );
  assertEquals(names(store.podsByIp(ip)), ["new", "old", "newest"]);
  store.upsert(
    "Pod",
    pod("new", ["10.1.0.1"], { status: { phase: "Succeeded" } }),
  );
  assertEquals(names(store.podsByIp(ip)), ["old", "newest"]);
  store.remove("Pod", "default/old");
  store.remove("Pod", "default/newest");
  assertEquals(store.podsByIp(ip), []);
});

Deno.test("pods on the host network own no address", () => {
  const store = new ClusterStore();
  store.upsert("Pod", pod("a", ["10.0.0.1"], { spec: { hostNetwork: true } }));
  assertEquals(store.podsByIp(parseIp("10.0.0.1")), []);
  assertEquals(names(store.podsOnNode("n1")), ["a"]);
});

Deno.test("an unusable version leaves the last good one, and its issues tell", () => {
  const store = new ClusterStore();
  const key = "default/web";
  store.upsert("Service", projected("Service", serviceJson()));
  const feed = store.feed();
  feed.take();
  assert(
    !store.upsert(
      "Service",
      projected("Service", serviceJson({ type: "Mesh" })),
    ),
  );
  assertEquals(store.table("Service").get(key)?.type, "ClusterIP");
  assertEquals(store.issuesOf("Service", key).map((each) => each.field), [
    "spec.type",
  ]);
  assert(feed.isEmpty);
  store.upsert(
    "Service",
    projected("Service", serviceJson({ ports: [{ port: 0 }] })),
  );
  assertEquals(store.issuesOf("Service", key).map((each) => each.field), [
    "spec.ports[0].port",
  ]);
  assertEquals([...store.allIssues()].length, 1);
  store.upsert("Service", projected("Service", serviceJson()));
  assertEquals([...store.allIssues()], []);
  store.upsert("Service", projected("Service", serviceJson({ type: "Mesh" })));
  store.remove("Service", key);
  assertEquals([...store.allIssues()], []);
});

Deno.test("a sound object without a place in the model is removed", () => {
  const store = new ClusterStore();
  store.upsert("EndpointSlice", projected("EndpointSlice", sliceJson()));
  assertEquals(names(store.slicesOf("default/web")), ["web-1"]);
  const fqdn = projected("EndpointSlice", sliceJson({ addressType: "FQDN" }));
  assert(store.upsert("EndpointSlice", fqdn));
  assertEquals(names(store.slicesOf("default/web")), []);
});

Deno.test("replaceAll() makes a kind equal to a list", () => {
  const store = new ClusterStore();
  for (const name of ["a", "b", "c"]) store.upsert("Pod", pod(name, []));
  store.upsert("Service", projected("Service", serviceJson({ type: "Mesh" })));
  const feed = store.feed();
  feed.take();
  store.replaceAll("Pod", [pod("b", []), pod("c", ["10.1.0.3"]), pod("d", [])]);
  assertEquals([...store.table("Pod").keys()].sort(), [
    "default/b",
    "default/c",
    "default/d",
  ]);
  assertEquals(taken(feed), { Pod: ["default/a", "default/c", "default/d"] });
  store.replaceAll("Service", []);
  assertEquals([...store.allIssues()], []);
  assert(feed.isEmpty);
});

Deno.test("a store is synced when every kind is", () => {
  const store = new ClusterStore();
  let calls = 0;
  store.onSynced(() => calls++);
  for (const kind of KINDS) {
    assert(!store.isSynced());
    assert(!store.isSynced(kind));
    assertEquals(calls, 0);
    store.synced(kind);
    assert(store.isSynced(kind));
  }
  assert(store.isSynced());
  store.synced("Pod");
  assertEquals(calls, 1);
  store.onSynced(() => calls++);
  assertEquals(calls, 2);
});

Deno.test("a new feed starts with everything, and feeds are independent", () => {
  const store = new ClusterStore();
  store.upsert("Pod", pod("a", []));
  store.upsert("NetworkPolicy", projected("NetworkPolicy", policyJson()));
  const first = store.feed();
  store.upsert("Pod", pod("b", []));
  const second = store.feed();
  const everything = {
    Pod: ["default/a", "default/b"],
    NetworkPolicy: ["default/p"],
  };
  assertEquals(taken(first), everything);
  assert(first.isEmpty);
  assertEquals(taken(second), everything);
  assertEquals(taken(first), {});
  store.remove("Pod", "default/b");
  store.upsert("Pod", pod("b", []));
  store.remove("Pod", "default/b");
  assertEquals(taken(first), { Pod: ["default/b"] });
  second.close();
  store.upsert("Pod", pod("c", []));
  assert(second.isEmpty);
  assertEquals(taken(first), { Pod: ["default/c"] });
});

Deno.test("onDirty() calls once for each time the feed fills", () => {
  const store = new ClusterStore();
  const feed = store.feed();
  let calls = 0;
  feed.onDirty(() => calls++);
  assertEquals(calls, 0);
  store.upsert("Pod", pod("a", []));
  store.upsert("Pod", pod("b", []));
  store.upsert("Node", projected("Node", { metadata: { name: "n1" } }));
  assertEquals(calls, 1);
  feed.take();
  store.upsert("Pod", pod("a", []));
  assertEquals(calls, 1);
  store.remove("Pod", "default/a");
  assertEquals(calls, 2);
  feed.onDirty(() => calls += 10);
  assertEquals(calls, 12);
});

Deno.test("equalValue() compares by content", () => {
  const a = pod("a", ["10.1.0.1"]).object;
  assert(equalValue(a, pod("a", ["10.1.0.1"]).object));
  assert(!equalValue(a, pod("a", ["10.1.0.2"]).object));
  assert(!equalValue(a, undefined));
  assert(equalValue(new Map([["a", [1]]]), new Map([["a", [1]]])));
  assert(!equalValue(new Map([["a", 1]]), new Map([["b", 1]])));
  assert(!equalValue(new Map(), {}));
  assert(!equalValue({ a: undefined }, { b: undefined }));
  assert(!equalValue([], {}));
  assert(!equalValue([1, 2], [1]));
});
