import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { formatAsPath, SEGMENT } from "../../lib/bgp/wire/as_path.ts";
import {
  AttributeSet,
  type AttributeView,
  encodeAttributes,
} from "../../lib/bgp/wire/attribute_set.ts";
import {
  encodeAnnouncements,
  encodeEndOfRib,
  encodeWithdrawals,
  type UpdateEncoding,
} from "../../lib/bgp/wire/encode_update.ts";
import { FrameSplitter } from "../../lib/bgp/wire/frame.ts";
import { encodePrefix } from "../../lib/bgp/wire/nlri.ts";
import {
  decodeUpdate,
  type Update,
  type UpdateContext,
} from "../../lib/bgp/wire/update.ts";
import {
  type Family,
  type Ip,
  ipFromBytes,
  parseIp,
} from "../../lib/net/ip.ts";
import { makePrefix, parsePrefix, type Prefix } from "../../lib/net/prefix.ts";
import { INTERNAL } from "./support.ts";

const FOUR: UpdateEncoding = { fourOctetAs: true, maxLength: 4096 };
const TWO: UpdateEncoding = { fourOctetAs: false, maxLength: 4096 };

/** Internal, so that every attribute passes; sets too. */
const CONTEXT: UpdateContext = { ...INTERNAL, allowAsSets: true };

function decode(message: Uint8Array, context = CONTEXT): Update {
  const splitter = new FrameSplitter();
  splitter.push(message);
  const frame = splitter.next();
  assert(frame?.ok === true, "not one whole message");
  const result = decodeUpdate(frame.value.body, context);
  assert(result.kind === "update", JSON.stringify(result));
  assertEquals(splitter.pendingBytes, 0);
  return result;
}

const u32 = fc.integer({ min: 0, max: 4294967295 });
const asn = fc.integer({ min: 1, max: 4294967295 });
const ip4: fc.Arbitrary<Ip> = fc.tuple(
  fc.integer({ min: 1, max: 126 }),
  fc.nat(255),
  fc.nat(255),
  fc.nat(255),
).map((octets) => ipFromBytes(Uint8Array.from(octets)));
const ip6: fc.Arbitrary<Ip> = fc.uint8Array({ minLength: 13, maxLength: 13 })
  .map((tail) => ipFromBytes(Uint8Array.of(0x20, 0x01, 0x0d, ...tail)));

const view: fc.Arbitrary<AttributeView> = fc.record({
  origin: fc.nat(2),
  asPath: fc.array(
    fc.record({
      type: fc.constantFrom(SEGMENT.sequence, SEGMENT.set),
      asns: fc.array(asn, { minLength: 1, maxLength: 255 }),
    }),
    { maxLength: 2 },
  ),
  med: u32,
  localPref: u32,
  atomicAggregate: fc.constant(true),
  aggregator: fc.record({ asn, address: ip4 }),
  communities: fc.array(u32, { minLength: 1, maxLength: 80 }),
  originatorId: ip4,
  clusterList: fc.array(ip4, { minLength: 1, maxLength: 3 }),
  extendedCommunities: fc.array(
    fc.uint8Array({ minLength: 8, maxLength: 8 }).map((octets) =>
      octets.toHex()
    ),
    { minLength: 1, maxLength: 3 },
  ),
  largeCommunities: fc.array(fc.tuple(u32, u32, u32), {
    minLength: 1,
    maxLength: 3,
  }),
  opaque: fc.uniqueArray(
    fc.record({
      type: fc.integer({ min: 100, max: 255 }),
      flags: fc.constant(0xe0),
      value: fc.uint8Array({ maxLength: 20 }),
    }),
    { minLength: 1, maxLength: 2, selector: ({ type }) => type },
  ).map((list) => list.toSorted((a, b) => a.type - b.type)),
}, {
  requiredKeys: ["origin", "asPath"],
});

Deno.test("attributes: reading what was encoded gives the same values and the same octets", () => {
  fc.assert(
    fc.property(view, (values) => {
      const bytes = encodeAttributes(values);
      const set = new AttributeSet(bytes);
      assertEquals(set.view, values);
      assertEquals(encodeAttributes(set.view), bytes);
    }),
    { numRuns: 300 },
  );
});

const prefixes = (family: Family): fc.Arbitrary<Prefix[]> =>
  fc.uniqueArray(
    fc.tuple(
      family === 4 ? ip4 : ip6,
      fc.integer({ min: family === 4 ? 8 : 24, max: family === 4 ? 32 : 128 }),
    ).map(([address, length]) => makePrefix(address, length)),
    { minLength: 1, maxLength: 200 },
  );

