/**
 * Kubernetes objects as the API server sends them, for the tests of this room.
 */

import type { Issue } from "../../lib/base/issue.ts";

/** A JSON object that a test builds. */
export type Json = Record<string, unknown>;

/** A running pod `default/web` with one address; `spec` and `status` add to it or replace. */
export function podJson(
  { metadata = {}, spec = {}, status = {} }: {
    metadata?: Json;
    spec?: Json;
    status?: Json;
  } = {},
): Json {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web",
      namespace: "default",
      uid: "u1",
      labels: { app: "web" },
      ...metadata,
    },
    spec: {
      nodeName: "n1",
      containers: [{
        name: "main",
        ports: [{ name: "http", containerPort: 8080 }],
      }],
      ...spec,
    },
    status: {
      phase: "Running",
      podIP: "10.1.0.1",
      podIPs: [{ ip: "10.1.0.1" }],
      ...status,
    },
  };
}

/** A service `default/web` of type ClusterIP. */
export function serviceJson(spec: Json = {}, others: Json = {}): Json {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "u1" },
    spec: {
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10"],
      selector: { app: "web" },
      ports: [{ port: 80 }],
      ...spec,
    },
    ...others,
  };
}

/** An IPv4 slice `default/web-1` of service `default/web` with one endpoint. */
export function sliceJson(others: Json = {}): Json {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "web-1",
      namespace: "default",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    ports: [{ name: "", port: 8080, protocol: "TCP" }],
    endpoints: [{ addresses: ["10.1.0.1"], nodeName: "n1" }],
    ...others,
  };
}

/** A policy `default/p` that selects every pod. */
export function policyJson(spec: Json = {}): Json {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "p", namespace: "default", uid: "u1" },
    spec: { podSelector: {}, ...spec },
  };
}

/** The fields that issues are about, in order. */
export function fieldsOf(issues: Iterable<Issue>): string[] {
  return [...issues].map((issue) => issue.field);
}
