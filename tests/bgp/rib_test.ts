import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AttributeStore } from "../../lib/bgp/attribute_store.ts";
import { type Judge, Rib, type RibPeer } from "../../lib/bgp/rib.ts";
import {
  type AttributeView,
  encodeAttributes,
} from "../../lib/bgp/wire/attribute_set.ts";
import { SEGMENT } from "../../lib/bgp/wire/as_path.ts";
import type { Update } from "../../lib/bgp/wire/update.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix, type Prefix } from "../../lib/net/prefix.ts";

const ROUTER_ID = parseIp("10.0.0.5");
const P1 = parsePrefix("198.51.100.0/24");
const P2 = parsePrefix("203.0.113.0/24");
const SIX = parsePrefix("2001:db8::/32");

function rib(judge: Judge = () => true, maxPaths = 16): Rib {
  return new Rib({
    localAs: 65_000,
    routerId: ROUTER_ID,
    store: new AttributeStore(),
    maxPaths,
    judge,
  });
}

function peer(last: number, changes: Partial<RibPeer> = {}): RibPeer {
  const address = parseIp(`192.0.2.${last}`);
  return {
    address,
    routerId: address,
    external: true,
    allowOwnAs: 0,
    ...changes,
  };
}

function announce(
  prefixes: readonly Prefix[],
  nextHop: string,
  view: Partial<AttributeView> = {},
): Update {
  return {
    kind: "update",
    withdrawn: [],
    announced: [{ family: 4, nextHop: parseIp(nextHop), prefixes }],
    attributes: encodeAttributes({
      origin: 0,
      asPath: [{ type: SEGMENT.sequence, asns: [65_001] }],
      ...view,
    }),
    endOfRib: undefined,
    faults: [],
    verdict: "ok",
  };
}

function withdraw(...prefixes: readonly Prefix[]): Update {
  return {
    ...announce([], "192.0.2.1"),
    withdrawn: prefixes,
    announced: [],
    attributes: undefined,
  };
}

const A = peer(1);
const B = peer(2);

Deno.test("an update touches what it names, and a repeated one nothing", () => {
  const table = rib();
  assertEquals(
    table.learn(A, announce([P1, P2], "192.0.2.1")),
    new Set([P1, P2]),
  );
  assertEquals(table.learn(A, announce([P1, P2], "192.0.2.1")), new Set());
  assertEquals(table.learn(A, announce([P1], "192.0.2.7")), new Set([P1]));
  assertEquals(table.learn(A, withdraw(P2)), new Set([P2]));
  assertEquals(table.learn(A, withdraw(P2)), new Set());
  assertEquals(table.selection(P1)?.nextHops, [parseIp("192.0.2.7")]);
  assertEquals(table.selection(P2), undefined);
  assertEquals(table.count(A.address), 1);
});

Deno.test("equal paths share the traffic, and losing one keeps the other", () => {
  const table = rib();
  table.learn(A, announce([P1], "192.0.2.1"));
  assertEquals(table.learn(B, announce([P1], "192.0.2.2")), new Set([P1]));
  assertEquals(table.selection(P1)?.nextHops, [A.address, B.address]);
  assertEquals(table.forget(A.address), new Set([P1]));
  assertEquals(table.selection(P1)?.nextHops, [B.address]);
});

Deno.test("the number of next hops is bounded and holds the best path's", () => {
  const table = rib(() => true, 2);
  for (const last of [9, 3, 2, 1]) {
    table.learn(peer(last), announce([P1], `192.0.2.${last}`));
  }
  const selection = table.selection(P1);
  assertEquals(selection?.best.peer.address, parseIp("192.0.2.9"));
  assertEquals(selection?.nextHops, [
    parseIp("192.0.2.1"),
    parseIp("192.0.2.9"),
  ]);
});

