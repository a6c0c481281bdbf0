import { assert, assertEquals } from "@std/assert";
import type { EndpointSlice, Service } from "../../lib/cluster/model.ts";
import { projectEndpointSlice } from "../../lib/cluster/project_endpoint_slice.ts";
import { projectService } from "../../lib/cluster/project_service.ts";
import { fieldsOf, type Json, serviceJson, sliceJson } from "./objects.ts";

function service(raw: Json): [Service, string[]] {
  const { object, issues } = projectService(raw);
  assert(object !== undefined);
  return [object, fieldsOf(issues)];
}

function slice(raw: Json): [EndpointSlice, string[]] {
  const { object, issues } = projectEndpointSlice(raw);
  assert(object !== undefined);
  return [object, fieldsOf(issues)];
}

Deno.test("projectService() keeps what is used, with the API's defaults", () => {
  const [object, fields] = service(serviceJson());
  assertEquals(fields, []);
  assertEquals<unknown>(object, {
    key: "default/web",
    namespace: "default",
    name: "web",
    uid: "u1",
    type: "ClusterIP",
    clusterIps: ["10.96.0.10"],
    externalIps: [],
    loadBalancerIps: [],
    ports: [{ name: "", protocol: "TCP", port: 80, nodePort: 0 }],
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: "Cluster",
    affinitySeconds: undefined,
    healthCheckNodePort: 0,
    loadBalancerSourceRanges: [],
    loadBalancerClass: undefined,
    proxyName: undefined,
    headlessLabel: false,
    hasSelector: true,
    annotations: new Map(),
  });
});

