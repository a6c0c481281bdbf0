import { assertEquals } from "@std/assert";
import {
  chooseEndpoints,
  type EndpointObserver,
} from "../../lib/cluster/endpoints.ts";
import type { TrafficPolicy } from "../../lib/cluster/model.ts";
import { type Family, parseIp } from "../../lib/net/ip.ts";
import { clusterOf, type Raw, slice } from "../ipvs/objects.ts";

const A: EndpointObserver = {
  node: "a",
  zone: "z1",
  nodeAddresses: new Set([parseIp("10.0.0.1")]),
};

interface Case {
  readonly name: string;
  readonly slices: readonly Raw[];
  readonly policy?: TrafficPolicy;
  readonly family?: Family;
  readonly port?: string;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
  readonly zone?: string;
  readonly expected: readonly string[];
  readonly state?: "ready" | "terminating" | "none";
}

const CASES: readonly Case[] = [
  {
    name: "no slices",
    slices: [],
    expected: [],
  },
  {
    name: "a missing ready condition means ready",
    slices: [slice("s1", "web", ["10.1.0.1@a", "10.1.0.2@b ready"])],
    expected: ["10.1.0.1:8080 local", "10.1.0.2:8080"],
  },
  {
    name: "an endpoint that is not ready is left out",
    slices: [slice("s1", "web", ["10.1.0.1@a !ready", "10.1.0.2@b ready"])],
    expected: ["10.1.0.2:8080"],
  },
  {
    name: "serving without terminating is not enough",
    slices: [slice("s1", "web", ["10.1.0.1@a !ready serving"])],
    expected: [],
  },
  {
    name: "a terminating endpoint gets nothing while another is ready",
    slices: [slice("s1", "web", [
      "10.1.0.1@a !ready serving terminating",
      "10.1.0.2@b",
    ])],
    expected: ["10.1.0.2:8080"],
  },
  {
    name: "terminating and serving ones serve when none is ready",
    slices: [slice("s1", "web", [
      "10.1.0.1@a !ready serving terminating",
      "10.1.0.2@b !ready !serving terminating",
      "10.1.0.3@b !ready",
    ])],
    expected: ["10.1.0.1:8080 local"],
    state: "terminating",
  },
  {
    name: "Local: only this node's",
    slices: [slice("s1", "web", ["10.1.0.1@a", "10.1.0.2@b"])],
    policy: "Local",
    expected: ["10.1.0.1:8080 local"],
  },
  {
    name: "Local: none here, however many elsewhere",
    slices: [slice("s1", "web", ["10.1.0.2@b", "10.1.0.3"])],
    policy: "Local",
    expected: [],
  },
  {
    name:
      "Local: falls back to a terminating one here although others are ready elsewhere",
    slices: [slice("s1", "web", [
      "10.1.0.1@a !ready serving terminating",
      "10.1.0.2@b",
    ])],
    policy: "Local",
    expected: ["10.1.0.1:8080 local"],
    state: "terminating",
  },
  {
    name: "an endpoint without node is local by the node's own address",
    slices: [slice("s1", "web", ["10.0.0.1", "10.0.0.2"])],
    policy: "Local",
    expected: ["10.0.0.1:8080 local"],
  },
  {
    name: "several slices, one address twice: ready in one is ready",
    slices: [
      slice("s1", "web", ["10.1.0.1@a !ready serving terminating"]),
      slice("s2", "web", ["10.1.0.1@a", "10.1.0.2@b"]),
      slice("s3", "web", ["10.1.0.1@a !ready serving terminating"]),
    ],
    expected: ["10.1.0.1:8080 local", "10.1.0.2:8080"],
  },
  {
    name: "ports are found by name and protocol",
    slices: [
      slice("s1", "web", ["10.1.0.1@b"], {
        ports: [
          { name: "http", port: 8080, protocol: "TCP" },
          { name: "dns", port: 5353, protocol: "UDP" },
          { name: "dns-tcp", port: 5354, protocol: "TCP" },
        ],
      }),
      slice("s2", "web", ["10.1.0.2@b"], {
        ports: [{ name: "dns", port: 53, protocol: "UDP" }],
      }),
    ],
    port: "dns",
    protocol: "UDP",
    expected: ["10.1.0.1:5353", "10.1.0.2:53"],
  },
  {
    name: "a port of the same name but another protocol does not count",
    slices: [slice("s1", "web", ["10.1.0.1@b"], {
      ports: [{ name: "dns", port: 53, protocol: "TCP" }],
    })],
    port: "dns",
    protocol: "UDP",
    expected: [],
  },
  {
    name: "families are apart",
    slices: [
      slice("s1", "web", ["10.1.0.1@b"]),
      slice("s2", "web", ["fd00::1@b"]),
    ],
    family: 6,
    expected: ["fd00::1:8080"],
  },
  {
    name: "zone hints of all ready endpoints are followed",
    slices: [slice("s1", "web", [
      "10.1.0.1@b zone=z1",
      "10.1.0.2@b zone=z2",
      "10.1.0.3@b zone=z2 zone=z1",
    ])],
    expected: ["10.1.0.1:8080", "10.1.0.3:8080"],
  },
  {
    name: "one ready endpoint without a hint switches hints off",
    slices: [slice("s1", "web", ["10.1.0.1@b zone=z1", "10.1.0.2@b"])],
    expected: ["10.1.0.1:8080", "10.1.0.2:8080"],
  },
  {
    name: "an endpoint that is not ready has no say about hints",
    slices: [slice("s1", "web", [
      "10.1.0.1@b zone=z1",
      "10.1.0.2@b !ready",
      "10.1.0.3@b zone=z2",
    ])],
    expected: ["10.1.0.1:8080"],
  },
  {
    name: "no endpoint for this zone: all",
    slices: [slice("s1", "web", ["10.1.0.1@b zone=z2", "10.1.0.2@b zone=z3"])],
    expected: ["10.1.0.1:8080", "10.1.0.2:8080"],
  },
  {
    name: "a node without zone ignores zone hints",
    slices: [slice("s1", "web", ["10.1.0.1@b zone=z2"])],
    zone: "",
    expected: ["10.1.0.1:8080"],
  },
  {
    name: "node hints come before zone hints",
    slices: [slice("s1", "web", [
      "10.1.0.1@b zone=z1 fornode=b",
      "10.1.0.2@b zone=z1 fornode=a",
    ])],
    expected: ["10.1.0.2:8080"],
  },
  {
    name: "node hints that name others fall back to zones",
    slices: [slice("s1", "web", [
      "10.1.0.1@b zone=z1 fornode=b",
      "10.1.0.2@b zone=z2 fornode=b",
    ])],
    expected: ["10.1.0.1:8080"],
  },
  {
    name: "Local ignores hints",
    slices: [slice("s1", "web", ["10.1.0.1@a zone=z2", "10.1.0.2@b zone=z1"])],
    policy: "Local",
    expected: ["10.1.0.1:8080 local"],
  },
  {
    name: "sorted by address as numbers",
    slices: [slice("s1", "web", ["10.1.0.10@b", "10.1.0.9@b", "10.1.0.100@b"])],
    expected: ["10.1.0.9:8080", "10.1.0.10:8080", "10.1.0.100:8080"],
  },
];

for (const each of CASES) {
  Deno.test(`endpoints: ${each.name}`, () => {
    const store = clusterOf(...each.slices);
    const choice = chooseEndpoints(store.slicesOf("default/web"), {
      port: { name: each.port ?? "", protocol: each.protocol ?? "TCP" },
      family: each.family ?? 4,
      policy: each.policy ?? "Cluster",
    }, { ...A, zone: each.zone ?? A.zone });
    assertEquals(
      choice.endpoints.map(({ address, port, local }) =>
        `${address}:${port}${local ? " local" : ""}`
      ),
      [...each.expected],
    );
    assertEquals(
      choice.state,
      each.state ?? (each.expected.length === 0 ? "none" : "ready"),
    );
  });
}
