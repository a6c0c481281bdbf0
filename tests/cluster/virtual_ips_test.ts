import { assertEquals } from "@std/assert";
import type { Service } from "../../lib/cluster/model.ts";
import {
  trafficPolicies,
  type VirtualIpRules,
  virtualIps,
} from "../../lib/cluster/virtual_ips.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import { clusterOf, type Raw, service } from "../ipvs/objects.ts";

const CLOSED: VirtualIpRules = {
  strict: true,
  serviceCidrs: [parsePrefix("10.96.0.0/12")],
  externalIpRanges: [],
  loadBalancerIpRanges: [],
};
const OPEN: VirtualIpRules = {
  ...CLOSED,
  externalIpRanges: [parsePrefix("192.0.2.0/24"), parsePrefix("10.0.0.0/8")],
  loadBalancerIpRanges: [parsePrefix("198.51.100.0/24")],
};
const LAX: VirtualIpRules = { ...CLOSED, strict: false };

function parsed(raw: Raw): Service {
  const found = clusterOf(raw).table("Service").get("default/web");
  if (found === undefined) throw new Error("no service");
  return found;
}

const external = (ips: readonly string[]): Service =>
  parsed(service("web", ["10.96.0.1"], { spec: { externalIPs: ips } }));
const balanced = (
  ingress: readonly Raw[],
  annotations: Record<string, string> = {},
): Service =>
  parsed(
    service("web", ["10.96.0.1"], {
      spec: { type: "LoadBalancer" },
      ingress,
      annotations,
    }),
  );

const CASES: readonly {
  readonly name: string;
  readonly service: Service;
  readonly rules: VirtualIpRules;
  /** Cluster, load balancer, external. */
  readonly expected: readonly [string[], string[], string[]];
  readonly problems?: readonly string[];
}[] = [
  {
    name: "an external address is refused when no range is given",
    service: external(["192.0.2.1"]),
    rules: CLOSED,
    expected: [["10.96.0.1"], [], []],
    problems: [
      'spec.externalIPs[0] "192.0.2.1" is not allowed, as --service-external-ip-range names no range',
    ],
  },
  {
    name: "external addresses pass by range, each on its own",
    service: external(["192.0.2.1", "203.0.113.1", "10.96.0.9", "10.1.1.1"]),
    rules: OPEN,
    expected: [["10.96.0.1"], [], ["192.0.2.1", "10.1.1.1"]],
    problems: [
      'spec.externalIPs[1] "203.0.113.1" lies in no range of --service-external-ip-range',
      'spec.externalIPs[2] "10.96.0.9" lies in the service range 10.96.0.0/12',
    ],
  },
  {
    name: "without strict rules every address passes",
    service: external(["203.0.113.1"]),
    rules: LAX,
    expected: [["10.96.0.1"], [], ["203.0.113.1"]],
  },
  {
    name: "load-balancer addresses have a range of their own",
    service: balanced([{ ip: "198.51.100.1" }, { ip: "192.0.2.1" }]),
    rules: OPEN,
    expected: [["10.96.0.1"], ["198.51.100.1"], []],
    problems: [
      'status.loadBalancer.ingress[1] "192.0.2.1" lies in no range of --loadbalancer-ip-range',
    ],
  },
  {
    name: "ipMode Proxy and host names are passed over",
    service: balanced([
      { ip: "198.51.100.1", ipMode: "Proxy" },
      { hostname: "lb.example" },
      { ip: "198.51.100.2", ipMode: "VIP" },
    ]),
    rules: OPEN,
    expected: [["10.96.0.1"], ["198.51.100.2"], []],
  },
  {
    name: "skiplbips leaves out load-balancer addresses",
    service: balanced([{ ip: "198.51.100.1" }], {
      "kube-router.io/service.skiplbips": "",
    }),
    rules: OPEN,
    expected: [["10.96.0.1"], [], []],
  },
  {
    name: "a headless service has none, not even external ones",
    service: parsed(
      service("web", ["None"], { spec: { externalIPs: ["192.0.2.1"] } }),
    ),
    rules: LAX,
    expected: [[], [], []],
  },
  {
    name: "ExternalName has none",
    service: parsed(service("web", [], {
      spec: { type: "ExternalName", externalName: "example.org" },
    })),
    rules: LAX,
    expected: [[], [], []],
  },
  ...([
    ["cilium", []],
    ["kube-router", ["10.96.0.1"]],
    ["fairway", ["10.96.0.1"]],
  ] as const).map(([name, cluster]) => ({
    name: `service-proxy-name ${name}`,
    service: parsed(service("web", ["10.96.0.1"], {
      labels: { "service.kubernetes.io/service-proxy-name": name },
    })),
    rules: LAX,
    expected: [[...cluster], [], []] as [string[], string[], string[]],
  })),
  {
    name: "the headless label",
    service: parsed(service("web", ["10.96.0.1"], {
      labels: { "service.kubernetes.io/headless": "" },
    })),
    rules: LAX,
    expected: [[], [], []],
  },
];

for (const { name, service, rules, expected, problems } of CASES) {
  Deno.test(`virtual IPs: ${name}`, () => {
    const { cluster, loadBalancer, external, issues } = virtualIps(
      service,
      rules,
    );
    assertEquals<unknown>([cluster, loadBalancer, external], expected);
    assertEquals(
      issues.map(({ field, problem }) => `${field} ${problem}`),
      [...problems ?? []],
    );
  });
}

Deno.test("traffic policies: each for itself, and service.local", () => {
  const policies = (
    spec: Raw,
    annotations: Record<string, string> = {},
  ): string => {
    const { internal, external } = trafficPolicies(parsed(
      service("web", ["10.96.0.1"], { spec, annotations }),
    ));
    return `${internal} ${external}`;
  };
  const nodePort = { type: "NodePort" };
  assertEquals(policies(nodePort), "Cluster Cluster");
  assertEquals(
    policies({ ...nodePort, externalTrafficPolicy: "Local" }),
    "Cluster Local",
  );
  assertEquals(
    policies({ ...nodePort, internalTrafficPolicy: "Local" }),
    "Local Cluster",
  );
  const local = { "kube-router.io/service.local": "true" };
  assertEquals(
    policies({ ...nodePort, internalTrafficPolicy: "Local" }, local),
    "Cluster Local",
  );
  assertEquals(
    policies(nodePort, { "kube-router.io/service.local": "yes" }),
    "Cluster Cluster",
  );
});
