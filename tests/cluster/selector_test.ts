import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { labelsOf } from "../../lib/cluster/labels.ts";
import {
  EVERYTHING,
  matches,
  NOTHING,
  parseSelector,
  type Requirement,
  type Selector,
  selectorOf,
} from "../../lib/cluster/selector.ts";

function parse(raw: unknown): Selector {
  const { selector, issues } = parseSelector(raw, "Test x", "selector");
  assertEquals(issues, []);
  return selector;
}

Deno.test("parseSelector() writes selectors in one form", async (t) => {
  for (
    const [raw, text] of [
      [undefined, "*"],
      [null, "*"],
      [{}, "*"],
      [{ matchLabels: null, matchExpressions: [] }, "*"],
      [{ matchLabels: { b: "2", a: "1" } }, "a=1,b=2"],
      [{ matchLabels: { a: "" } }, 'a=""'],
      [
        { matchExpressions: [{ key: "a", operator: "In", values: ["1"] }] },
        "a=1",
      ],
      [
        {
          matchExpressions: [{
            key: "a",
            operator: "In",
            values: ["2", "1", "2"],
          }],
        },
        "a in (1,2)",
      ],
      [
        {
          matchLabels: { a: "1" },
          matchExpressions: [
            { key: "a", operator: "Exists" },
            { key: "a", operator: "In", values: ["1", "2"] },
            { key: "a", operator: "NotIn", values: ["2"] },
          ],
        },
        "a=1",
      ],
      [
        {
          matchExpressions: [
            { key: "z", operator: "DoesNotExist", values: [] },
            { key: "a", operator: "NotIn", values: ["2", "1"] },
            { key: "a", operator: "Exists" },
          ],
        },
        "a,a notin (1,2),!z",
      ],
      [
        {
          matchExpressions: [
            { key: "a", operator: "DoesNotExist" },
            { key: "a", operator: "NotIn", values: ["1"] },
          ],
        },
        "!a",
      ],
      [
        {
          matchExpressions: [
            { key: "a", operator: "Exists" },
            { key: "a", operator: "DoesNotExist" },
          ],
        },
        "!*",
      ],
      [
        {
          matchLabels: { a: "1" },
          matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }],
        },
        "!*",
      ],
    ] as const
  ) {
    await t.step(text, () => assertEquals(parse(raw).text, text));
  }
});

Deno.test("parseSelector() makes nothing of what it cannot read, and says so", async (t) => {
  for (
    const [raw, field] of [
      ["app=web", "selector"],
      [[], "selector"],
      [{ matchLabel: { a: "1" } }, "selector"],
      [{ matchLabels: [] }, "selector.matchLabels"],
      [{ matchLabels: { a: 1 } }, 'selector.matchLabels["a"]'],
      [{ matchLabels: { a: null } }, 'selector.matchLabels["a"]'],
      [{ matchExpressions: {} }, "selector.matchExpressions"],
      [{ matchExpressions: [null] }, "selector.matchExpressions[0]"],
      [
        { matchExpressions: [{ operator: "Exists" }] },
        "selector.matchExpressions[0].key",
      ],
      [
        { matchExpressions: [{ key: "a" }] },
        "selector.matchExpressions[0].operator",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] },
        "selector.matchExpressions[0].operator",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "exists" }] },
        "selector.matchExpressions[0].operator",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "In" }] },
        "selector.matchExpressions[0].values",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "In", values: "1" }] },
        "selector.matchExpressions[0].values",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "In", values: ["1", 2] }] },
        "selector.matchExpressions[0].values[1]",
      ],
      [
        { matchExpressions: [{ key: "a", operator: "NotIn", values: [] }] },
        "selector.matchExpressions[0].values",
      ],
      [
        {
          matchExpressions: [{ key: "a", operator: "Exists", values: ["1"] }],
        },
        "selector.matchExpressions[0].values",
      ],
    ] as const
  ) {
    await t.step(JSON.stringify(raw), () => {
      const parsed = parseSelector(raw, "Test x", "selector");
      assertEquals(parsed.selector, NOTHING);
      assert(parsed.issues.some((issue) => issue.field === field));
      assert(matches(parsed.superset, labelsOf({})));
    });
  }
});

