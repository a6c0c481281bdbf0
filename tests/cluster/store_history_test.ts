import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeAs } from "../../lib/cluster/decode_object.ts";
import { equalValue } from "../../lib/cluster/equal.ts";
import { KINDS } from "../../lib/cluster/feed.ts";
import type {
  ChangeSet,
  EndpointSlice,
  Kind,
  Kinds,
  NetworkPolicy,
  Node,
  ObjectKey,
  Pod,
  Service,
} from "../../lib/cluster/model.ts";
import type { Projected } from "../../lib/cluster/projection.ts";
import { ClusterStore } from "../../lib/cluster/store.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { podJson, policyJson, serviceJson, sliceJson } from "./objects.ts";

function projected<K extends Kind>(kind: K, raw: unknown): Projected<Kinds[K]> {
  const decoded = decodeAs(kind, raw);
  assert(decoded.status === "object");
  return decoded.project();
}

// Random histories against a naive recomputation.

const NAMES = ["a", "b", "c", "d"];
const IPS = ["10.1.0.1", "10.1.0.2", "2001:db8::1"];

const podArbitrary = fc.record({
  name: fc.constantFrom(...NAMES),
  namespace: fc.constantFrom("x", "y"),
  ips: fc.subarray(["10.1.0.1", "2001:db8::1"]).chain((ips) =>
    fc.constantFrom(ips, ["10.1.0.2"])
  ),
  node: fc.constantFrom("", "n1", "n2"),
  hostNetwork: fc.boolean(),
  phase: fc.constantFrom("Running", "Running", "Succeeded"),
}).map(({ name, namespace, ips, node, hostNetwork, phase }) => ({
  kind: "Pod" as const,
  raw: podJson({
    metadata: { name, namespace },
    spec: { nodeName: node, hostNetwork },
    status: { phase, podIP: undefined, podIPs: ips.map((ip) => ({ ip })) },
  }),
}));
const nodeArbitrary = fc.record({
  name: fc.constantFrom("n1", "n2"),
  addresses: fc.subarray(["10.0.0.1", "10.0.0.2"]),
}).map(({ name, addresses }) => ({
  kind: "Node" as const,
  raw: {
    metadata: { name },
    status: {
      addresses: addresses.map((address) => ({ type: "InternalIP", address })),
    },
  },
}));
const serviceArbitrary = fc.record({
  name: fc.constantFrom(...NAMES),
  namespace: fc.constantFrom("x", "y"),
  type: fc.constantFrom("ClusterIP", "ClusterIP", "Mesh"),
}).map(({ name, namespace, type }) => ({
  kind: "Service" as const,
  raw: serviceJson({ type }, { metadata: { name, namespace } }),
}));
const sliceArbitrary = fc.record({
  name: fc.constantFrom(...NAMES),
  service: fc.constantFrom("a", "b", ""),
  addressType: fc.constantFrom("IPv4", "IPv4", "FQDN"),
}).map(({ name, service, addressType }) => ({
  kind: "EndpointSlice" as const,
  raw: sliceJson({
    addressType,
    metadata: {
      name,
      namespace: "x",
      labels: service === "" ? {} : { "kubernetes.io/service-name": service },
    },
  }),
}));
const policyArbitrary = fc.record({
  name: fc.constantFrom(...NAMES),
  namespace: fc.constantFrom("x", "y"),
}).map(({ name, namespace }) => ({
  kind: "NetworkPolicy" as const,
  raw: { ...policyJson(), metadata: { name, namespace } },
}));

type Put = { readonly kind: Kind; readonly raw: unknown };
const put: fc.Arbitrary<Put> = fc.oneof(
  podArbitrary,
  nodeArbitrary,
  serviceArbitrary,
  sliceArbitrary,
  policyArbitrary,
);
type Step =
  | { readonly what: "put"; readonly put: Put }
  | { readonly what: "remove"; readonly put: Put }
  | {
    readonly what: "replace";
    readonly kind: Kind;
    readonly puts: readonly Put[];
  }
  | { readonly what: "take"; readonly feed: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: put.map((each) => ({ what: "put" as const, put: each })),
  },
  {
    weight: 2,
    arbitrary: put.map((each) => ({ what: "remove" as const, put: each })),
  },
  {
    weight: 1,
    arbitrary: fc.array(put, { maxLength: 6 }).map((puts) => ({
      what: "replace" as const,
      kind: puts[0]?.kind ?? "Pod",
      puts,
    })),
  },
  {
    weight: 2,
    arbitrary: fc.nat(1).map((feed) => ({ what: "take" as const, feed })),
  },
);

type Tables = { [K in Kind]: Map<ObjectKey, Kinds[K]> };

function emptyTables(): Tables {
  return {
    Pod: new Map(),
    Namespace: new Map(),
    Node: new Map(),
    Service: new Map(),
    EndpointSlice: new Map(),
    NetworkPolicy: new Map(),
  };
}

