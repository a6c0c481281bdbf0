import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FairwayError } from "../../lib/base/errors.ts";
import type { Op } from "../../lib/base/target.ts";
import {
  canonicalElement,
  nftKey,
  nftRules,
  type NftValue,
} from "../../lib/dataplane/nft.ts";
import { parseNftTable } from "../../lib/dataplane/parse_nft.ts";
import {
  nftEqual,
  renderNftBatch,
  renderNftOp,
} from "../../lib/dataplane/render_nft.ts";

const add = (value: NftValue): Op<NftValue> => ({
  kind: "add",
  key: nftKey(value),
  value,
});
const remove = (previous: NftValue): Op<NftValue> => ({
  kind: "remove",
  key: nftKey(previous),
  previous,
});
const element = (set: string, element: string, data?: string): NftValue => ({
  kind: "element",
  set,
  element,
  ...(data === undefined ? {} : { data }),
});

Deno.test("a batch: old elements, objects, new elements, old objects, and whose each line is", () => {
  const rules = nftRules("a", [
    { body: "ip saddr @s accept", note: "np shop/web" },
    { body: "drop" },
  ]);
  const { text, opOfLine } = renderNftBatch([
    add({ kind: "counter", name: "denied" }),
    add({ kind: "set", name: "s", type: "ipv4_addr", interval: true }),
    add({ kind: "set", name: "m", type: "ipv4_addr", data: "verdict" }),
    add({ kind: "chain", name: "a" }),
    add(rules),
    add(element("s", "10.0.0.0/8")),
    {
      kind: "change",
      key: "element/m/10.0.0.1",
      value: element("m", "10.0.0.1", "goto a"),
      previous: element("m", "10.0.0.1", "accept"),
    },
    add(element("s", "11.0.0.0/8")),
    remove(element("old", "veth1 . 10.0.0.1")),
    remove(nftRules("b", [])),
    remove({ kind: "chain", name: "b" }),
    remove({ kind: "set", name: "old", type: "ifname . ipv4_addr" }),
  ]);
  assertEquals(
    text,
    `add table inet fairway
delete element inet fairway m {
10.0.0.1
}
delete element inet fairway old {
"veth1" . 10.0.0.1
}
create counter inet fairway denied
create set inet fairway s { type ipv4_addr; flags interval; }
create map inet fairway m { type ipv4_addr : verdict; }
create chain inet fairway a
add rule inet fairway a ip saddr @s accept comment "${rules.hash}:1/2 np shop/web"
add rule inet fairway a drop comment "${rules.hash}:2/2"
create element inet fairway s {
10.0.0.0/8,
11.0.0.0/8
}
create element inet fairway m {
10.0.0.1 : goto a
}
flush chain inet fairway b
delete chain inet fairway b
delete set inet fairway old
`,
  );
  assertEquals(opOfLine, [
    ...[undefined, 6, 6, 6, 8, 8, 8, 0, 1, 2, 3, 4, 4],
    ...[5, 5, 7, 7, 6, 6, 6, 9, 10, 11],
  ]);
});

Deno.test("rules replace what a chain holds; an empty list is one rule that does nothing", () => {
  const rules = nftRules("a", []);
  assertEquals(
    renderNftOp(add(rules)),
    `flush chain inet fairway a
add rule inet fairway a continue comment "${rules.hash}:0/0"`,
  );
});

Deno.test("a comment never exceeds what nft takes", () => {
  const rules = nftRules("a", [{ body: "accept", note: 'x"; é'.repeat(99) }]);
  const comment = /comment "([^"]*)"$/.exec(renderNftOp(add(rules)))?.[1] ?? "";
  assertEquals(new TextEncoder().encode(comment).length, 128);
});

Deno.test("no text ends its line or its command", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(...'a1. ;{}\n"#\\$@') }),
  );
  const value = fc.oneof(
    fc.record({ kind: fc.constant("counter" as const), name: texts }),
    fc.record({ kind: fc.constant("chain" as const), name: texts }),
    fc.record({ kind: fc.constant("set" as const), name: texts, type: texts }),
    fc.record({
      kind: fc.constant("element" as const),
      set: texts,
      element: texts,
      data: texts,
    }),
    fc.tuple(texts, texts, texts).map(([chain, body, note]) =>
      nftRules(chain, [{ body, note }])
    ),
  );
  fc.assert(fc.property(value, (value) => {
    let text: string;
    try {
      text = renderNftOp(add(value));
    } catch (error) {
      assert(error instanceof FairwayError && error.code === "internal");
      return;
    }
    const lines = { counter: 1, chain: 1, set: 1, element: 3, rules: 2 };
    assertEquals(text.split("\n").length, lines[value.kind], text);
  }));
  assertThrows(
    () => renderNftOp(add(nftRules("a", [{ body: "accept; drop" }]))),
    FairwayError,
  );
});

Deno.test("an element's key is what the kernel lists", () => {
  for (
    const [given, listed] of [
      ["10.0.0.1/32", "10.0.0.1"],
      ["2001:db8::1/128", "2001:db8::1"],
      ["2001:db8::/32", "2001:db8::/32"],
      ['"veth1" . 10.0.0.1/32', "veth1 . 10.0.0.1"],
      ["tcp . 80-90", "tcp . 80-90"],
    ] as const
  ) assertEquals(canonicalElement(given), listed);
});

const listing = (...objects: readonly unknown[]): string =>
  JSON.stringify({ nftables: [{ metainfo: {} }, ...objects] });
const rule = (comment?: string): unknown => ({
  rule: { chain: "a", expr: [], ...(comment === undefined ? {} : { comment }) },
});

Deno.test("comments give back the hash only when they are complete and in order", () => {
  const wanted = nftRules("a", [{ body: "accept" }, { body: "drop" }]);
  const h = wanted.hash;
  for (
    const [same, ...comments] of [
      [true, `${h}:1/2`, `${h}:2/2 note with: colon`],
      [false, `${h}:2/2`, `${h}:1/2`],
      [false, `${h}:1/2`],
      [false, `${h}:1/2`, `${h}:2/2`, `${h}:2/2`],
      [false, `${h}:1/2`, "other:2/2"],
      [false, `${h}:1/2`, undefined],
      [false, `${h}:0/0`],
    ] as const
  ) {
    const observed = parseNftTable(listing(...comments.map(rule))).get(
      "rules/a",
    );
    assert(observed !== undefined);
    assertEquals(nftEqual(wanted, observed), same, comments.join(" | "));
  }
});

Deno.test("what Fairway does not make equals nothing it wants", () => {
  const set: NftValue = { kind: "set", name: "s", type: "ipv4_addr" };
  const observed = parseNftTable(listing({
    set: { name: "s", type: "ipv4_addr", flags: ["timeout", "dynamic"] },
  })).get("set/s");
  assert(observed !== undefined && !nftEqual(set, observed));
  assertEquals(
    parseNftTable(listing({ flowtable: { name: "f" } })).size,
    0,
  );
  assertThrows(() => parseNftTable("no json"), FairwayError);
  assertThrows(() => parseNftTable("{}"), FairwayError);
});