Deno.test("the superset keeps the requirements that can be read", () => {
  const { selector, superset } = parseSelector(
    {
      matchLabels: { app: "web" },
      matchExpressions: [{ key: "version", operator: "Gt", values: ["1"] }],
    },
    "Test x",
    "selector",
  );
  assert(selector.nothing);
  assertEquals(superset.text, "app=web");
});

Deno.test("matches() knows the absent key", () => {
  const notIn = parse({
    matchExpressions: [{ key: "a", operator: "NotIn", values: ["1"] }],
  });
  assert(matches(notIn, labelsOf({})));
  assert(matches(notIn, labelsOf({ a: "2" })));
  assert(!matches(notIn, labelsOf({ a: "1" })));
  const absent = parse({
    matchExpressions: [{ key: "a", operator: "DoesNotExist" }],
  });
  assert(matches(absent, labelsOf({})));
  assert(!matches(absent, labelsOf({ a: "" })));
  assert(matches(EVERYTHING, labelsOf({})));
  assert(!matches(NOTHING, labelsOf({})));
});

/** Selectors speak of "x" and "y" only, so "z" stands for every other value. */
const VALUES = ["x", "y", "z"] as const;
const KEYS = ["a", "b"] as const;
const UNIVERSE = [undefined, ...VALUES].flatMap((a) =>
  [undefined, ...VALUES].map((b) =>
    labelsOf({
      ...(a === undefined ? {} : { a }),
      ...(b === undefined ? {} : { b }),
    })
  )
);

const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom("In", "NotIn"),
    values: fc.array(fc.constantFrom("x", "y"), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom("Exists", "DoesNotExist"),
  }),
);
const requirements = fc.array(requirement, { maxLength: 4 });

/** What a list of requirements admits, read straight from the definition. */
function admits(list: readonly Requirement[]): string {
  return UNIVERSE.map((labels) =>
    list.every((each) => {
        const value = labels.get(each.key);
        if (!("values" in each)) {
          return (each.operator === "Exists") === (value !== undefined);
        }
        const listed = value !== undefined && each.values.includes(value);
        return each.operator === "In" ? listed : !listed;
      })
      ? "1"
      : "0"
  ).join("");
}

Deno.test("selectors have the same text if and only if they match the same labels", () => {
  const texts = new Map<string, string>();
  fc.assert(
    fc.property(requirements, (list) => {
      const selector = selectorOf(list);
      const meaning = admits(list);
      assertEquals(
        UNIVERSE.map((labels) => matches(selector, labels) ? "1" : "0").join(
          "",
        ),
        meaning,
      );
      assertEquals(
        admits(selector.requirements),
        selector.nothing ? admits([]) : meaning,
      );
      assertEquals(texts.get(meaning) ?? selector.text, selector.text);
      texts.set(meaning, selector.text);
    }),
    { numRuns: 5000 },
  );
  assertEquals(new Set(texts.values()).size, texts.size);
});

Deno.test("no two keys or values are written alike", () => {
  const odd = fc.string({
    unit: fc.constantFrom(...'a,=()!* "\\\n'),
    maxLength: 4,
  });
  const one = fc.tuple(odd, fc.array(odd, { minLength: 1, maxLength: 2 }));
  fc.assert(
    fc.property(one, one, ([keyA, valuesA], [keyB, valuesB]) => {
      const a = selectorOf([{ key: keyA, operator: "In", values: valuesA }]);
      const b = selectorOf([{ key: keyB, operator: "In", values: valuesB }]);
      const same = keyA === keyB &&
        new Set([...valuesA, ...valuesB]).size === new Set(valuesA).size &&
        new Set(valuesA).size === new Set(valuesB).size;
      assertEquals(a.text === b.text, same);
      assertNotEquals(
        a.text,
        selectorOf([{ key: keyB, operator: "Exists" }]).text,
      );
      assertNotEquals(
        a.text,
        selectorOf([{ key: keyB, operator: "DoesNotExist" }]).text,
      );
      assertNotEquals(a.text, EVERYTHING.text);
      assertNotEquals(a.text, NOTHING.text);
    }),
    { numRuns: 2000 },
  );
});
