import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  apiVersionOf,
  decodeAs,
  decodeObject,
  listItems,
  RESOURCES,
} from "../../lib/cluster/decode_object.ts";
import { KINDS } from "../../lib/cluster/feed.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { Kind } from "../../lib/cluster/model.ts";
import {
  fieldsOf,
  type Json,
  podJson,
  policyJson,
  serviceJson,
  sliceJson,
} from "./objects.ts";

const OBJECTS: readonly Json[] = [
  podJson(),
  serviceJson(),
  sliceJson(),
  policyJson(),
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } },
  {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", annotations: { "kube-router.io/node.asn": "1" } },
    spec: { podCIDRs: ["10.1.0.0/24"] },
    status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
  },
];

Deno.test("RESOURCES names every kind once", () => {
  assertEquals(RESOURCES.map(({ kind }) => kind).sort(), [...KINDS].sort());
  assertEquals(RESOURCES.map(apiVersionOf), [
    "v1",
    "v1",
    "v1",
    "v1",
    "discovery.k8s.io/v1",
    "networking.k8s.io/v1",
  ]);
});

Deno.test("decodeObject() routes every kind of the model", () => {
  for (const raw of OBJECTS) {
    const decoded = decodeObject(raw);
    assert(decoded.status === "object");
    assertEquals(decoded.kind, raw["kind"]);
    const { key, object, issues } = decoded.project();
    assertEquals([key, object?.key, issues.length], [
      decoded.key,
      decoded.key,
      0,
    ]);
  }
});

Deno.test("decodeObject() reads who the object is", () => {
  const decoded = decodeObject(
    podJson({ metadata: { resourceVersion: "42" } }),
  );
  assert(decoded.status === "object");
  assertEquals(
    [decoded.kind, decoded.key, decoded.uid, decoded.resourceVersion],
    ["Pod", "default/web", "u1", "42"],
  );
});

Deno.test("decodeObject() tells foreign objects from wrong ones", async (t) => {
  for (
    const [name, raw, status, field] of [
      [
        "a Deployment",
        { apiVersion: "apps/v1", kind: "Deployment" },
        "foreign",
        undefined,
      ],
      [
        "a Service of another group",
        {
          apiVersion: "serving.knative.dev/v1",
          kind: "Service",
        },
        "foreign",
        undefined,
      ],
      [
        "an old slice",
        {
          apiVersion: "discovery.k8s.io/v1beta1",
          kind: "EndpointSlice",
        },
        "invalid",
        "apiVersion",
      ],
      [
        "a slice without group",
        { apiVersion: "v1", kind: "EndpointSlice" },
        "invalid",
        "apiVersion",
      ],
      [
        "a pod of a future version",
        { apiVersion: "v2", kind: "Pod" },
        "invalid",
        "apiVersion",
      ],
      ["no kind", { apiVersion: "v1" }, "invalid", "kind"],
      ["no version", { kind: "Pod" }, "invalid", "apiVersion"],
      ["no name", { apiVersion: "v1", kind: "Pod" }, "invalid", "metadata"],
      ["text", "Pod", "invalid", ""],
      ["nothing", null, "invalid", ""],
      ["a list", [], "invalid", ""],
    ] as [string, unknown, string, string | undefined][]
  ) {
    await t.step(name, () => {
      const decoded = decodeObject(raw);
      assertEquals(decoded.status, status);
      if (decoded.status === "invalid") {
        assertEquals(decoded.issue.field, field);
      }
    });
  }
});

Deno.test("decodeAs() takes items of typed lists, which say no kind", () => {
  const decoded = decodeAs("Node", { metadata: { name: "n1" } });
  assert(decoded.status === "object");
  assertEquals(decoded.project().object?.key, "n1");
  const bad = decodeAs("Node", { metadata: { name: "N1" } });
  assertEquals(bad.status, "invalid");
});

Deno.test("listItems() takes lists apart", () => {
  const pod = podJson();
  assertEquals(listItems(null), []);
  assertEquals(listItems(pod), [pod]);
  assertEquals(listItems(7), [7]);
  assertEquals(
    listItems({ apiVersion: "v1", kind: "List", items: [pod, null] }),
    [pod, null],
  );
  const { apiVersion: _, kind: __, ...bare } = pod;
  assertEquals(
    listItems({ apiVersion: "v1", kind: "PodList", items: [bare] }),
    [pod],
  );
});

Deno.test("storeOf() loads what it can, and says what it could not", () => {
  const { store, issues } = storeOf([
    { apiVersion: "v1", kind: "List", items: OBJECTS },
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "x" } },
    null,
    { apiVersion: "v1", kind: "Pod", metadata: {} },
    podJson({ metadata: { name: "odd" }, status: { podIPs: [{ ip: "x" }] } }),
  ]);
  assert(store.isSynced());
  assertEquals(store.table("Pod").size, 2);
  assertEquals(KINDS.filter((kind) => store.table(kind).size === 0), []);
  assertEquals(fieldsOf(issues), ["metadata.name"]);
  assertEquals(
    fieldsOf(store.issuesOf("Pod", "default/odd")),
    ["status.podIPs[0].ip"],
  );
});

/** Replaces one randomly chosen part of a JSON value. */
function spoil(
  value: unknown,
  choices: readonly number[],
  junk: unknown,
): unknown {
  const [choice = 0, ...rest] = choices;
  if (typeof value !== "object" || value === null || choices.length === 0) {
    return junk;
  }
  const keys = Object.keys(value);
  const key = keys[choice % (keys.length + 1)];
  if (key === undefined) return junk;
  if (Array.isArray(value)) {
    return value.map((each, i) =>
      String(i) === key ? spoil(each, rest, junk) : each
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      name === key ? spoil(each, rest, junk) : each,
    ]),
  );
}

Deno.test("no spoilt object makes a projection throw, or keeps its issue to itself", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...OBJECTS),
      fc.array(fc.nat(20), { maxLength: 7 }),
      fc.oneof(fc.jsonValue(), fc.constantFrom("x".repeat(500), "a\nb", 1e400)),
      (object, choices, junk) => {
        const kind = object["kind"] as Kind;
        const raw = spoil(object, choices, junk);
        const decoded = decodeAs(kind, raw);
        if (decoded.status === "invalid") {
          assert(!decoded.issue.problem.includes("\n"));
          return;
        }
        const projected = decoded.project();
        assertEquals(projected.key, decoded.key);
        for (const issue of projected.issues) {
          assertEquals(issue.object, `${kind} ${decoded.key}`);
          const line = `${issue.field} ${issue.problem} ${issue.mend}`;
          assert(!line.includes("\n") && line.length < 700, line);
        }
        // The same JSON gives the same object, whoever reads it.
        assertEquals(decoded.project(), projected);
      },
    ),
    { numRuns: 5000 },
  );
});
