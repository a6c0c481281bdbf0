/**
 * The cluster that the cases play in.
 *
 * Two nodes; namespaces x, y and z with label `ns`; in each the pods a, b and c
 * with label `pod`, IPv4 and IPv6. x and y/a are on n1, the others on n2. Every
 * pod has a port `web`: TCP 80, but 8080 on each b. Each c has a port `dns` of
 * both UDP 53 and TCP 5353. `x/host` is on the host network of n1.
 */

import type { FlowEnd } from "../../lib/firewall/evaluator.ts";
import { tryParseIp } from "../../lib/net/ip.ts";

/** What a pod of the cast looks like; the cases change one or the other. */
export interface PodShape {
  readonly node?: string;
  readonly ips?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly unknown[];
  readonly initContainers?: readonly unknown[];
  readonly hostNetwork?: boolean;
  readonly phase?: string;
  readonly deleted?: boolean;
}

const NAMESPACES = ["x", "y", "z"];
const PODS = ["a", "b", "c"];

/** Names that flows may use for addresses that no pod owns. */
const PLACES: Readonly<Record<string, { 4: string; 6: string }>> = {
  outside: { 4: "198.51.100.7", 6: "2001:db8::7" },
  elsewhere: { 4: "203.0.113.7", 6: "2001:db8:1::7" },
  n1: { 4: "192.0.2.1", 6: "fd00:ffff::1" },
  n2: { 4: "192.0.2.2", 6: "fd00:ffff::2" },
  unknown: { 4: "10.1.0.200", 6: "fd00:1::200" },
};

/** The usual addresses of a pod of the cast: host numbers 10 to 18. */
export function addressesOf(key: string, node: string): string[] {
  const [namespace = "", name = ""] = key.split("/");
  const host = 10 + NAMESPACES.indexOf(namespace) * 3 + PODS.indexOf(name);
  const n = node === "n1" ? 1 : 2;
  return [`10.${n}.0.${host}`, `fd00:${n}::${host}`];
}

/** The node on which a pod of the cast is. */
export function nodeOf(key: string): string {
  return key.startsWith("x/") || key === "y/a" ? "n1" : "n2";
}

/** A Pod object: the one of the cast, with changes. */
export function podObject(key: string, shape: PodShape = {}): unknown {
  const [namespace = "", name = ""] = key.split("/");
  const node = shape.node ?? nodeOf(key);
  const web = { name: "web", containerPort: name === "b" ? 8080 : 80 };
  const dns = [
    { name: "dns", containerPort: 53, protocol: "UDP" },
    { name: "dns", containerPort: 5353, protocol: "TCP" },
  ];
  const ips = shape.ips ?? addressesOf(key, node);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `${key}/${ips.join()}`,
      labels: shape.labels ?? { pod: name },
      ...(shape.deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: {
      nodeName: node,
      hostNetwork: shape.hostNetwork ?? false,
      initContainers: shape.initContainers ?? [],
      containers: [{
        name: "main",
        ports: shape.ports ?? (name === "c" ? [web, ...dns] : [web]),
      }],
    },
    status: {
      phase: shape.phase ?? "Running",
      podIPs: ips.map((ip) => ({ ip })),
    },
  };
}

/** A Namespace object. */
export function namespaceObject(
  name: string,
  labels: Readonly<Record<string, string>> = { ns: name },
): unknown {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: { "kubernetes.io/metadata.name": name, ...labels },
    },
  };
}

/** A NetworkPolicy object. */
export function policyObject(key: string, spec: unknown): unknown {
  const [namespace = "", name = ""] = key.split("/");
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace, uid: key },
    spec,
  };
}

/** Everything in the cast. */
export function cast(): unknown[] {
  const nodes = [1, 2].map((n) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `n${n}` },
    spec: { podCIDRs: [`10.${n}.0.0/24`, `fd00:${n}::/64`] },
    status: {
      addresses: [
        { type: "InternalIP", address: `192.0.2.${n}` },
        { type: "InternalIP", address: `fd00:ffff::${n}` },
      ],
    },
  }));
  const pods = NAMESPACES.flatMap((namespace) =>
    PODS.map((name) => podObject(`${namespace}/${name}`))
  );
  const host = podObject("x/host", {
    hostNetwork: true,
    ips: ["192.0.2.1", "fd00:ffff::1"],
    labels: { pod: "a" },
  });
  return [
    ...nodes,
    ...NAMESPACES.map((name) => namespaceObject(name)),
    ...pods,
    host,
  ];
}

/** An end of a flow by pod key, place or address; undefined: not in that family. */
export function endOf(text: string, family: 4 | 6): FlowEnd | undefined {
  if (text.includes("/")) return { kind: "pod", pod: text };
  const ip = tryParseIp(PLACES[text]?.[family] ?? text);
  if (ip === undefined) throw new Error(`what is "${text}"?`);
  return (family === 6) === ip.includes(":") ? { kind: "ip", ip } : undefined;
}
