import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AttributeSet, FLAG } from "../../lib/bgp/wire/attribute_set.ts";
import { formatAsPath } from "../../lib/bgp/wire/as_path.ts";
import {
  decodeUpdate,
  type Update,
  type UpdateContext,
} from "../../lib/bgp/wire/update.ts";
import {
  attribute,
  EXTERNAL,
  hex,
  INTERNAL,
  NEXT_HOP,
  ORDINARY,
  ORIGIN_IGP,
  PATH_65001,
  TWO_OCTET,
  updateBody,
} from "./support.ts";

const PREFIX = "198.51.100.0/24";

/** What an UPDATE came to, in a word: `ok`, `discard`, `withdraw`, or `3/5` for a reset. */
function verdictOf(body: Uint8Array, context: UpdateContext): string {
  const result = decodeUpdate(body, context);
  if (result.kind === "reset") {
    return `${result.fault.code}/${result.fault.subcode}`;
  }
  const { verdict, announced, withdrawn } = result;
  const there = announced.some(({ prefixes }) => prefixes.length > 0);
  // Whatever is not announced is withdrawn: nothing gets lost.
  assertEquals(there, verdict !== "withdraw");
  if (verdict === "withdraw") assert(withdrawn.length > 0);
  return verdict;
}

function accepted(body: Uint8Array, context = EXTERNAL): Update {
  const result = decodeUpdate(body, context);
  assert(result.kind === "update", JSON.stringify(result));
  return result;
}

/** The attributes of an ordinary route, with some replaced or added. */
function withAttributes(...changed: readonly Uint8Array[]): Uint8Array {
  const types = new Set(changed.map((bytes) => bytes[1]));
  const kept = ORDINARY.filter((bytes) => !types.has(bytes[1]));
  return updateBody({ attributes: [...kept, ...changed], nlri: [PREFIX] });
}

const extLength = hex("d0 c9 0002 abcd");