Deno.test("announcements: decoding gives back every prefix once, next hop and attributes", () => {
  for (const family of [4, 6] as const) {
    fc.assert(
      fc.property(
        view,
        prefixes(family),
        family === 4 ? ip4 : ip6,
        (values, list, nextHop) => {
          const attributes = new AttributeSet(encodeAttributes(values));
          const group = { family, nextHop, attributes, prefixes: list };
          const got: Prefix[] = [];
          for (const message of encodeAnnouncements(group, FOUR)) {
            assertLessOrEqual(message.length, 4096);
            const update = decode(message);
            assertEquals(update.verdict, "ok");
            assertEquals(update.attributes, attributes.bytes);
            for (const block of update.announced) {
              assertEquals([block.family, block.nextHop], [family, nextHop]);
              got.push(...block.prefixes);
            }
          }
          assertEquals(got, list);
        },
      ),
      { numRuns: 60 },
    );
  }
});

Deno.test("a two-octet session loses no AS number", () => {
  const path = fc.array(asn, { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(path, asn, (asns, aggregator) => {
      const attributes = new AttributeSet(encodeAttributes({
        origin: 0,
        asPath: [{ type: SEGMENT.sequence, asns }],
        aggregator: { asn: aggregator, address: parseIp("192.0.2.1") },
      }));
      const [message] = encodeAnnouncements({
        family: 4,
        nextHop: parseIp("192.0.2.1"),
        attributes,
        prefixes: [parsePrefix("10.0.0.0/8")],
      }, TWO);
      assert(message !== undefined);
      const update = decode(message, { ...CONTEXT, fourOctetAs: false });
      assert(update.attributes !== undefined);
      const read = new AttributeSet(update.attributes).view;
      assertEquals(formatAsPath(read.asPath), asns.join(" "));
      assertEquals(read.aggregator?.asn, aggregator);
    }),
    { numRuns: 200 },
  );
});

Deno.test("withdrawals: decoding gives back every prefix once", () => {
  fc.assert(
    fc.property(prefixes(4), prefixes(6), (four, six) => {
      const got: Prefix[] = [];
      for (const message of encodeWithdrawals([...six, ...four], FOUR)) {
        assertLessOrEqual(message.length, 4096);
        const update = decode(message);
        assertEquals(update.announced, []);
        got.push(...update.withdrawn);
      }
      assertEquals(new Set(got), new Set([...four, ...six]));
      assertEquals(got.length, four.length + six.length);
    }),
    { numRuns: 60 },
  );
});

/** As many different prefixes as asked for. */
function many(count: number, family: Family): Prefix[] {
  return Array.from(
    { length: count },
    (_, i) =>
      family === 4
        ? parsePrefix(`10.${i >> 8}.${i & 255}.0/24`)
        : parsePrefix(`2001:db8:${i.toString(16)}::/48`),
  );
}

Deno.test.each([[4, 5000], [6, 3000]] as const)(
  "IPv%d: %d prefixes of one attribute set fill their messages",
  (family, count) => {
    const list = many(count, family);
    const attributes = new AttributeSet(
      encodeAttributes({ origin: 0, asPath: [] }),
    );
    const nextHop = parseIp(family === 4 ? "192.0.2.1" : "2001:db8::1");
    const messages = [
      ...encodeAnnouncements(
        { family, nextHop, attributes, prefixes: list },
        FOUR,
      ),
    ];
    const octets = list.reduce((sum, one) => sum + encodePrefix(one).length, 0);
    assertEquals(messages.length, Math.ceil(octets / (4096 - 70)));
    for (const message of messages.slice(0, -1)) {
      assert(message.length > 4096 - 10 && message.length <= 4096);
    }
    assertEquals(
      messages.flatMap((one) => decode(one).announced[0]?.prefixes ?? []),
      list,
    );
  },
);

Deno.test("attributes that leave no room for a prefix turn the announcement into a withdrawal", () => {
  const attributes = new AttributeSet(encodeAttributes({
    origin: 0,
    asPath: [],
    communities: Array.from({ length: 1020 }, (_, i) => i),
  }));
  const list = many(3, 4);
  const group = {
    family: 4 as const,
    nextHop: parseIp("192.0.2.1"),
    attributes,
    prefixes: list,
  };
  const [message, more] = encodeAnnouncements(group, FOUR);
  assertEquals(more, undefined);
  assert(message !== undefined);
  assertEquals(decode(message).withdrawn, list);
});

Deno.test.each([[4, 23], [6, 29]] as const)(
  "End-of-RIB of IPv%d has %d octets and is read as such",
  (family, octets) => {
    const message = encodeEndOfRib(family);
    assertEquals(message.length, octets);
    const update = decode(message);
    assertEquals(update.endOfRib, family);
  },
);
