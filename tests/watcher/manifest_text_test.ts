import { assertEquals } from "@std/assert";
import {
  fieldPath,
  Locator,
  parseChunk,
  splitDocuments,
} from "../../lib/watcher/manifest_text.ts";

Deno.test("a file is cut at its markers, and blank documents are left out", () => {
  const text = "\uFEFF# head\n---\n# only a comment\n---\na: 1\n--- {b: 2}\n" +
    "...\n%YAML 1.2\n---\nc: |\n  ---\n  text\n---not-a-marker: 1\n";
  assertEquals(
    splitDocuments(text).map(({ text, line }) => [line, text]),
    [
      [4, "---\na: 1\n"],
      [6, "--- {b: 2}\n"],
      [9, "---\nc: |\n  ---\n  text\n---not-a-marker: 1\n"],
    ],
  );
  assertEquals(splitDocuments(""), []);
  assertEquals(splitDocuments("\r\n---\r\n"), []);
});

Deno.test("a list gives its items; items of a typed list take its kind", () => {
  const kinds = (text: string): string[] =>
    parseChunk(text).objects.map(({ apiVersion, kind, namespace, name }) =>
      `${apiVersion} ${kind} ${namespace}/${name}`
    );
  assertEquals(
    kinds(`apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: a, namespace: x}}
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Pod, metadata: {name: b}}
`),
    ["v1 Service x/a", "v1 Pod undefined/b"],
  );
  assertEquals(
    kinds(
      '{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"p"}}]}',
    ),
    ["v1 Pod undefined/p"],
  );
});

Deno.test("merge keys, anchors and flow style are read", () => {
  const { objects } = parseChunk(`apiVersion: v1
kind: Service
metadata: {name: a, labels: &l {app: web}}
spec:
  selector:
    <<: *l
    tier: front
`);
  assertEquals(objects[0]?.raw["spec"], {
    selector: { app: "web", tier: "front" },
  });
});

Deno.test("what is no object is a fault with its line", () => {
  assertEquals(parseChunk("---\n- 1\n").faults, [
    { line: 2, problem: "is not a Kubernetes object" },
  ]);
  assertEquals(parseChunk("apiVersion: v1\nmetadata: {}\n").faults, [
    { line: 1, problem: "has no kind" },
  ]);
  assertEquals(
    parseChunk("apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- 5\n").faults,
    [
      { line: 4, problem: "has no apiVersion" },
      { line: 5, problem: "is not a Kubernetes object" },
    ],
  );
  const [fault] = parseChunk("kind: Pod\nmetadata:\n  name: [a\n").faults;
  assertEquals(fault?.line, 4);
  assertEquals(fault?.problem.startsWith("is not YAML: "), true);
  assertEquals(fault?.problem.includes("\n"), false);
});

Deno.test("a field is found by line, or its nearest parent", () => {
  const locator = new Locator(`---
# comment
apiVersion: v1
spec:
  ports:
  - port: 80
  - name: b
    port: 99999
`);
  assertEquals(locator.lineOf([]), 3);
  assertEquals(locator.lineOf(fieldPath("spec.ports[1].port")), 8);
  assertEquals(locator.lineOf(fieldPath("spec.ports[1].protocol")), 7);
  assertEquals(locator.lineOf(fieldPath("metadata.name")), 3);
  assertEquals(fieldPath('metadata.annotations["a.b/c"].x[2]'), [
    "metadata",
    "annotations",
    "a.b/c",
    "x",
    2,
  ]);
});