Deno.test.each([
  ["an ordinary route", [], "ok"],
  ["ORIGIN value 3", [attribute(0x40, 1, "03")], "withdraw"],
  ["ORIGIN of no octets", [attribute(0x40, 1, "")], "withdraw"],
  ["ORIGIN of 2 octets", [attribute(0x40, 1, "0000")], "withdraw"],
  ["ORIGIN flagged optional", [attribute(0xc0, 1, "00")], "withdraw"],
  ["ORIGIN not transitive", [attribute(0x00, 1, "00")], "withdraw"],
  ["ORIGIN flagged partial", [attribute(0x60, 1, "00")], "ok"],
  ["low flag bits set", [attribute(0x4f, 1, "00")], "ok"],
  ["AS_PATH segment type 5", [attribute(0x40, 2, "0501 0000fde9")], "withdraw"],
  ["AS_PATH segment type 0", [attribute(0x40, 2, "0001 0000fde9")], "withdraw"],
  ["AS_PATH segment of none", [attribute(0x40, 2, "0200")], "withdraw"],
  ["AS_PATH overrun", [attribute(0x40, 2, "0202 0000fde9")], "withdraw"],
  ["AS_PATH underrun", [attribute(0x40, 2, "0201 0000fde9 02")], "withdraw"],
  ["AS 0 in AS_PATH", [attribute(0x40, 2, "0201 00000000")], "withdraw"],
  ["AS_CONFED_SEQUENCE", [attribute(0x40, 2, "0301 0000fde9")], "withdraw"],
  ["AS_CONFED_SET", [attribute(0x40, 2, "0401 0000fde9")], "withdraw"],
  ["AS_SET", [attribute(0x40, 2, "0101 0000fde9")], "withdraw"],
  ["an empty AS_PATH", [attribute(0x40, 2, "")], "ok"],
  ["NEXT_HOP of 3 octets", [attribute(0x40, 3, "c00002")], "withdraw"],
  ["NEXT_HOP 0.0.0.0", [attribute(0x40, 3, "00000000")], "withdraw"],
  ["NEXT_HOP 127.0.0.1", [attribute(0x40, 3, "7f000001")], "withdraw"],
  ["NEXT_HOP 224.0.0.1", [attribute(0x40, 3, "e0000001")], "withdraw"],
  ["NEXT_HOP our own", [attribute(0x40, 3, "c0000209")], "withdraw"],
  ["MED of 3 octets", [attribute(0x80, 4, "000001")], "withdraw"],
  ["MED flagged transitive", [attribute(0xc0, 4, "00000001")], "withdraw"],
  ["LOCAL_PREF from outside", [attribute(0x40, 5, "00000001")], "discard"],
  ["LOCAL_PREF of 3 from outside", [attribute(0x40, 5, "000001")], "discard"],
  ["ATOMIC_AGGREGATE of 1", [attribute(0x40, 6, "00")], "discard"],
  ["AGGREGATOR of 5", [attribute(0xc0, 7, "0000fde9c0")], "discard"],
  ["AGGREGATOR of 9", [attribute(0xc0, 7, "0000fde9c000020100")], "discard"],
  ["AGGREGATOR AS 0", [attribute(0xc0, 7, "00000000c0000201")], "discard"],
  ["COMMUNITIES of 0", [attribute(0xc0, 8, "")], "withdraw"],
  ["COMMUNITIES of 5", [attribute(0xc0, 8, "fde9000100")], "withdraw"],
  ["ORIGINATOR_ID from outside", [attribute(0x80, 9, "0a000001")], "discard"],
  ["CLUSTER_LIST from outside", [attribute(0x80, 10, "0a000001")], "discard"],
  [
    "EXT COMMUNITIES of 9",
    [attribute(0xc0, 16, "000200010001000100")],
    "withdraw",
  ],
  ["EXT COMMUNITIES of 0", [attribute(0xc0, 16, "")], "withdraw"],
  [
    "AS4_PATH from a new speaker",
    [attribute(0xc0, 17, "02010000fde9")],
    "discard",
  ],
  ["AS4_PATH bad, new speaker", [attribute(0xc0, 17, "0001")], "discard"],
  ["AS4_PATH not transitive", [attribute(0x80, 17, "0001")], "discard"],
  ["AS4_AGGREGATOR, new speaker", [attribute(0xc0, 18, "00")], "discard"],
  [
    "IPV6 EXT COMMUNITIES of 21",
    [attribute(0xc0, 25, "00".repeat(21))],
    "withdraw",
  ],
  [
    "LARGE COMMUNITIES of 13",
    [attribute(0xc0, 32, "00".repeat(13))],
    "withdraw",
  ],
  ["LARGE COMMUNITIES of 0", [attribute(0xc0, 32, "")], "withdraw"],
  ["OTC of 3", [attribute(0xc0, 35, "00fde9")], "withdraw"],
  ["OTC of 4", [attribute(0xc0, 35, "0000fde9")], "ok"],
  [
    "MED twice",
    [attribute(0x80, 4, "00000001"), attribute(0x80, 4, "00000002")],
    "discard",
  ],
  ["unknown optional transitive", [attribute(0xc0, 200, "abcd")], "ok"],
  ["the same with extended length", [extLength], "ok"],
  ["unknown optional, not transitive", [attribute(0x80, 200, "abcd")], "ok"],
  ["unknown well-known", [attribute(0x40, 200, "abcd")], "3/2"],
  ["type 0, optional", [attribute(0xc0, 0, "")], "ok"],
  ["type 255, 300 octets", [attribute(0xc0, 255, "00".repeat(300))], "ok"],
  [
    "the strongest of several: discard and withdraw",
    [attribute(0x40, 6, "00"), attribute(0x80, 4, "")],
    "withdraw",
  ],
  [
    "the strongest of several: withdraw and reset",
    [attribute(0x80, 4, ""), attribute(0x40, 200, "")],
    "3/2",
  ],
])("from an external peer: %s", (_name, changed, expected) => {
  assertEquals(verdictOf(withAttributes(...changed), EXTERNAL), expected);
});

Deno.test.each([
  ["LOCAL_PREF of 3", attribute(0x40, 5, "000001"), "withdraw"],
  ["LOCAL_PREF", attribute(0x40, 5, "00000001"), "ok"],
  ["ORIGINATOR_ID of 3", attribute(0x80, 9, "0a0000"), "withdraw"],
  ["CLUSTER_LIST of 5", attribute(0x80, 10, "0a00000100"), "withdraw"],
  ["CLUSTER_LIST of 0", attribute(0x80, 10, ""), "withdraw"],
  ["CLUSTER_LIST", attribute(0x80, 10, "0a000001"), "ok"],
])("from an internal peer: %s", (_name, changed, expected) => {
  assertEquals(verdictOf(withAttributes(changed), INTERNAL), expected);
});

