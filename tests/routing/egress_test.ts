import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { SourceUpdate } from "../../lib/base/target.ts";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import type { NftValue } from "../../lib/dataplane/nft.ts";
import { disjoint } from "../../lib/net/interval.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import {
  compileEgress,
  EgressCompiler,
  type EgressSettings,
} from "../../lib/routing/egress.ts";
import { clusterOf, node, NODES, type Raw } from "../ipvs/objects.ts";

const SETTINGS: EgressSettings = {
  families: { 4: true, 6: true },
  enablePodEgress: true,
};

/** Elements of all sources, joined. */
class Elements {
  readonly #sources = new Map<string, readonly string[]>();

  take(updates: readonly SourceUpdate<NftValue>[]): void {
    for (const { source, entries } of updates) {
      this.#sources.set(
        source,
        entries.flatMap(({ key, value }) =>
          value.kind === "element" ? [key.slice("element/".length)] : []
        ),
      );
    }
  }

  all(): string[] {
    return [...new Set([...this.#sources.values()].flat())].sort();
  }
}

Deno.test("egress: one rule a family, and only where it is wanted", () => {
  const rules = (settings: EgressSettings): string[] =>
    compileEgress(settings).flatMap(({ value }) =>
      value.kind === "rules" ? value.rules.map(({ body }) => body) : []
    );
  assertEquals(rules(SETTINGS), [
    "ip saddr @pod_cidrs4 ip daddr != @pod_cidrs4 ip daddr != @node_ips4 masquerade fully-random",
    "ip6 saddr @pod_cidrs6 ip6 daddr != @pod_cidrs6 ip6 daddr != @node_ips6 masquerade fully-random",
  ]);
  assertEquals(
    rules({ ...SETTINGS, families: { 4: true, 6: false } }).length,
    1,
  );
  const off = { ...SETTINGS, enablePodEgress: false };
  assertEquals(compileEgress(off).map(({ key }) => key), [
    "set/pod_cidrs4",
    "set/node_ips4",
    "set/pod_cidrs6",
    "set/node_ips6",
  ]);
});

Deno.test("egress: a new node is one source; one without pods counts with its address", () => {
  const store = clusterOf(...NODES);
  const feed = store.feed();
  feed.take();
  const compiler = new EgressCompiler(store, SETTINGS);
  const elements = new Elements();
  elements.take(compiler.compile("all").nft);
  const decoded = decodeObject(
    node("c", { ips: ["10.0.0.3"], externalIps: ["203.0.113.3"] }),
  );
  if (decoded.status !== "object") throw new Error("not an object");
  store.upsert(decoded.kind, decoded.project());
  const { nft } = compiler.compile(feed.take());
  assertEquals(nft.map(({ source }) => source), ["Node c"]);
  elements.take(nft);
  assertEquals(elements.all(), [
    "node_ips4/10.0.0.1",
    "node_ips4/10.0.0.2",
    "node_ips4/10.0.0.3",
    "node_ips4/203.0.113.3",
    "node_ips6/fd10::1",
    "node_ips6/fd10::2",
    "pod_cidrs4/10.244.1.0/24",
    "pod_cidrs4/10.244.2.0/24",
    "pod_cidrs6/fd44:1::/64",
    "pod_cidrs6/fd44:2::/64",
  ]);
  store.remove("Node", "c");
  elements.take(compiler.compile(feed.take()).nft);
  assertEquals(elements.all().length, 8);
});

Deno.test("egress: a pod network inside another is said and left out", () => {
  const store = clusterOf(
    node("a", { ips: ["10.0.0.1"], podCidrs: ["10.244.0.0/16"] }),
    node("b", { ips: ["10.0.0.2"], podCidrs: ["10.244.2.0/24"] }),
  );
  const { issues } = new EgressCompiler(store, SETTINGS).compile("all");
  assertEquals(
    [...issues.values()].flat().map(({ object, problem }) =>
      `${object}: ${problem}`
    ),
    ['Node b: "10.244.2.0/24" lies in 10.244.0.0/16 of Node a'],
  );
});

const CIDRS = [
  "10.0.0.0/8",
  "10.244.0.0/16",
  "10.244.1.0/24",
  "10.244.2.0/24",
  "10.244.2.7/32",
  "10.245.0.0/16",
];
const anyNode = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  cidrs: fc.uniqueArray(fc.constantFrom(...CIDRS), { maxLength: 2 }),
}).map(({ name, cidrs }) => node(name, { podCidrs: cidrs }));
const step: fc.Arbitrary<Raw | string> = fc.oneof(
  anyNode,
  fc.constantFrom("a", "b", "c"),
);

Deno.test("egress: the networks are disjoint, and together what all nodes have", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 10 }), (steps) => {
      const store = clusterOf();
      const feed = store.feed();
      const compiler = new EgressCompiler(store, SETTINGS);
      const elements = new Elements();
      elements.take(compiler.compile("all").nft);
      for (const act of steps) {
        if (typeof act === "string") store.remove("Node", act);
        else {
          const decoded = decodeObject(act);
          if (decoded.status !== "object") throw new Error("not an object");
          store.upsert(decoded.kind, decoded.project());
        }
        elements.take(compiler.compile(feed.take()).nft);
      }
      const held = elements.all()
        .filter((element) => element.startsWith("pod_cidrs4/"))
        .map((element) => element.slice("pod_cidrs4/".length))
        .map((text) => parsePrefix(text.includes("/") ? text : `${text}/32`));
      const wanted = [...store.table("Node").values()]
        .flatMap(({ podCidrs }) => podCidrs);
      assertEquals(disjoint(held), disjoint(wanted));
      const size = (prefix: string): number =>
        2 ** (32 - Number(prefix.split("/")[1]));
      const sum = (prefixes: readonly string[]): number =>
        prefixes.reduce((total, prefix) => total + size(prefix), 0);
      assertEquals(sum(held), sum(disjoint(wanted)));
    }),
    { numRuns: 500 },
  );
});
