import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  internedLabelSets,
  internLabels,
  labelsOf,
  NO_LABELS,
} from "../../lib/cluster/labels.ts";

const label = fc.tuple(
  fc.string({ maxLength: 3 }),
  fc.string({ maxLength: 3 }),
);

Deno.test("internLabels() yields one object for the same pairs in any order", () => {
  fc.assert(fc.property(fc.array(label), fc.array(label), (left, right) => {
    const [a, b] = [internLabels(left), internLabels(right)];
    assertEquals(
      Object.is(a, b),
      JSON.stringify([...new Map(left)].sort()) ===
        JSON.stringify([...new Map(right)].sort()),
    );
    assertEquals(a.id === b.id, Object.is(a, b));
    const unique = [...new Map(left)];
    assertStrictEquals(internLabels(unique.reverse()), a);
    for (const [key, value] of unique) assertEquals(a.get(key), value);
    assertEquals([...a.entries()].length, unique.length);
  }));
});

Deno.test("a label set has its pairs in the order of keys, and nothing else", () => {
  const labels = labelsOf({ b: "2", a: "1", "": "" });
  assertEquals([...labels.entries()], [["", ""], ["a", "1"], ["b", "2"]]);
  assertEquals(labels.get("c"), undefined);
  assertEquals(labels.get("toString"), undefined);
  assertStrictEquals(labelsOf({}), NO_LABELS);
});

Deno.test("label sets that nothing uses are released: churn does not grow the table", async () => {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert(typeof collect === "function");
  const kept = labelsOf({ kept: "for the whole test" });
  const before = internedLabelSets();
  let most = 0;
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 1000; i++) labelsOf({ churn: `${round}-${i}` });
    most = Math.max(most, internedLabelSets());
    // References that were looked at live until the end of the job; then they can go.
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
  }
  assert(most - before < 4000, `the table grew to ${most} entries`);
  assertStrictEquals(labelsOf({ kept: "for the whole test" }), kept);
});