Deno.test.each([
  ["ORIGIN", [PATH_65001, NEXT_HOP]],
  ["AS_PATH", [ORIGIN_IGP, NEXT_HOP]],
  ["NEXT_HOP", [ORIGIN_IGP, PATH_65001]],
])("missing: %s", (_name, attributes) => {
  const body = updateBody({ attributes, nlri: [PREFIX] });
  assertEquals(verdictOf(body, EXTERNAL), "withdraw");
  assertEquals(accepted(body).withdrawn as readonly string[], [PREFIX]);
});

Deno.test.each([
  ["withdrawn routes overrun", hex("0005 0000"), "3/1"],
  ["attributes overrun", hex("0000 0005 4001"), "3/1"],
  ["withdrawn length of 65535", hex("ffff 0000"), "3/1"],
  ["a prefix of 33 bits", hex("0000 0000 21 c633640000"), "3/10"],
  ["a truncated prefix", hex("0000 0000 18 c633"), "3/10"],
  ["a withdrawn prefix of 33 bits", hex("0001 21 0000"), "3/10"],
])("form: %s", (_name, body, expected) => {
  assertEquals(verdictOf(body, EXTERNAL), expected);
});

Deno.test.each([
  ["one trailing octet", "40"],
  ["two trailing octets", "4001"],
  ["an attribute that overruns", "400105 00"],
  ["an extended length that overruns", "5001 0500 00"],
])("attribute block: %s", (_name, trailing) => {
  const there = { attributes: ORDINARY, trailing };
  assertEquals(
    verdictOf(updateBody({ ...there, nlri: [PREFIX] }), EXTERNAL),
    "withdraw",
  );
  // RFC 7606 §5.2: nothing reachable, so nothing to treat as withdrawn.
  assertEquals(verdictOf(updateBody(there), EXTERNAL), "3/5");
});

Deno.test("a weak fault without reachable routes does not end the session", () => {
  const body = updateBody({
    withdrawn: [PREFIX],
    attributes: [attribute(0x40, 6, "00")],
  });
  assertEquals(accepted(body).verdict, "discard");
});

Deno.test("a reset carries the attribute as data", () => {
  const odd = attribute(0x40, 200, "abcd");
  const result = decodeUpdate(withAttributes(odd), EXTERNAL);
  assert(result.kind === "reset");
  assertEquals(result.fault.data, odd);
});

Deno.test("bits beyond the length are cleared, and the default route is a route", () => {
  const body = updateBody({ attributes: ORDINARY });
  const nlri = hex("17 142dff 00");
  const whole = new Uint8Array([...body, ...nlri]);
  assertEquals(accepted(whole).announced[0]?.prefixes as readonly string[], [
    "20.45.254.0/23",
    "0.0.0.0/0",
  ]);
});

Deno.test("martian prefixes are withdrawn one by one", () => {
  const body = updateBody({
    attributes: ORDINARY,
    nlri: ["224.0.1.0/24", PREFIX, "240.0.0.0/8", "127.0.0.0/8"],
  });
  const update = accepted(body);
  assertEquals(update.announced[0]?.prefixes as readonly string[], [PREFIX]);
  assertEquals(update.withdrawn as readonly string[], [
    "224.0.1.0/24",
    "240.0.0.0/8",
    "127.0.0.0/8",
  ]);
  assertEquals(update.faults.length, 3);
});

Deno.test("a prefix both withdrawn and announced is announced", () => {
  const body = updateBody({
    withdrawn: [PREFIX],
    attributes: ORDINARY,
    nlri: [PREFIX],
  });
  const update = accepted(body);
  assertEquals(update.withdrawn as readonly string[], [PREFIX]);
  assertEquals(update.announced[0]?.prefixes as readonly string[], [PREFIX]);
});

Deno.test("of a repeated attribute the first counts", () => {
  const body = withAttributes(
    attribute(0x80, 4, "00000001"),
    attribute(0x80, 4, "00000002"),
  );
  const { attributes } = accepted(body);
  assert(attributes !== undefined);
  assertEquals(new AttributeSet(attributes).view.med, 1);
});

Deno.test("an unknown transitive attribute goes on with the Partial bit and the shortest length", () => {
  const { attributes } = accepted(withAttributes(extLength));
  assert(attributes !== undefined);
  assertEquals(new AttributeSet(attributes).view.opaque, [{
    type: 201,
    flags: FLAG.optional | FLAG.transitive | FLAG.partial,
    value: hex("abcd"),
  }]);
  assertEquals(attributes.subarray(-5), hex("e0 c9 02 abcd"));
});