Deno.test("projectService() reads one field at a time", async (t) => {
  const balancer = (...ingress: unknown[]): Json => ({
    status: { loadBalancer: { ingress } },
  });
  const cases: [
    string,
    Json,
    Json,
    Partial<Record<keyof Service, unknown>>,
    string[],
  ][] = [
    ["headless", { clusterIP: "None", clusterIPs: ["None"] }, {}, {
      clusterIps: [],
    }, []],
    ["the single cluster IP", { clusterIPs: undefined }, {}, {
      clusterIps: ["10.96.0.10"],
    }, []],
    ["two families", { clusterIPs: ["10.96.0.10", "FD00::a"] }, {}, {
      clusterIps: ["10.96.0.10", "fd00::a"],
    }, []],
    ["two of one family", { clusterIPs: ["10.96.0.10", "10.96.0.11"] }, {}, {
      clusterIps: ["10.96.0.10"],
    }, ["spec.clusterIPs[1]"]],
    ["an octal cluster IP", { clusterIPs: ["010.96.0.10"] }, {}, {
      clusterIps: [],
    }, ["spec.clusterIPs[0]"]],
    [
      "a name elsewhere",
      { type: "ExternalName", externalName: "x.example" },
      {},
      {
        type: "ExternalName",
        clusterIps: [],
      },
      [],
    ],
    [
      "external IPs",
      {
        externalIPs: [
          "192.0.2.1",
          "192.0.2.1",
          "127.0.0.1",
          "::1",
          "169.254.1.1",
          "fe80::1",
          "x",
        ],
      },
      {},
      {
        externalIps: ["192.0.2.1"],
      },
      [2, 3, 4, 5, 6].map((i) => `spec.externalIPs[${i}]`),
    ],
    [
      "load-balancer IPs",
      { type: "LoadBalancer" },
      balancer(
        { ip: "192.0.2.1" },
        { ip: "192.0.2.2", ipMode: "VIP" },
        { ip: "192.0.2.3", ipMode: "Proxy" },
        { ip: "192.0.2.4", ipMode: "Other" },
        { hostname: "lb.example" },
      ),
      { loadBalancerIps: ["192.0.2.1", "192.0.2.2"] },
      [
        "status.loadBalancer.ingress[3].ipMode",
      ],
    ],
    ["a stale status", {}, balancer({ ip: "192.0.2.1" }), {
      loadBalancerIps: [],
    }, []],
    [
      "source ranges",
      {
        type: "LoadBalancer",
        loadBalancerSourceRanges: [" 192.0.2.0/24 ", "10.0.0.1/8", "x"],
      },
      balancer({ ip: "192.0.2.1" }),
      {
        loadBalancerSourceRanges: ["192.0.2.0/24", "10.0.0.0/8"],
        loadBalancerIps: ["192.0.2.1"],
      },
      ["spec.loadBalancerSourceRanges[2]"],
    ],
    [
      "source ranges of which none is usable admit nobody",
      {
        type: "LoadBalancer",
        loadBalancerSourceRanges: ["10.0.0.0"],
      },
      balancer({ ip: "192.0.2.1" }),
      {
        loadBalancerSourceRanges: [],
        loadBalancerIps: [],
      },
      ["spec.loadBalancerSourceRanges[0]", "spec.loadBalancerSourceRanges"],
    ],
    [
      "source ranges that are no list admit nobody",
      {
        type: "LoadBalancer",
        loadBalancerSourceRanges: "10.0.0.0/8",
      },
      balancer({ ip: "192.0.2.1" }),
      { loadBalancerIps: [] },
      [
        "spec.loadBalancerSourceRanges",
        "spec.loadBalancerSourceRanges",
      ],
    ],
    [
      "no source ranges",
      {
        type: "LoadBalancer",
        loadBalancerSourceRanges: [],
      },
      balancer({ ip: "192.0.2.1" }),
      { loadBalancerIps: ["192.0.2.1"] },
      [],
    ],
    [
      "node ports",
      {
        type: "NodePort",
        ports: [
          { name: "a", port: 80, nodePort: 30080 },
          { name: "b", port: 80, protocol: "UDP", nodePort: 70000 },
        ],
      },
      {},
      {
        ports: [
          { name: "a", protocol: "TCP", port: 80, nodePort: 30080 },
          { name: "b", protocol: "UDP", port: 80, nodePort: 0 },
        ],
      },
      ["spec.ports[1].nodePort"],
    ],
    [
      "a node port where it does not belong",
      {
        ports: [{ port: 80, nodePort: 30080 }],
      },
      {},
      {
        ports: [{ name: "", protocol: "TCP", port: 80, nodePort: 0 }],
      },
      ["spec.ports[0].nodePort"],
    ],
    [
      "bad ports cost themselves",
      {
        ports: [
          { name: "a", port: 0 },
          { name: "b", port: 65536 },
          { name: "c", port: "80" },
          { name: "d" },
          { name: "e", port: 80, protocol: "ICMP" },
          { name: "f", port: 80 },
          { name: "g", port: 80 },
          { name: "f", port: 81 },
          null,
        ],
      },
      {},
      {
        ports: [{ name: "f", protocol: "TCP", port: 80, nodePort: 0 }],
      },
      [
        "spec.ports[0].port",
        "spec.ports[1].port",
        "spec.ports[2].port",
        "spec.ports[3].port",
        "spec.ports[4].protocol",
        "spec.ports[6].port",
        "spec.ports[7].name",
        "spec.ports[8]",
      ],
    ],
    [
      "policies",
      {
        internalTrafficPolicy: "Local",
        externalTrafficPolicy: "local",
      },
      {},
      {
        internalTrafficPolicy: "Local",
        externalTrafficPolicy: "Cluster",
      },
      ["spec.externalTrafficPolicy"],
    ],
    [
      "affinity",
      {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      },
      {},
      { affinitySeconds: 60 },
      [],
    ],
    ["affinity by default", { sessionAffinity: "ClientIP" }, {}, {
      affinitySeconds: 10800,
    }, []],
    [
      "affinity for too long",
      {
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 86401 } },
      },
      {},
      { affinitySeconds: 10800 },
      [
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
      ],
    ],
    ["unknown affinity", { sessionAffinity: "Cookie" }, {}, {
      affinitySeconds: undefined,
    }, ["spec.sessionAffinity"]],
    [
      "health check",
      {
        type: "LoadBalancer",
        externalTrafficPolicy: "Local",
        healthCheckNodePort: 31000,
        loadBalancerClass: "kube-router",
      },
      {},
      { healthCheckNodePort: 31000, loadBalancerClass: "kube-router" },
      [],
    ],
    ["no selector", { selector: {} }, {}, { hasSelector: false }, []],
    ["labels and annotations", {}, {
      metadata: {
        name: "web",
        namespace: "default",
        labels: {
          "service.kubernetes.io/service-proxy-name": "other",
          "service.kubernetes.io/headless": "",
        },
        annotations: { "kube-router.io/service.dsr": "tunnel", x: "y" },
      },
    }, {
      proxyName: "other",
      headlessLabel: true,
      annotations: new Map([["kube-router.io/service.dsr", "tunnel"]]),
    }, []],
  ];
  for (const [name, spec, others, wanted, fields] of cases) {
    await t.step(name, () => {
      const [object, found] = service(serviceJson(spec, others));
      for (const [field, value] of Object.entries(wanted)) {
        assertEquals<unknown>(object[field as keyof Service], value);
      }
      assertEquals(found, fields);
    });
  }
});

Deno.test("a service of an unknown type is unusable", () => {
  const { key, object, issues } = projectService(serviceJson({ type: "Mesh" }));
  assertEquals([key, object], ["default/web", undefined]);
  assertEquals(fieldsOf(issues), ["spec.type"]);
});

