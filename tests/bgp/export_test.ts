import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AttributeStore } from "../../lib/bgp/attribute_store.ts";
import {
  AdjRibOut,
  type ExportedRoute,
  exportLearned,
  exportLocal,
  type ExportSession,
} from "../../lib/bgp/export.ts";
import type { Path } from "../../lib/bgp/rib.ts";
import { formatAsPath, SEGMENT } from "../../lib/bgp/wire/as_path.ts";
import type { AttributeView } from "../../lib/bgp/wire/attribute_set.ts";
import { WELL_KNOWN } from "../../lib/bgp/wire/communities.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix, type Prefix } from "../../lib/net/prefix.ts";

const store = new AttributeStore();
const EXTERNAL: ExportSession = {
  peer: parseIp("192.0.2.2"),
  external: true,
  localAs: 65_000,
  families: [4, 6],
  localAddress: parseIp("192.0.2.1"),
  nextHops: [parseIp("2001:db8::1")],
};
const INTERNAL: ExportSession = { ...EXTERNAL, external: false };
const POD = parsePrefix("10.244.1.0/24");
const POD6 = parsePrefix("2001:db8:1::/64");

Deno.test("a route of our own to an external peer: our AS, our address, no LOCAL_PREF", () => {
  const route = exportLocal(
    { prefix: POD, localPref: 7, med: 3 },
    EXTERNAL,
    store,
  );
  assertEquals(route?.nextHop, EXTERNAL.localAddress);
  assertEquals(route?.attributes.view, {
    origin: 0,
    asPath: [{ type: SEGMENT.sequence, asns: [65_000] }],
    med: 3,
  });
});

Deno.test("a route of our own to an internal peer: no AS, LOCAL_PREF 100", () => {
  const route = exportLocal({ prefix: POD }, INTERNAL, store);
  assertEquals(route?.attributes.view, {
    origin: 0,
    asPath: [],
    localPref: 100,
  });
});

Deno.test("prepending is for external peers", () => {
  const route = { prefix: POD, prepend: 2 };
  const path = (session: ExportSession): string =>
    formatAsPath(
      exportLocal(route, session, store)?.attributes.view.asPath ?? [],
    );
  assertEquals(path(EXTERNAL), "65000 65000 65000");
  assertEquals(path(INTERNAL), "");
});

Deno.test("IPv6 over an IPv4 session names the next hop given for it, or is not told", () => {
  assertEquals(
    exportLocal({ prefix: POD6 }, EXTERNAL, store)?.nextHop,
    parseIp("2001:db8::1"),
  );
  const without = { ...EXTERNAL, nextHops: [] };
  assertEquals(exportLocal({ prefix: POD6 }, without, store), undefined);
});

function learned(
  changes: Partial<AttributeView>,
  external = true,
  from = "192.0.2.7",
): Path {
  const address = parseIp(from);
  return {
    peer: { address, routerId: address, external, allowOwnAs: 0 },
    nextHop: address,
    attributes: store.internView({
      origin: 0,
      asPath: [{ type: SEGMENT.sequence, asns: [65_001] }],
      ...changes,
    }),
    accepted: true,
    stale: false,
  };
}

const no = (name: string): Partial<AttributeView> => ({
  communities: [WELL_KNOWN[name] ?? 0],
});

Deno.test.each<[string, Path, ExportSession, boolean]>([
  ["external to external", learned({}), EXTERNAL, true],
  ["external to internal", learned({}), INTERNAL, true],
  ["internal to external", learned({}, false), EXTERNAL, true],
  ["internal to internal", learned({}, false), INTERNAL, false],
  ["back to its sender", learned({}, true, "192.0.2.2"), EXTERNAL, false],
  ["no-advertise", learned(no("no-advertise")), INTERNAL, false],
  ["no-export to outside", learned(no("no-export")), EXTERNAL, false],
  ["no-export inside", learned(no("no-export")), INTERNAL, true],
  ["no-export-subconfed", learned(no("no-export-subconfed")), EXTERNAL, false],
])("learned routes: %s", (_name, path, session, expected) => {
  const route = exportLearned(path, 4, session, store);
  assertEquals(route !== undefined, expected);
});

Deno.test("a learned route to an external peer: AS in front, next hop self, the rest carried on", () => {
  const opaque = [{ type: 200, flags: 0xe0, value: Uint8Array.of(1) }];
  const path = learned({
    med: 5,
    localPref: 300,
    originatorId: parseIp("10.0.0.1"),
    clusterList: [parseIp("10.0.0.2")],
    communities: [1],
    opaque,
  }, false);
  const route = exportLearned(path, 4, EXTERNAL, store);
  assertEquals(route?.nextHop, EXTERNAL.localAddress);
  assertEquals(route?.attributes.view, {
    origin: 0,
    asPath: [{ type: SEGMENT.sequence, asns: [65_000, 65_001] }],
    communities: [1],
    opaque,
  });
});

Deno.test("a learned route to an internal peer keeps next hop and path, and has LOCAL_PREF", () => {
  const route = exportLearned(learned({ med: 5 }), 4, INTERNAL, store);
  assertEquals(route?.nextHop, parseIp("192.0.2.7"));
  assertEquals(route?.attributes.view, {
    origin: 0,
    asPath: [{ type: SEGMENT.sequence, asns: [65_001] }],
    med: 5,
    localPref: 100,
  });
});

Deno.test("a change that comes to nothing on the way out sends nothing", () => {
  const table = new AdjRibOut();
  const give = (view: Partial<AttributeView>) => () =>
    exportLearned(learned(view), 4, EXTERNAL, store);
  table.mark(POD);
  assertEquals(table.take(10, give({ med: 1 })).announced.length, 1);
  table.mark(POD);
  assertEquals(table.take(10, give({ med: 2 })).announced, []);
  table.refresh(4);
  assertEquals(table.take(10, give({ med: 2 })).announced.length, 1);
  table.mark(POD);
  assertEquals(table.take(10, () => undefined).withdrawn, [POD]);
  table.mark(POD);
  assertEquals(table.take(10, () => undefined).withdrawn, []);
  assertEquals(table.size, 0);
});

Deno.test("whatever is marked and however it is taken, the peer ends with what it should have", () => {
  const prefixes = Array.from(
    { length: 6 },
    (_, i) => parsePrefix(`10.${i}.0.0/16`),
  );
  const change = fc.record({
    prefix: fc.constantFrom(...prefixes),
    med: fc.option(fc.nat(2), { nil: undefined }),
    take: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    refresh: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const table = new AdjRibOut();
      const should = new Map<Prefix, ExportedRoute>();
      const has = new Map<Prefix, ExportedRoute>();
      const exported = (prefix: Prefix) => should.get(prefix);
      const take = (limit: number): void => {
        const { withdrawn, announced } = table.take(limit, exported);
        for (const prefix of withdrawn) {
          assert(has.delete(prefix), "withdrawn without having been announced");
        }
        for (const { attributes, nextHop, prefixes } of announced) {
          for (const prefix of prefixes) {
            has.set(prefix, { attributes, nextHop });
          }
        }
      };
      for (const { prefix, med, take: limit, refresh } of changes) {
        const route = med === undefined
          ? undefined
          : exportLocal({ prefix, med }, EXTERNAL, store);
        if (route === undefined) should.delete(prefix);
        else should.set(prefix, route);
        table.mark(prefix);
        if (refresh) table.refresh(4);
        if (limit !== undefined) take(limit);
      }
      while (table.pending) take(2);
      assertEquals(has, should);
      assertEquals(new Map(table.sent()), should);
    }),
    { numRuns: 300 },
  );
});
