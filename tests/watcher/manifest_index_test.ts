import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatIssue } from "../../lib/base/issue.ts";
import { ManifestIndex } from "../../lib/watcher/manifest_index.ts";
import { RecordingSink } from "./recording_sink.ts";

function service(name: string, spec = "{}"): string {
  return `---
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: shop
spec: ${spec}
`;
}

/** An index with a store behind it. */
class Bench {
  readonly sink = new RecordingSink();
  readonly index = new ManifestIndex((kind, raw) =>
    this.sink.decode(kind, raw)
  );

  /** Gives a file and answers with what it changed. */
  put(file: string, text: string | undefined, allowRemovals = true): string[] {
    const start = this.sink.calls.length;
    const change = this.index.update(file, text, allowRemovals);
    for (const decoded of change.upserts) this.sink.upsert(decoded);
    for (const { kind, key } of change.removals) this.sink.remove(kind, key);
    return this.sink.calls.slice(start);
  }

  get issues(): string[] {
    return this.index.issues().map(formatIssue);
  }
}

Deno.test("an edit parses and hands over the edited document only", () => {
  const bench = new Bench();
  bench.put("a.yaml", service("one") + service("two") + service("three"));
  assertEquals(bench.sink.decodes, 3);
  const edited = service("one") + service("two", "{value: 2}") +
    service("three");
  assertEquals(bench.put("a.yaml", edited), ["upsert Service shop/two"]);
  assertEquals(bench.sink.decodes, 4);
  assertEquals(bench.put("a.yaml", "# moved down\n" + edited), []);
  assertEquals(bench.put("a.yaml", service("three") + service("one")), [
    "remove Service shop/two",
  ]);
  assertEquals(bench.put("a.yaml", undefined), [
    "remove Service shop/three",
    "remove Service shop/one",
  ]);
  assertEquals(bench.index.size, 0);
});

Deno.test("a broken document is reported by place, and its last good version stays", () => {
  const bench = new Bench();
  bench.put("shop.yaml", service("one") + service("two", "{value: 1}"));
  const broken = service("one") + service("two", "\n  value: 2\n  bad: 7");
  assertEquals(bench.put("shop.yaml", broken), []);
  assertEquals(bench.issues, [
    "shop.yaml:16 Service shop/two spec.bad: 7 is bad; make it good",
  ]);
  assertEquals(bench.sink.objects.get("Service shop/two"), 1);
  // Lines above move the place, though the document itself is not parsed again.
  bench.put("shop.yaml", "# new\n# lines\n" + broken);
  assertEquals(bench.issues, [
    "shop.yaml:18 Service shop/two spec.bad: 7 is bad; make it good",
  ]);
  assertEquals(
    bench.put("shop.yaml", service("one") + service("two", "{value: 3}")),
    ["upsert Service shop/two"],
  );
  assertEquals(bench.issues, []);
});

Deno.test("a broken document that never was good counts as far as it is usable", () => {
  const bench = new Bench();
  assertEquals(bench.put("a.yaml", service("one", "{value: 1, bad: 1}")), [
    "upsert Service shop/one",
  ]);
  assertEquals(bench.put("a.yaml", service("one", "{value: 2, bad: 1}")), [
    "upsert Service shop/one",
  ]);
  assertEquals(bench.put("b.yaml", service("two", "{useless: 1, bad: 1}")), []);
  assertEquals(bench.issues.length, 2);
});

Deno.test("a file with a document that cannot be read keeps its objects and takes the others", () => {
  const bench = new Bench();
  bench.put("a.yaml", service("one") + service("two"));
  assertEquals(
    bench.put("a.yaml", service("one", "{value: 9}") + "---\nkind: [Service\n"),
    ["upsert Service shop/one"],
  );
  assertEquals([...bench.sink.objects.keys()].length, 2);
  assertEquals(bench.issues.length, 1);
  assertEquals(bench.put("a.yaml", service("one", "{value: 9}")), [
    "remove Service shop/two",
  ]);
  const nameless = service("one", "{value: 9}").replace("  name: one\n", "");
  assertEquals(bench.put("a.yaml", nameless), []);
  assertEquals(bench.issues, [
    "a.yaml:4 Service metadata.name: undefined is not a name; use lower-case letters, digits, - and .",
  ]);
});

