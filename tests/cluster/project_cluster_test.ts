import { assert, assertEquals } from "@std/assert";
import type { Node } from "../../lib/cluster/model.ts";
import { labelsOf } from "../../lib/cluster/labels.ts";
import { projectNamespace } from "../../lib/cluster/project_namespace.ts";
import { projectNode } from "../../lib/cluster/project_node.ts";
import { fieldsOf, type Json } from "./objects.ts";

function nodeJson(spec: Json, addresses: unknown, annotations?: Json): Json {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", annotations },
    spec,
    status: { addresses },
  };
}

function projected(raw: Json): [Node, string[]] {
  const { object, issues } = projectNode(raw);
  assert(object !== undefined);
  return [object, fieldsOf(issues)];
}

Deno.test("projectNamespace() sets the label that every namespace has", () => {
  const { key, object, issues } = projectNamespace({
    metadata: {
      name: "shop",
      labels: { team: "a", "kubernetes.io/metadata.name": "forged" },
    },
  });
  assertEquals(issues, []);
  assertEquals<unknown>({ key, ...object }, {
    key: "shop",
    name: "shop",
    labels: labelsOf({ team: "a", "kubernetes.io/metadata.name": "shop" }),
  });
});

Deno.test("projectNode() keeps addresses by type and in order", () => {
  const [node, fields] = projected(nodeJson({}, [
    { type: "Hostname", address: "n1" },
    { type: "ExternalIP", address: "203.0.113.1" },
    { type: "InternalIP", address: "2001:db8::1" },
    { type: "InternalIP", address: "10.0.0.1" },
    { type: "InternalIP", address: "10.0.0.1" },
    { type: "InternalIP", address: "10.0.0.256" },
    { type: "InternalDNS", address: "n1.example" },
    "10.0.0.9",
  ]));
  assertEquals<readonly string[]>(node.internalIps, [
    "2001:db8::1",
    "10.0.0.1",
  ]);
  assertEquals<readonly string[]>(node.externalIps, ["203.0.113.1"]);
  assertEquals(fields, ["status.addresses[5].address", "status.addresses[7]"]);
});

Deno.test("projectNode() takes pod CIDRs from the first source that names any", async (t) => {
  const spec = {
    podCIDR: "10.1.0.0/24",
    podCIDRs: ["10.1.0.0/24", "2001:db8::/64"],
  };
  const both = "kube-router.io/pod-cidrs";
  const one = "kube-router.io/pod-cidr";
  for (
    const [name, from, annotations, cidrs, fields] of [
      ["the list", spec, {}, ["10.1.0.0/24", "2001:db8::/64"], []],
      ["the single field", { podCIDR: "10.1.0.0/24" }, {}, ["10.1.0.0/24"], []],
      ["none yet", { podCIDR: "" }, {}, [], []],
      ["host bits", { podCIDR: "10.1.0.7/24" }, {}, ["10.1.0.0/24"], []],
      ["the annotation", spec, { [both]: "10.9.0.0/24, 2001:db8:9::/64" }, [
        "10.9.0.0/24",
        "2001:db8:9::/64",
      ], []],
      [
        "the old annotation",
        spec,
        { [one]: "10.8.0.0/24" },
        ["10.8.0.0/24"],
        [],
      ],
      [
        "the new before the old",
        spec,
        {
          [one]: "10.8.0.0/24",
          [both]: "10.9.0.0/24",
        },
        ["10.9.0.0/24"],
        [],
      ],
      ["an empty annotation", spec, { [both]: " " }, [
        "10.1.0.0/24",
        "2001:db8::/64",
      ], []],
      ["a bad entry", spec, { [both]: "10.9.0.0/24,x" }, ["10.9.0.0/24"], [
        `metadata.annotations["${both}"]`,
      ]],
      ["nothing but bad entries", spec, { [both]: "10.9.0.0/33" }, [], [
        `metadata.annotations["${both}"]`,
      ]],
    ] as [string, Json, Json, string[], string[]][]
  ) {
    await t.step(name, () => {
      const [node, found] = projected(nodeJson(from, [], annotations));
      assertEquals<readonly string[]>(node.podCidrs, cidrs);
      assertEquals(found, fields);
    });
  }
});

Deno.test("projectNode() keeps the annotations that are meant for us", () => {
  const [node, fields] = projected(nodeJson({}, [], {
    "kube-router.io/node.asn": "64512",
    "fairway.example/x": "y",
    "fairway.example/bad": 7,
    "other.example/z": "1",
  }));
  assertEquals([...node.annotations], [
    ["kube-router.io/node.asn", "64512"],
    ["fairway.example/x", "y"],
  ]);
  assertEquals(fields, ['metadata.annotations["fairway.example/bad"]']);
});