/** What the store promises of one upsert, in the plainest form. */
function naivePut<K extends Kind>(
  tables: Tables,
  kind: K,
  { key, object, issues }: Projected<Kinds[K]>,
): void {
  const table: Map<ObjectKey, Kinds[K]> = tables[kind];
  if (object !== undefined) table.set(key, object);
  else if (issues.length === 0) table.delete(key);
}

function sortedNames(
  objects: Iterable<{ readonly key: string }>,
): string[] {
  return [...objects].map((each) => each.key).sort();
}

function checkIndexes(store: ClusterStore, tables: Tables): void {
  const pods = [...tables.Pod.values()];
  const where = <T extends { key: string }>(
    objects: Iterable<T>,
    keep: (object: T) => boolean,
  ): string[] => sortedNames([...objects].filter(keep));
  for (const kind of KINDS) {
    assertEquals(
      [...store.table(kind).keys()].sort(),
      [...tables[kind].keys()].sort(),
    );
    for (const [key, object] of tables[kind]) {
      assert(equalValue(store.table(kind).get(key), object));
    }
  }
  for (const text of IPS) {
    const ip = parseIp(text);
    assertEquals(
      sortedNames(store.podsByIp(ip)),
      where(
        pods,
        (each: Pod) =>
          !each.hostNetwork && !each.finished && each.ips.includes(ip),
      ),
    );
  }
  for (const node of ["", "n1", "n2"]) {
    assertEquals(
      sortedNames(store.podsOnNode(node)),
      where(pods, (each: Pod) => node !== "" && each.node === node),
    );
  }
  for (const namespace of ["x", "y", "z"]) {
    assertEquals(
      sortedNames(store.podsInNamespace(namespace)),
      where(pods, (each: Pod) => each.namespace === namespace),
    );
    assertEquals(
      sortedNames(store.servicesInNamespace(namespace)),
      where(
        tables.Service.values(),
        (each: Service) => each.namespace === namespace,
      ),
    );
    assertEquals(
      sortedNames(store.policiesInNamespace(namespace)),
      where(
        tables.NetworkPolicy.values(),
        (each: NetworkPolicy) => each.namespace === namespace,
      ),
    );
  }
  for (const service of ["x/a", "x/b", ""]) {
    assertEquals(
      sortedNames(store.slicesOf(service)),
      where(
        tables.EndpointSlice.values(),
        (each: EndpointSlice) => service !== "" && each.service === service,
      ),
    );
  }
  for (const text of ["10.0.0.1", "10.0.0.2"]) {
    const ip = parseIp(text);
    const owners = where(
      tables.Node.values(),
      (each: Node) => each.internalIps.includes(ip),
    );
    const owner = store.nodeByIp(ip)?.key;
    assertEquals(owner !== undefined, owners.length > 0);
    assert(owner === undefined || owners.includes(owner));
  }
}

/** A consumer that knows the cluster from its feed alone. */
class Follower {
  readonly known = emptyTables();

  follow(store: ClusterStore, changes: ChangeSet): void {
    for (const kind of KINDS) this.#followKind(store, kind, changes[kind]);
  }

  #followKind<K extends Kind>(
    store: ClusterStore,
    kind: K,
    keys: ReadonlySet<ObjectKey>,
  ): void {
    const table: Map<ObjectKey, Kinds[K]> = this.known[kind];
    for (const key of keys) {
      const object = store.table(kind).get(key);
      if (object === undefined) table.delete(key);
      else table.set(key, object);
    }
  }
}

Deno.test("after any history, indexes are what a walk over the objects finds, and feeds lose nothing", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new ClusterStore();
      const tables = emptyTables();
      const feeds = [store.feed(), store.feed()];
      const followers = [new Follower(), new Follower()];
      for (const each of steps) {
        switch (each.what) {
          case "put": {
            const { kind, raw } = each.put;
            naivePut(tables, kind, projected(kind, raw));
            store.upsert(kind, projected(kind, raw));
            break;
          }
          case "remove": {
            const { kind, raw } = each.put;
            const { key } = projected(kind, raw);
            assertEquals(store.remove(kind, key), tables[kind].delete(key));
            break;
          }
          case "replace": {
            const list = each.puts.filter(({ kind }) => kind === each.kind)
              .map(({ raw }) => projected(each.kind, raw));
            const listed = new Set(list.map(({ key }) => key));
            for (const key of [...tables[each.kind].keys()]) {
              if (!listed.has(key)) tables[each.kind].delete(key);
            }
            for (const object of list) naivePut(tables, each.kind, object);
            store.replaceAll(each.kind, list);
            break;
          }
          case "take": {
            const feed = feeds[each.feed];
            if (feed) followers[each.feed]?.follow(store, feed.take());
            break;
          }
        }
      }
      checkIndexes(store, tables);
      for (const [i, feed] of feeds.entries()) {
        followers[i]?.follow(store, feed.take());
        for (const kind of KINDS) {
          assertEquals(
            [...followers[i]?.known[kind].keys() ?? []].sort(),
            [...tables[kind].keys()].sort(),
          );
          for (const [key, object] of tables[kind]) {
            assert(equalValue(followers[i]?.known[kind].get(key), object));
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