Deno.test.each<[string, RibPeer, Partial<AttributeView>, string | true]>([
  [
    "our AS in the path",
    A,
    { asPath: [{ type: SEGMENT.sequence, asns: [65_001, 65_000] }] },
    "our AS 65000 is in the path",
  ],
  [
    "our AS in the path, allowed once",
    peer(1, { allowOwnAs: 1 }),
    { asPath: [{ type: SEGMENT.sequence, asns: [65_001, 65_000] }] },
    true,
  ],
  [
    "our AS twice, allowed once",
    peer(1, { allowOwnAs: 1 }),
    { asPath: [{ type: SEGMENT.sequence, asns: [65_000, 65_000] }] },
    "our AS 65000 is in the path",
  ],
  [
    "we are the originator",
    peer(1, { external: false }),
    { originatorId: ROUTER_ID },
    "we are the originator",
  ],
  [
    "we are in the cluster list",
    peer(1, { external: false }),
    { clusterList: [parseIp("10.0.0.1"), ROUTER_ID] },
    "our cluster is in the list",
  ],
])("loops: %s", (_name, from, view, expected) => {
  const table = rib();
  table.learn(from, announce([P1], "192.0.2.1", view));
  assertEquals(table.selection(P1) !== undefined, expected === true);
  assertEquals([...table.paths()].map(([, { accepted }]) => accepted), [
    expected,
  ]);
});

Deno.test("a changed import policy works on what was received before", () => {
  let refused: Prefix | undefined = P1;
  const table = rib((prefix) => prefix === refused ? "not ours" : true);
  table.learn(A, announce([P1, P2], "192.0.2.1"));
  assertEquals([...table.selections()].map(([prefix]) => prefix), [P2]);
  refused = P2;
  assertEquals(table.reconsider(), new Set([P1, P2]));
  assertEquals([...table.selections()].map(([prefix]) => prefix), [P1]);
  assertEquals(table.reconsider(), new Set());
});

Deno.test("stale routes stay until they are confirmed or swept, and a second loss removes them", () => {
  const table = rib();
  table.learn(A, announce([P1, P2], "192.0.2.1"));
  assertEquals(table.markStale(A.address, 4), new Set([P1, P2]));
  assertEquals(table.selection(P1)?.stale, true);
  const returned = peer(1);
  table.learn(returned, announce([P1], "192.0.2.1"));
  assertEquals(table.selection(P1)?.stale, false);
  assertEquals(
    table.forget(A.address, { family: 4, stale: true }),
    new Set([P2]),
  );
  table.markStale(A.address, 4);
  assertEquals(table.markStale(A.address, 4), new Set([P1]));
  assertEquals([...table.paths()], []);
});

Deno.test("forgetting one family leaves the other", () => {
  const table = rib();
  table.learn(A, announce([P1], "192.0.2.1"));
  table.learn(A, announce([SIX], "2001:db8::1"));
  assertEquals(table.forget(A.address, { family: 6 }), new Set([SIX]));
  assertEquals(table.count(A.address), 1);
});

Deno.test("after any history the table equals one built from the last word of each peer", () => {
  const prefixes = [P1, P2, parsePrefix("10.0.0.0/8")];
  const action = fc.record({
    peer: fc.integer({ min: 1, max: 3 }),
    prefix: fc.constantFrom(...prefixes),
    // Undefined withdraws; the AS path's length decides.
    length: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  });
  const path = (length: number): Partial<AttributeView> => ({
    asPath: [{
      type: SEGMENT.sequence,
      asns: Array<number>(length).fill(65_001),
    }],
  });
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 40 }),
      (history) => {
        const lived = rib();
        const told = new Map<Prefix, string | undefined>();
        const last = new Map<string, typeof history[number]>();
        const show = (table: Rib, prefix: Prefix): string | undefined => {
          const selection = table.selection(prefix);
          return selection &&
            `${selection.nextHops} ${selection.best.attributes.pathLength}`;
        };
        const play = (table: Rib, one: typeof history[number]) =>
          table.learn(
            peer(one.peer, { external: false }),
            one.length === undefined
              ? withdraw(one.prefix)
              : announce([one.prefix], `192.0.2.${one.peer}`, path(one.length)),
          );
        for (const one of history) {
          const before = show(lived, one.prefix);
          const changed = play(lived, one);
          if (before !== show(lived, one.prefix)) {
            assert(changed.has(one.prefix), "a change was not reported");
          }
          for (const prefix of changed) told.set(prefix, show(lived, prefix));
          last.set(`${one.peer} ${one.prefix}`, one);
        }
        const fresh = rib();
        for (const one of last.values()) play(fresh, one);
        for (const prefix of prefixes) {
          assertEquals(show(lived, prefix), show(fresh, prefix));
          assertEquals(told.get(prefix), show(lived, prefix));
        }
      },
    ),
    { numRuns: 300 },
  );
});
