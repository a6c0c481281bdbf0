import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Pod } from "../../lib/cluster/model.ts";
import { projectPod } from "../../lib/cluster/project_pod.ts";
import { labelsOf } from "../../lib/cluster/labels.ts";
import { fieldsOf, type Json, podJson } from "./objects.ts";

/** Projects a pod that must be usable; returns it with the fields of its issues. */
function projected(raw: unknown): [Pod, string[]] {
  const { object, issues } = projectPod(raw);
  assert(object !== undefined);
  return [object, fieldsOf(issues)];
}

Deno.test("projectPod() keeps what is used", () => {
  const { key, object, issues } = projectPod(podJson());
  assertEquals(key, "default/web");
  assertEquals(issues, []);
  assertEquals<unknown>(object, {
    key: "default/web",
    namespace: "default",
    name: "web",
    uid: "u1",
    labels: labelsOf({ app: "web" }),
    ips: ["10.1.0.1"],
    node: "n1",
    hostNetwork: false,
    finished: false,
    terminating: false,
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
  });
  assertStrictEquals(object?.labels, labelsOf({ app: "web" }));
});

Deno.test("projectPod() reads addresses", async (t) => {
  for (
    const [name, status, ips, fields] of [
      [
        "dual stack",
        {
          podIPs: [{ ip: "10.1.0.1" }, { ip: "2001:DB8::1" }],
        },
        ["10.1.0.1", "2001:db8::1"],
        [],
      ],
      ["the single field alone", { podIPs: undefined }, ["10.1.0.1"], []],
      ["none yet", { podIP: "", podIPs: [] }, [], []],
      ["null", { podIP: null, podIPs: null }, [], []],
      [
        "a second of one family",
        {
          podIPs: [{ ip: "10.1.0.1" }, { ip: "10.1.0.2" }],
        },
        ["10.1.0.1"],
        ["status.podIPs[1]"],
      ],
      [
        "one bad of two",
        {
          podIPs: [{ ip: "010.1.0.1" }, { ip: "2001:db8::1" }],
        },
        ["2001:db8::1"],
        ["status.podIPs[0].ip"],
      ],
      [
        "mapped",
        {
          podIPs: [{ ip: "::ffff:10.1.0.1" }],
        },
        [],
        ["status.podIPs[0].ip"],
      ],
      ["no list", { podIPs: "10.1.0.1" }, ["10.1.0.1"], ["status.podIPs"]],
      ["finished", { phase: "Succeeded" }, [], []],
      ["failed", { phase: "Failed" }, [], []],
      ["unknown phase", { phase: "Unknown" }, ["10.1.0.1"], []],
    ] as [string, Json, string[], string[]][]
  ) {
    await t.step(name, () => {
      const [pod, found] = projected(podJson({ status }));
      assertEquals<readonly string[]>(pod.ips, ips);
      assertEquals(found, fields);
      assertEquals(
        pod.finished,
        status["phase"] === "Succeeded" || status["phase"] === "Failed",
      );
    });
  }
});

Deno.test("projectPod() reads named ports of what keeps running", async (t) => {
  const dns = { name: "dns", containerPort: 53 };
  for (
    const [name, spec, ports, fields] of [
      [
        "restartable init containers count, others do not",
        {
          initContainers: [
            { name: "a", restartPolicy: "Always", ports: [dns] },
            { name: "b", ports: [{ name: "old", containerPort: 1 }] },
          ],
          containers: [],
        },
        ["dns/TCP/53"],
        [],
      ],
      [
        "one name with two protocols",
        {
          containers: [{ ports: [dns, { ...dns, protocol: "UDP" }, dns] }],
        },
        ["dns/TCP/53", "dns/UDP/53"],
        [],
      ],
      [
        "unnamed ports do not count",
        {
          containers: [{ ports: [{ containerPort: 80 }] }, {}],
        },
        [],
        [],
      ],
      [
        "a bad port costs itself",
        {
          containers: [{
            ports: [
              { name: "big", containerPort: 65536 },
              { name: "none" },
              { name: "text", containerPort: "80" },
              { name: "odd", containerPort: 80, protocol: "tcp" },
              dns,
            ],
          }],
        },
        ["dns/TCP/53"],
        [
          "spec.containers[0].ports[0].containerPort",
          "spec.containers[0].ports[1].containerPort",
          "spec.containers[0].ports[2].containerPort",
          "spec.containers[0].ports[3].protocol",
        ],
      ],
      [
        "containers that are no list",
        {
          containers: { ports: [dns] },
          initContainers: ["x"],
        },
        [],
        ["spec.containers", "spec.initContainers[0]"],
      ],
    ] as [string, Json, string[], string[]][]
  ) {
    await t.step(name, () => {
      const [pod, found] = projected(podJson({ spec }));
      assertEquals(
        pod.ports.map((each) => `${each.name}/${each.protocol}/${each.port}`),
        ports,
      );
      assertEquals(found, fields);
    });
  }
});

Deno.test("equal port lists of pods are one list", () => {
  const [one] = projected(podJson({ metadata: { name: "a" } }));
  const [other] = projected(podJson({ metadata: { name: "b" } }));
  assertStrictEquals(one.ports, other.ports);
});

Deno.test("projectPod() reads the rest of what decides", () => {
  const [pod, fields] = projected(
    podJson({
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", uid: null },
      spec: { hostNetwork: true, nodeName: undefined },
    }),
  );
  assertEquals(fields, []);
  assert(pod.terminating && pod.hostNetwork);
  assertEquals([pod.node, pod.uid], ["", ""]);
  const [odd, issues] = projected(
    podJson({ spec: { hostNetwork: "true", nodeName: "../n1" } }),
  );
  assertEquals([odd.hostNetwork, odd.node], [false, ""]);
  assertEquals(issues, ["spec.nodeName", "spec.hostNetwork"]);
});

Deno.test("labels that are not text count as their text, and are told", () => {
  const [pod, fields] = projected(
    podJson({
      metadata: { labels: { a: 1, b: true, c: null, d: {}, e: "x" } },
    }),
  );
  assertEquals([...pod.labels.entries()], [
    ["a", "1"],
    ["b", "true"],
    ["e", "x"],
  ]);
  assertEquals(
    fields,
    ["a", "b", "c", "d"].map((key) => `metadata.labels["${key}"]`),
  );
});

Deno.test("an object without a usable name is unusable", async (t) => {
  for (
    const [metadata, field] of [
      [{ name: undefined }, "metadata.name"],
      [{ name: "" }, "metadata.name"],
      [{ name: "a/b" }, "metadata.name"],
      [{ name: "Web" }, "metadata.name"],
      [{ name: "a\nb" }, "metadata.name"],
      [{ name: "a".repeat(254) }, "metadata.name"],
      [{ name: 7 }, "metadata.name"],
      [{ namespace: "a.b" }, "metadata.namespace"],
      [{ namespace: "" }, "metadata.namespace"],
      [{ namespace: 7 }, "metadata.namespace"],
    ] as [Json, string][]
  ) {
    await t.step(JSON.stringify(metadata).slice(0, 40), () => {
      const { key, object, issues } = projectPod(podJson({ metadata }));
      assertEquals([key, object], ["", undefined]);
      assertEquals(fieldsOf(issues), [field]);
    });
  }
  for (const raw of [undefined, null, 7, "pod", [], {}, { metadata: 1 }]) {
    assertEquals(projectPod(raw).issues.length, 1);
  }
});

Deno.test("a namespaced object without namespace is in default", () => {
  const { key } = projectPod(podJson({ metadata: { namespace: undefined } }));
  assertEquals(key, "default/web");
});