Deno.test("a family that the session does not carry is left out", () => {
  const only6: UpdateContext = { ...EXTERNAL, families: [6] };
  const update = accepted(
    updateBody({ attributes: ORDINARY, nlri: [PREFIX], withdrawn: [PREFIX] }),
    only6,
  );
  assertEquals([update.announced, update.withdrawn], [[], []]);
});

const AS_TRANS_PATH = attribute(0x40, 2, "02 03 5ba0 fde8 5ba0");

Deno.test.each([
  ["no AS4_PATH", [AS_TRANS_PATH], "23456 65000 23456"],
  [
    "AS4_PATH of equal length",
    [AS_TRANS_PATH, attribute(0xc0, 17, "0203 00030d40 0000fde8 00030d41")],
    "200000 65000 200001",
  ],
  [
    "AS4_PATH shorter: the front stays",
    [AS_TRANS_PATH, attribute(0xc0, 17, "0202 0000fde8 00030d41")],
    "23456 65000 200001",
  ],
  [
    "AS4_PATH longer: ignored",
    [
      AS_TRANS_PATH,
      attribute(0xc0, 17, "0204 00000001 00000002 00000003 00000004"),
    ],
    "23456 65000 23456",
  ],
  [
    "confederation segments in AS4_PATH are dropped",
    [
      AS_TRANS_PATH,
      attribute(0xc0, 17, "0301 0000fde8 0202 0000fde8 00030d41"),
    ],
    "23456 65000 200001",
  ],
  [
    "an aggregator that is not AS_TRANS: both AS4 attributes ignored",
    [
      AS_TRANS_PATH,
      attribute(0xc0, 7, "fde8 c0000201"),
      attribute(0xc0, 17, "0203 00030d40 0000fde8 00030d41"),
      attribute(0xc0, 18, "00030d40 c0000201"),
    ],
    "23456 65000 23456",
  ],
  [
    "a malformed AS4_PATH is left out",
    [AS_TRANS_PATH, attribute(0xc0, 17, "0001 00000001")],
    "23456 65000 23456",
  ],
])("from a two-octet speaker: %s", (_name, changed, expected) => {
  const update = accepted(withAttributes(...changed), TWO_OCTET);
  assert(update.attributes !== undefined);
  const { view } = new AttributeSet(update.attributes);
  assertEquals(formatAsPath(view.asPath), expected);
});

Deno.test("AS4_AGGREGATOR stands in for AS_TRANS", () => {
  const update = accepted(
    withAttributes(
      attribute(0x40, 2, "02 01 fde8"),
      attribute(0xc0, 7, "5ba0 c0000201"),
      attribute(0xc0, 18, "00030d40 c0000201"),
    ),
    TWO_OCTET,
  );
  assert(update.attributes !== undefined);
  const { aggregator } = new AttributeSet(update.attributes).view;
  assertEquals(aggregator?.asn, 200_000);
});

Deno.test("any octets come to a verdict, never to an exception", () => {
  for (const context of [EXTERNAL, INTERNAL, TWO_OCTET]) {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 300 }),
        (bytes) => {
          decodeUpdate(bytes, context);
        },
      ),
      { numRuns: 2000 },
    );
  }
});

Deno.test("an ordinary UPDATE with any octets changed comes to a verdict, and what it means can be read", () => {
  const body = updateBody({
    withdrawn: ["10.0.0.0/8"],
    attributes: [
      ...ORDINARY,
      attribute(0xc0, 7, "0000fde9c0000201"),
      attribute(0xc0, 8, "fde90001"),
      attribute(
        0x80,
        14,
        "000201 10 20010db8000000000000000000000001 00 20 20010db8",
      ),
      attribute(0xc0, 16, "0002fde900000001"),
      attribute(0xc0, 32, "000000010000000200000003"),
    ],
    nlri: [PREFIX],
  });
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(body.length - 1), fc.nat(255)),
        { minLength: 1, maxLength: 4 },
      ),
      (changes) => {
        const mutated = body.slice();
        for (const [at, value] of changes) mutated[at] = value;
        const result = decodeUpdate(mutated, EXTERNAL);
        if (result.kind === "update" && result.attributes !== undefined) {
          const set = new AttributeSet(result.attributes);
          assert(set.pathLength >= 0);
        }
      },
    ),
    { numRuns: 5000 },
  );
});