Deno.test("of two places the first in order is used, and the other reported", () => {
  const bench = new Bench();
  bench.put("b.yaml", service("one", "{value: b}"));
  assertEquals(bench.put("a.yaml", service("one", "{value: a}")), [
    "upsert Service shop/one",
  ]);
  assertEquals(bench.issues, [
    "b.yaml:2 Service shop/one: is also described in a.yaml:2, which is used; remove one of the two",
  ]);
  assertEquals(bench.put("b.yaml", service("one", "{value: c}")), []);
  assertEquals(bench.put("a.yaml", undefined), ["upsert Service shop/one"]);
  assertEquals(bench.sink.objects.get("Service shop/one"), "c");
  bench.put("b.yaml", service("one", "{value: 1}") + service("one"));
  assertEquals(bench.sink.objects.get("Service shop/one"), 1);
  assertEquals(bench.issues, [
    "b.yaml:9 Service shop/one: is also described in b.yaml:2, which is used; remove one of the two",
  ]);
});

Deno.test("removals wait until they are allowed", () => {
  const bench = new Bench();
  bench.put("a.yaml", service("one") + service("two"));
  assertEquals(bench.index.update("a.yaml", "", false).heldBack, 2);
  assertEquals(bench.put("a.yaml", service("two") + service("one"), false), []);
  assertEquals(bench.put("a.yaml", service("two")), [
    "remove Service shop/one",
  ]);
});

Deno.test("kinds and versions that are not read: the first quietly, the second not", () => {
  const bench = new Bench();
  bench.put(
    "a.yaml",
    `apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
---
apiVersion: serving.example.com/v1
kind: Service
metadata: {name: s}
---
apiVersion: networking.k8s.io/v1beta1
kind: NetworkPolicy
metadata: {name: p}
---
apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: v1
kind: Service
metadata: {name: defaulted}
`,
  );
  assertEquals(Object.fromEntries(bench.index.ignored()), {
    Deployment: 1,
    Service: 1,
  });
  assertEquals([...bench.sink.objects.keys()], [
    "Namespace n",
    "Service default/defaulted",
  ]);
  assertEquals(bench.issues, [
    'a.yaml:9 NetworkPolicy p apiVersion: "networking.k8s.io/v1beta1" is not served; use networking.k8s.io/v1',
  ]);
});

Deno.test("whatever the order of edits, the store ends as the files say", () => {
  const content = fc.array(
    fc.tuple(
      fc.constantFrom("a", "b", "c", "d"),
      fc.integer({ min: 0, max: 9 }),
    ),
    { maxLength: 4 },
  );
  const edit = fc.record({
    file: fc.constantFrom("1.yaml", "2.yaml", "3.yaml"),
    content: fc.option(content, { nil: undefined }),
    allow: fc.boolean(),
  });
  const render = (
    entries: [string, number][] | undefined,
  ): string | undefined =>
    entries?.map(([name, value]) => service(name, `{value: ${value}}`)).join(
      "",
    );
  fc.assert(fc.property(fc.array(edit, { maxLength: 20 }), (edits) => {
    const bench = new Bench();
    const files = new Map<string, [string, number][]>();
    for (const { file, content, allow } of edits) {
      if (content === undefined) files.delete(file);
      else files.set(file, content);
      bench.put(file, render(content), allow);
    }
    for (const file of ["1.yaml", "2.yaml", "3.yaml"]) {
      bench.put(file, render(files.get(file)));
    }
    const expected = new Map<string, number>();
    for (const file of [...files.keys()].sort()) {
      for (const [name, value] of files.get(file) ?? []) {
        const id = `Service shop/${name}`;
        if (!expected.has(id)) expected.set(id, value);
      }
    }
    assertEquals(
      [...bench.sink.objects].sort(),
      [...expected].sort(),
    );
  }));
});