Deno.test("projectEndpointSlice() keeps what is used", () => {
  const [object, fields] = slice(sliceJson());
  assertEquals(fields, []);
  assertEquals<unknown>(object, {
    key: "default/web-1",
    namespace: "default",
    name: "web-1",
    service: "default/web",
    family: 4,
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
    endpoints: [{
      addresses: ["10.1.0.1"],
      node: "n1",
      ready: true,
      serving: true,
      terminating: false,
      zone: "",
      hintZones: [],
      hintNodes: [],
    }],
  });
});

Deno.test("conditions: nil ready is true, nil serving is as ready (KEP-752)", async (t) => {
  for (
    const [conditions, wanted, issues] of [
      [undefined, "ready serving", 0],
      [null, "ready serving", 0],
      [{}, "ready serving", 0],
      [{ ready: null, serving: null, terminating: null }, "ready serving", 0],
      [{ ready: false }, "", 0],
      [
        { ready: false, serving: true, terminating: true },
        "serving terminating",
        0,
      ],
      [{ ready: true, serving: false }, "ready", 0],
      [{ ready: "true" }, "", 1],
      [{ terminating: 0 }, "ready serving terminating", 1],
      ["ready", "ready serving", 1],
    ] as [unknown, string, number][]
  ) {
    await t.step(JSON.stringify(conditions) ?? "undefined", () => {
      const [{ endpoints }, fields] = slice(
        sliceJson({ endpoints: [{ addresses: ["10.1.0.1"], conditions }] }),
      );
      const [endpoint] = endpoints;
      const states = (["ready", "serving", "terminating"] as const)
        .filter((state) => endpoint?.[state] === true);
      assertEquals(states.join(" "), wanted);
      assertEquals(fields.length, issues);
    });
  }
});

Deno.test("projectEndpointSlice() leaves out what cannot be an endpoint", () => {
  const [object, fields] = slice(sliceJson({
    endpoints: [
      { addresses: ["10.1.0.1", "10.1.0.1", "10.1.0.2"] },
      { addresses: ["127.0.0.1"] },
      { addresses: ["169.254.169.254"] },
      { addresses: ["0.0.0.0"] },
      { addresses: ["224.0.0.1"] },
      { addresses: ["2001:db8::1"] },
      { addresses: [] },
      { addresses: "10.1.0.3" },
      {},
      null,
      {
        addresses: ["10.1.0.4"],
        zone: "z1",
        hints: { forZones: [{ name: "z1" }, {}], forNodes: [{ name: "n1" }] },
      },
    ],
    ports: [
      { name: null, port: 80 },
      { name: "any", port: null },
      { name: "udp", port: 53, protocol: "UDP" },
      { port: 0 },
      { port: 80, protocol: "DCCP" },
      "80",
    ],
  }));
  assertEquals<unknown>(object.endpoints.map((each) => each.addresses), [
    ["10.1.0.1", "10.1.0.2"],
    ["10.1.0.4"],
  ]);
  assertEquals(object.endpoints[1]?.hintZones, ["z1"]);
  assertEquals(object.endpoints[1]?.hintNodes, ["n1"]);
  assertEquals(
    object.ports.map((each) => [each.name, each.protocol, each.port]),
    [
      ["", "TCP", 80],
      ["udp", "UDP", 53],
    ],
  );
  assertEquals(fields, [
    "ports[3].port",
    "ports[4].protocol",
    "ports[5]",
    "endpoints[1].addresses[0]",
    "endpoints[2].addresses[0]",
    "endpoints[3].addresses[0]",
    "endpoints[4].addresses[0]",
    "endpoints[5].addresses[0]",
    "endpoints[7].addresses",
    "endpoints[9]",
  ]);
});

Deno.test("slices that have no place in the model are left out, without complaint", async (t) => {
  for (
    const [name, others] of [
      ["names", { addressType: "FQDN" }],
      ["headless", {
        metadata: {
          name: "web-1",
          labels: { "service.kubernetes.io/headless": "" },
        },
      }],
    ] as [string, Json][]
  ) {
    await t.step(name, () => {
      const { object, issues } = projectEndpointSlice(sliceJson(others));
      assertEquals([object, issues.length], [undefined, 0]);
    });
  }
  const odd = projectEndpointSlice(sliceJson({ addressType: "IPX" }));
  assertEquals([odd.object, fieldsOf(odd.issues)], [undefined, [
    "addressType",
  ]]);
});

Deno.test("a slice knows its service by label, else by owner", () => {
  const named = (metadata: Json): string =>
    slice(sliceJson({ metadata: { name: "web-1", ...metadata } }))[0].service;
  const owners = [{ kind: "Pod", name: "x" }, { kind: "Service", name: "own" }];
  assertEquals(named({ ownerReferences: owners }), "default/own");
  assertEquals(
    named({
      ownerReferences: owners,
      labels: { "kubernetes.io/service-name": "web" },
    }),
    "default/web",
  );
  assertEquals(named({}), "");
  assertEquals(
    named({ labels: { "kubernetes.io/service-name": "other/web" } }),
    "",
  );
});
