/**
 * What the store costs: heap for a large cluster, and time for one change.
 *
 *     deno run -A --v8-flags=--expose-gc tests/bench/store.ts
 */

import { decodeAs } from "../../lib/cluster/decode_object.ts";
import { internedLabelSets } from "../../lib/cluster/labels.ts";
import type { Kind } from "../../lib/cluster/model.ts";
import { ClusterStore } from "../../lib/cluster/store.ts";

const PODS = 100_000;
const SERVICES = 10_000;
const ENDPOINTS = 5;
const PODS_PER_NODE = 100;
const PODS_PER_NAMESPACE = 500;

/** The JSON text of an object, as the API server would send it, parsed anew: no text is shared by accident. */
function received(object: unknown): unknown {
  return JSON.parse(JSON.stringify(object));
}

function uid(i: number): string {
  return `7d0c0c3e-95b1-4f6a-9c0e-${String(i).padStart(12, "0")}`;
}

function podIp(i: number): string {
  return `10.${128 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}

/** Three of four pods share labels with their deployment; every fourth has its own, as in a StatefulSet. */
function podJson(i: number, extra: Record<string, string> = {}): unknown {
  const deployment = i % 2000;
  return received({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `deployment-${deployment}-6d4cf56db6-${i}`,
      namespace: `team-${Math.floor(i / PODS_PER_NAMESPACE)}`,
      uid: uid(i),
      resourceVersion: String(1_000_000 + i),
      labels: {
        "app.kubernetes.io/name": `deployment-${deployment}`,
        "app.kubernetes.io/part-of": "shop",
        "pod-template-hash": "6d4cf56db6",
        ...(i % 4 === 0
          ? { "statefulset.kubernetes.io/pod-name": `p-${i}` }
          : {}),
        ...extra,
      },
      annotations: { "prometheus.io/scrape": "true" },
    },
    spec: {
      nodeName: `node-${Math.floor(i / PODS_PER_NODE)}.cluster.example`,
      containers: [{
        name: "main",
        image: "registry.example/shop:1.2.3",
        ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
      }],
    },
    status: {
      phase: "Running",
      podIP: podIp(i),
      podIPs: [{ ip: podIp(i) }],
    },
  });
}

function serviceJson(i: number): unknown {
  return received({
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: `service-${i}`,
      namespace: `team-${i % 200}`,
      uid: uid(i),
      labels: { app: `service-${i}` },
    },
    spec: {
      type: "ClusterIP",
      clusterIP: `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
      clusterIPs: [`10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`],
      ports: [{ name: "http", protocol: "TCP", port: 80, targetPort: 8080 }],
      selector: { app: `service-${i}` },
    },
  });
}

function sliceJson(i: number): unknown {
  return received({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `service-${i}-x7k2p`,
      namespace: `team-${i % 200}`,
      labels: { "kubernetes.io/service-name": `service-${i}` },
    },
    addressType: "IPv4",
    ports: [{ name: "http", protocol: "TCP", port: 8080 }],
    endpoints: Array.from({ length: ENDPOINTS }, (_, j) => ({
      addresses: [podIp((i * ENDPOINTS + j) % PODS)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${
        Math.floor(((i * ENDPOINTS + j) % PODS) / PODS_PER_NODE)
      }.cluster.example`,
      zone: "zone-a",
    })),
  });
}

function put(store: ClusterStore, kind: Kind, raw: unknown): void {
  const decoded = decodeAs(kind, raw);
  if (decoded.status === "invalid") throw new Error(decoded.issue.problem);
  const projected = decoded.project();
  if (projected.issues.length > 0) {
    throw new Error(projected.issues[0]?.problem);
  }
  store.upsert(kind, projected);
}

/** Heap in use after a collection, MB (10⁶ bytes). */
async function heapMb(): Promise<number> {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect !== undefined) {
    for (let i = 0; i < 4; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  return Deno.memoryUsage().heapUsed / 1e6;
}

/** Median time of one change of a pod that is there, from its JSON value to the feed, µs. */
function changeMicroseconds(store: ClusterStore, pods: number): number {
  const feed = store.feed();
  feed.take();
  const samples: number[] = [];
  for (let i = 0; i < 4000; i++) {
    const raw = podJson((i * 7919) % pods, { revision: String(i) });
    const started = performance.now();
    put(store, "Pod", raw);
    samples.push((performance.now() - started) * 1000);
    feed.take();
  }
  feed.close();
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1] ?? Number.NaN;
}

/** Prints heap and times; the promise is under 150 MB, and a flat time. */
export async function benchStore(): Promise<void> {
  const before = await heapMb();
  const store = new ClusterStore();
  const started = performance.now();
  const times: string[] = [];
  for (let i = 0; i < PODS; i++) {
    put(store, "Pod", podJson(i));
    if ([999, 9_999, PODS - 1].includes(i)) {
      times.push(
        `${changeMicroseconds(store, i + 1).toFixed(1)} µs at ${i + 1}`,
      );
    }
  }
  for (let i = 0; i < SERVICES; i++) {
    put(store, "Service", serviceJson(i));
    put(store, "EndpointSlice", sliceJson(i));
  }
  const seconds = (performance.now() - started) / 1000;
  const heap = await heapMb() - before;
  const note = "gc" in globalThis
    ? ""
    : " (garbage included: run with --expose-gc)";
  console.log(
    `store: ${store.table("Pod").size} pods, ${
      store.table("Service").size
    } services with ${ENDPOINTS} endpoints each: ${
      heap.toFixed(1)
    } MB of heap${note}; promised: under 150`,
  );
  console.log(
    `store: ${internedLabelSets()} label sets; filled in ${
      seconds.toFixed(1)
    } s, JSON included`,
  );
  console.log(`store: one pod changed: ${times.join(", ")} pods (median)`);
}

if (import.meta.main) await benchStore();
