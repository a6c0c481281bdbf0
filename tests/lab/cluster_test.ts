/**
 * The lab's control plane: what it makes of Deployments and Services.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ApiServer } from "../apiserver/server.ts";
import { Cluster } from "./cluster/cluster.ts";
import {
  type EndpointSliceManifest,
  type Manifest,
  nameOf,
  type PodManifest,
} from "./cluster/objects.ts";
import { ApiOutput, type Output } from "./cluster/output.ts";
import type { PodRequest, PodRuntime } from "./cluster/templates.ts";

const SHOP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ name: main, port: 80, targetPort: http }, { name: raw, port: 9 }]
---
apiVersion: v1
kind: Service
metadata: { name: all, namespace: other }
spec: { clusterIP: None, selector: { app: web }, ports: [{ port: 80 }] }
`;

class RecordingOutput implements Output {
  readonly objects = new Map<string, Manifest>();
  writes = 0;

  put(object: Manifest): Promise<void> {
    this.objects.set(nameOf(object), object);
    this.writes++;
    return Promise.resolve();
  }

  remove(object: Manifest): Promise<void> {
    assert(this.objects.delete(nameOf(object)));
    return Promise.resolve();
  }

  slice(name: string): EndpointSliceManifest {
    const object = this.objects.get(`EndpointSlice default/${name}`);
    assert(object, `no slice ${name}`);
    return object as EndpointSliceManifest;
  }
}

class CountingRuntime implements PodRuntime {
  readonly running = new Set<string>();
  #count = 0;

  start(pod: PodRequest): Promise<readonly string[]> {
    this.running.add(`${pod.name}@${pod.node}`);
    const number = ++this.#count;
    return Promise.resolve([`10.42.0.${number}`, `fd42::${number}`]);
  }

  stop(pod: PodRequest): Promise<void> {
    assert(this.running.delete(`${pod.name}@${pod.node}`));
    return Promise.resolve();
  }
}

async function shop(): Promise<
  { cluster: Cluster; output: RecordingOutput; runtime: CountingRuntime }
> {
  const output = new RecordingOutput();
  const runtime = new CountingRuntime();
  const cluster = new Cluster({
    nodes: ["a", "b"].map((name) => ({ name, addresses: [], podCidrs: [] })),
    ranges: ["10.43.0.0/16", "fd43::/112"],
    ipFamilyPolicy: "PreferDualStack",
    output,
    runtime,
  });
  await cluster.start();
  await cluster.apply(SHOP);
  return { cluster, output, runtime };
}

function addresses(slice: EndpointSliceManifest): string[] {
  return slice.endpoints.flatMap((endpoint) => endpoint.addresses).sort();
}

Deno.test("a Deployment becomes pods on every node, with slices in both families", async () => {
  const { cluster, output, runtime } = await shop();
  assertEquals([...runtime.running].sort(), ["web-1@a", "web-2@b", "web-3@a"]);
  assertEquals(
    cluster.service("web").spec.clusterIPs,
    ["10.43.0.10", "fd43::a"],
  );
  assertEquals(
    cluster.service("web").spec.ports?.map(({ nodePort }) => nodePort),
    [30000, 30001],
  );
  const slice = output.slice("web-ipv4-1");
  assertEquals(slice.ports, [
    { name: "main", protocol: "TCP", port: 8080 },
    { name: "raw", protocol: "TCP", port: 9 },
  ]);
  assertEquals(addresses(slice), ["10.42.0.1", "10.42.0.2", "10.42.0.3"]);
  assertEquals(addresses(output.slice("web-ipv6-1")).length, 3);
  assertEquals(cluster.service("other/all").spec.clusterIPs, ["None"]);
  assertEquals(
    output.objects.has("EndpointSlice other/all-ipv4-1"),
    false,
    "a selector crosses no namespace",
  );
});

Deno.test("readiness, termination, labels and deletion reach the slices", async () => {
  const { cluster, output, runtime } = await shop();
  await cluster.setReady("web-1", false);
  await cluster.terminatePod("web-2");
  const conditions = output.slice("web-ipv4-1").endpoints.map((endpoint) =>
    [endpoint.targetRef.name, endpoint.conditions] as const
  );
  assertEquals(Object.fromEntries(conditions), {
    "web-1": { ready: false, serving: false, terminating: false },
    "web-2": { ready: false, serving: true, terminating: true },
    "web-3": { ready: true, serving: true, terminating: false },
  });
  await cluster.labelPod("web-3", { app: "canary" });
  assertEquals(output.slice("web-ipv4-1").endpoints.length, 2);
  const uid = output.objects.get("Pod default/web-1")?.metadata.uid;
  await cluster.deletePod("web-1");
  assert(runtime.running.has("web-4@b"), "its Deployment starts another");
  assertNotEquals(output.objects.get("Pod default/web-4")?.metadata.uid, uid);
});

Deno.test("scaling to none removes the slices, and a Service goes with its own", async () => {
  const { cluster, output, runtime } = await shop();
  await cluster.scale("web", 0);
  assertEquals(runtime.running.size, 0);
  assertEquals(output.objects.has("EndpointSlice default/web-ipv4-1"), false);
  await cluster.scale("web", 1);
  assertEquals(output.slice("web-ipv4-1").endpoints.length, 1);
  await cluster.remove("Service", "web");
  assertEquals(output.objects.has("EndpointSlice default/web-ipv4-1"), false);
  assertEquals(output.objects.has("Service default/web"), false);
});

Deno.test("applying the same again writes nothing and keeps addresses", async () => {
  const { cluster, output } = await shop();
  const { writes } = output;
  await cluster.apply(SHOP);
  assertEquals(output.writes, writes);
});

Deno.test("an API server gets the same objects, with their status", async () => {
  await using server = await ApiServer.start();
  const cluster = new Cluster({
    nodes: [{
      name: "a",
      addresses: ["172.30.0.11"],
      podCidrs: ["10.42.1.0/24"],
    }],
    ranges: ["10.43.0.0/16"],
    ipFamilyPolicy: "SingleStack",
    output: new ApiOutput(server.url),
    runtime: new CountingRuntime(),
  });
  await cluster.start();
  await cluster.apply(SHOP);
  await cluster.setReady("web-2", false);
  await cluster.deletePod("web-1");
  const get = async (path: string): Promise<{ items: Manifest[] }> => {
    const response = await fetch(`${server.url}${path}`);
    return await response.json();
  };
  const pods = await get("/api/v1/namespaces/default/pods");
  assertEquals(pods.items.map((pod) => pod.metadata.name).sort(), [
    "web-2",
    "web-3",
    "web-4",
  ]);
  const ready = (pod: Manifest): unknown =>
    (pod as PodManifest).status?.conditions?.map(({ status }) => status);
  assertEquals(pods.items.map(ready), [["False"], ["True"], ["True"]]);
  const { items: [slice] } = await get(
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
  );
  assertEquals(
    addresses(slice as EndpointSliceManifest),
    ["10.42.0.2", "10.42.0.3", "10.42.0.4"],
  );
  const { items: nodes } = await get("/api/v1/nodes");
  assertEquals(nodes.map((node) => node.metadata.name), ["a"]);
});
