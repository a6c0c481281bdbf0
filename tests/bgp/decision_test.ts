import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Candidate, decide } from "../../lib/bgp/decision.ts";
import {
  AttributeSet,
  type AttributeView,
  encodeAttributes,
} from "../../lib/bgp/wire/attribute_set.ts";
import { SEGMENT } from "../../lib/bgp/wire/as_path.ts";
import { GRACEFUL_SHUTDOWN } from "../../lib/bgp/wire/communities.ts";
import { parseIp } from "../../lib/net/ip.ts";

interface Described {
  readonly peer?: string;
  readonly routerId?: string;
  readonly internal?: boolean;
  readonly path?: readonly number[];
  readonly view?: Partial<AttributeView>;
}

function candidate(
  { peer = "192.0.2.1", routerId, internal, path = [65001], view }: Described,
): Candidate {
  const set: AttributeView = {
    origin: 0,
    asPath: path.length === 0
      ? []
      : [{ type: SEGMENT.sequence, asns: [...path] }],
    ...view,
  };
  return {
    peer: {
      address: parseIp(peer),
      routerId: parseIp(routerId ?? peer),
      external: internal !== true,
    },
    attributes: new AttributeSet(encodeAttributes(set)),
  };
}

// One row a rung; the first is better for that reason although the next rung says otherwise.
Deno.test.each<[string, Described, Described]>([
  [
    "LOCAL_PREF",
    { internal: true, path: [1, 2, 3], view: { localPref: 200 } },
    { internal: true, path: [1], peer: "192.0.2.0" },
  ],
  [
    "LOCAL_PREF 100 where there is none",
    { internal: true, path: [1, 2] },
    { internal: true, path: [1], peer: "192.0.2.0", view: { localPref: 99 } },
  ],
  [
    "GRACEFUL_SHUTDOWN counts as 0",
    { path: [1, 2, 3] },
    {
      path: [1],
      peer: "192.0.2.0",
      view: { communities: [GRACEFUL_SHUTDOWN] },
    },
  ],
  [
    "AS_PATH length",
    { path: [1, 2], view: { origin: 2 } },
    { path: [1, 2, 3], peer: "192.0.2.0" },
  ],
  [
    "ORIGIN",
    { view: { origin: 1, med: 9 } },
    { peer: "192.0.2.0", view: { origin: 2 } },
  ],
  [
    "MED within one neighbouring AS",
    { internal: true, view: { med: 5 } },
    { peer: "192.0.2.0", view: { med: 6 } },
  ],
  [
    "a missing MED is 0",
    { internal: true },
    { peer: "192.0.2.0", view: { med: 1 } },
  ],
  [
    "MED of different neighbours is not compared",
    { path: [65001], view: { med: 9 } },
    { path: [65002], internal: true, peer: "192.0.2.0", view: { med: 1 } },
  ],
  ["external before internal", {}, { internal: true, peer: "192.0.2.0" }],
  [
    "router identifier",
    { routerId: "10.0.0.1" },
    { routerId: "10.0.0.2", peer: "192.0.2.0" },
  ],
  [
    "ORIGINATOR_ID stands for the router identifier",
    {
      internal: true,
      routerId: "10.0.0.9",
      view: {
        originatorId: parseIp("10.0.0.1"),
        clusterList: [parseIp("1.1.1.1")],
      },
    },
    { internal: true, routerId: "10.0.0.2", peer: "192.0.2.0" },
  ],
  [
    "CLUSTER_LIST length",
    { internal: true, view: { originatorId: parseIp("10.0.0.1") } },
    {
      internal: true,
      peer: "192.0.2.0",
      view: {
        originatorId: parseIp("10.0.0.1"),
        clusterList: [parseIp("1.1.1.1")],
      },
    },
  ],
  [
    "peer address",
    { routerId: "10.0.0.1" },
    { routerId: "10.0.0.1", peer: "192.0.2.9" },
  ],
])("decision: %s", (_name, better, worse) => {
  const winner = candidate(better);
  const loser = candidate(worse);
  assertEquals(decide([winner, loser])?.best, winner);
  assertEquals(decide([loser, winner])?.best, winner);
});

Deno.test("no path, no decision", () => {
  assertEquals(decide([]), undefined);
});

Deno.test("MED: a path beaten by a sibling does not beat a stranger", () => {
  const a = candidate({ path: [1], view: { med: 10 }, routerId: "10.0.0.1" });
  const b = candidate({ path: [1], view: { med: 5 }, routerId: "10.0.0.3" });
  const c = candidate({ path: [2], routerId: "10.0.0.2" });
  for (const paths of [[a, b, c], [c, b, a], [b, a, c], [b, c, a]]) {
    const decision = decide(paths);
    assertEquals(decision?.best, c);
    assertEquals(new Set(decision?.equal), new Set([b, c]));
  }
});

Deno.test("equally good paths are one multipath set, whatever their AS", () => {
  const paths = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((peer, i) =>
    candidate({ peer, path: [i + 1] })
  );
  const worse = candidate({ peer: "192.0.2.4", path: [1, 2] });
  assertEquals(decide([...paths, worse])?.equal, paths);
});

Deno.test("the external path that was best stays it among equals (RFC 5004)", () => {
  const old = candidate({ peer: "192.0.2.9", path: [1] });
  const young = candidate({ peer: "192.0.2.1", path: [2] });
  assertEquals(decide([old, young])?.best, young);
  assertEquals(decide([old, young], old.peer.address)?.best, old);
  const inner = candidate({ peer: "192.0.2.9", internal: true });
  const other = candidate({ peer: "192.0.2.1", internal: true });
  assertEquals(decide([inner, other], inner.peer.address)?.best, other);
});

Deno.test("the order of the paths does not matter", () => {
  const one = fc.record({
    internal: fc.boolean(),
    path: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    view: fc.record({
      origin: fc.nat(2),
      med: fc.nat(2),
      localPref: fc.integer({ min: 99, max: 101 }),
    }),
  });
  fc.assert(
    fc.property(
      fc.array(one, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.nat(100)),
      (described, random) => {
        const paths = described.map((each, i) =>
          candidate({ ...each, peer: `192.0.2.${i + 1}` })
        );
        const shuffled = paths
          .map((path) => ({ path, at: random.next().value }))
          .sort((a, b) => a.at - b.at).map(({ path }) => path);
        const first = decide(paths);
        const second = decide(shuffled);
        assertEquals(second?.best, first?.best);
        assertEquals(new Set(second?.equal), new Set(first?.equal));
      },
    ),
    { numRuns: 500 },
  );
});
