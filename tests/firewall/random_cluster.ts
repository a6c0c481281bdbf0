/** Random small clusters, crowded enough that policies, names and addresses collide. */

import fc from "fast-check";

/** An edit of one object; `object` undefined deletes it. */
export interface Edit {
  readonly kind: "Pod" | "Namespace" | "NetworkPolicy";
  readonly key: string;
  readonly object: unknown;
}

const NAMESPACES = ["a", "b", "team-a"];

/** The two nodes; they do not change. */
export const NODES: readonly unknown[] = [1, 2].map((n) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: `n${n}` },
  spec: { podCIDRs: [`10.${n}.0.0/24`, `fd00:${n}::/64`] },
  status: { addresses: [{ type: "InternalIP", address: `192.0.2.${n}` }] },
}));

/** Addresses that flows come from and go to, of pods and of others. */
export const ADDRESSES: Readonly<Record<4 | 6, readonly string[]>> = {
  4: [1, 2].flatMap((n) => [
    ...[2, 3, 4].map((host) => `10.${n}.0.${host}`),
    `192.0.2.${n}`,
  ]).concat("10.1.0.9", "198.51.100.7", "10.3.0.2"),
  6: [1, 2].flatMap((n) => [2, 3, 4].map((host) => `fd00:${n}::${host}`))
    .concat("fd00:1::9", "2001:db8::7"),
};

const label = fc.record({
  app: fc.constantFrom("x", "y"),
  tier: fc.constantFrom("x", "z"),
}, { requiredKeys: [] });

const selector = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  label.map((matchLabels) => ({ matchLabels })),
  fc.record({
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({
          key: fc.constantFrom("app", "tier"),
          operator: fc.constantFrom("In", "NotIn"),
          values: fc.constantFrom(["x"], ["y", "z"]),
        }),
        fc.record({
          key: fc.constantFrom("app", "tier"),
          operator: fc.constantFrom("Exists", "DoesNotExist"),
        }),
      ),
      { minLength: 1, maxLength: 2 },
    ),
  }),
);

const cidr4 = fc.constantFrom(
  "0.0.0.0/0",
  "10.0.0.0/8",
  "10.1.0.0/24",
  "10.1.0.2/31",
  "10.2.0.3/32",
  "198.51.100.0/24",
  "192.0.2.0/30",
);
const cidr6 = fc.constantFrom("::/0", "fd00:1::/64", "fd00::/16");

const block = fc.oneof(
  fc.tuple(cidr4, fc.array(cidr4, { maxLength: 2 })),
  fc.tuple(cidr6, fc.array(cidr6, { maxLength: 1 })),
).map(([cidr, except]) => ({
  ipBlock: {
    cidr,
    except: except.filter((hole) => inside(cidr, hole)),
  },
}));

/** By length and leading text: enough for the blocks above. */
function inside(cidr: string, hole: string): boolean {
  const [outer = "", outerLength] = cidr.split("/");
  const [inner = "", innerLength] = hole.split("/");
  if (Number(innerLength) <= Number(outerLength)) return false;
  const start = outer.replace(/(?:\.0)+$|::$|:$/, "");
  return Number(outerLength) === 0 || inner.startsWith(start);
}

const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ namespaceSelector: selector, podSelector: selector }),
  block,
);

const port = fc.oneof(
  fc.record({
    protocol: fc.constantFrom("TCP", "UDP", "SCTP"),
    port: fc.constantFrom(53, 80, 8080, "http", "dns", "none"),
  }, { requiredKeys: [] }),
  fc.constantFrom(
    { port: "http" },
    { port: 80, endPort: 90 },
    { port: 85, endPort: 8080 },
    { protocol: "UDP", port: 1, endPort: 65535 },
  ),
);

const rules = (side: "from" | "to"): fc.Arbitrary<unknown[]> =>
  fc.array(
    fc.record({
      [side]: fc.array(peer, { minLength: 1, maxLength: 3 }),
      ports: fc.array(port, { minLength: 1, maxLength: 3 }),
    }, { requiredKeys: [] }),
    { maxLength: 3 },
  );

const policy: fc.Arbitrary<Edit> = fc.record({
  namespace: fc.constantFrom("a", ...NAMESPACES),
  name: fc.constantFrom("p", "q", "r"),
  podSelector: selector,
  ingress: fc.option(rules("from"), { nil: undefined }),
  egress: fc.option(rules("to"), { nil: undefined }),
  policyTypes: fc.constantFrom(
    undefined,
    undefined,
    ["Ingress"],
    ["Egress"],
    ["Ingress", "Egress"],
  ),
}).map(({ namespace, name, ...spec }): Edit => ({
  kind: "NetworkPolicy",
  key: `${namespace}/${name}`,
  object: {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace, uid: `${namespace}/${name}` },
    spec,
  },
}));

const containerPorts = fc.constantFrom(
  [],
  [{ name: "http", containerPort: 80 }],
  [{ name: "http", containerPort: 8080 }, {
    name: "dns",
    containerPort: 53,
    protocol: "UDP",
  }],
  [{ name: "dns", containerPort: 53, protocol: "UDP" }, {
    name: "dns",
    containerPort: 80,
  }],
);

const pod: fc.Arbitrary<Edit> = fc.record({
  namespace: fc.constantFrom("a", ...NAMESPACES),
  name: fc.constantFrom("p0", "p1", "p2", "p3"),
  labels: label,
  node: fc.constantFrom(1, 2),
  host: fc.constantFrom(2, 3, 4),
  families: fc.constantFrom([4], [4, 6], [6], []),
  ports: containerPorts,
  hostNetwork: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  phase: fc.constantFrom("Running", "Running", "Running", "Succeeded"),
  terminating: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
}).map((p): Edit => {
  const ips = p.hostNetwork
    ? [`192.0.2.${p.node}`]
    : p.families.map((family) =>
      family === 4 ? `10.${p.node}.0.${p.host}` : `fd00:${p.node}::${p.host}`
    );
  return {
    kind: "Pod",
    key: `${p.namespace}/${p.name}`,
    object: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: p.name,
        namespace: p.namespace,
        uid: `${p.namespace}/${p.name}`,
        labels: p.labels,
        ...(p.terminating ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
      },
      spec: {
        nodeName: `n${p.node}`,
        hostNetwork: p.hostNetwork,
        containers: [{ name: "c", ports: p.ports }],
      },
      status: { phase: p.phase, podIPs: ips.map((ip) => ({ ip })) },
    },
  };
});

const namespace: fc.Arbitrary<Edit> = fc.tuple(
  fc.constantFrom(...NAMESPACES),
  label,
).map(([name, labels]): Edit => ({
  kind: "Namespace",
  key: name,
  object: {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels },
  },
}));

const deletion = fc.oneof(pod, policy, namespace).map((edit): Edit => ({
  ...edit,
  object: undefined,
}));

/** The cluster's first objects, most of them useful. */
export const firstEdits: fc.Arbitrary<Edit[]> = fc.tuple(
  fc.array(namespace, { minLength: 2, maxLength: 5 }),
  fc.array(pod, { minLength: 3, maxLength: 9 }),
  fc.array(policy, { minLength: 1, maxLength: 6 }),
).map((lists) => lists.flat());

/** Bursts of edits, each seen as one change. */
export const bursts: fc.Arbitrary<Edit[][]> = fc.array(
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: pod },
      { weight: 3, arbitrary: policy },
      { weight: 1, arbitrary: namespace },
      { weight: 2, arbitrary: deletion },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  { minLength: 1, maxLength: 8 },
);
