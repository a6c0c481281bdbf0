import { assertEquals } from "@std/assert";
import type { ServiceSettings } from "../../lib/ipvs/context.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import {
  clusterOf,
  node,
  NODES,
  type Raw,
  service,
  serviceSettings,
  slice,
} from "./objects.ts";
import { compileText } from "./text.ts";

const LAX = serviceSettings({
  virtualIps: { ...serviceSettings().virtualIps, strict: false },
});
const V4_ONLY = serviceSettings({ families: { 4: true, 6: false } });

interface Case {
  readonly name: string;
  readonly objects: readonly Raw[];
  readonly settings?: ServiceSettings;
  readonly ipvs: readonly string[];
  readonly nft?: readonly string[];
  readonly ip?: readonly string[];
  readonly issues?: readonly string[];
}

const BOTH = slice("s", "web", ["10.244.1.2@a", "10.244.2.2@b"]);
const REMOTE = slice("s", "web", ["10.244.2.2@b"]);
const HAIRPIN = "svc_hairpin4/10.244.1.2 . 10.244.1.2";
const local = (vip: string): string =>
  `route add local ${vip}/32 proto 186 table 255 src 10.0.0.1 dev kube-dummy-if`;

const CASES: readonly Case[] = [
  {
    name: "a cluster IP with an endpoint here and one elsewhere",
    objects: [service("web", ["10.96.0.1"]), BOTH],
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 1",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
    ],
    nft: [HAIRPIN],
  },
  {
    name: "without endpoints the virtual server stays, and refuses",
    objects: [service("web", ["10.96.0.1"])],
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
  },
  {
    name: "both families, each with its own endpoints",
    objects: [
      service("web", ["fd96::1", "10.96.0.1"]),
      slice("s4", "web", ["10.244.2.2@b"]),
      slice("s6", "web", ["fd44:1::2@a"]),
    ],
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-A -t [fd96::1]:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
      "-a -t [fd96::1]:80 -r [fd44:1::2]:8080 -m -w 1",
    ],
    nft: ["svc_hairpin6/fd44:1::2 . fd44:1::2"],
  },
  {
    name: "a family that is switched off",
    objects: [
      service("web", ["10.96.0.1", "fd96::1"]),
      slice("s6", "web", ["fd44:1::2@a"]),
    ],
    settings: V4_ONLY,
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
  },
  {
    name: "one port number on two protocols, and SCTP",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          ports: [
            { name: "dns", port: 53, protocol: "UDP" },
            { name: "dns-tcp", port: 53, protocol: "TCP" },
            { name: "sig", port: 5060, protocol: "SCTP" },
          ],
        },
      }),
      slice("s", "web", ["10.244.2.2@b"], {
        ports: [
          { name: "dns", port: 1053, protocol: "UDP" },
          { name: "dns-tcp", port: 1054, protocol: "TCP" },
          { name: "sig", port: 1055, protocol: "SCTP" },
        ],
      }),
    ],
    ipvs: [
      "-A --sctp-service 10.96.0.1:5060 -s rr",
      "-A -t 10.96.0.1:53 -s rr",
      "-A -u 10.96.0.1:53 -s rr",
      "-a --sctp-service 10.96.0.1:5060 -r 10.244.2.2:1055 -m -w 1",
      "-a -t 10.96.0.1:53 -r 10.244.2.2:1054 -m -w 1",
      "-a -u 10.96.0.1:53 -r 10.244.2.2:1053 -m -w 1",
    ],
  },
  {
    name: "session affinity",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          sessionAffinity: "ClientIP",
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
        },
      }),
    ],
    ipvs: ["-A -t 10.96.0.1:80 -s rr -p 600"],
  },
  {
    name: "scheduler and flags",
    objects: [
      service("web", ["10.96.0.1"], {
        annotations: {
          "kube-router.io/service.scheduler": "mh",
          "kube-router.io/service.schedflags": "flag-2, flag-1",
        },
      }),
    ],
    ipvs: ["-A -t 10.96.0.1:80 -s mh -b flag-1,flag-2"],
  },
  {
    name: "an unknown scheduler is rr, flags without use are said",
    objects: [
      service("web", ["10.96.0.1"], {
        annotations: {
          "kube-router.io/service.scheduler": "best; rm -rf /",
          "kube-router.io/service.schedflags": "flag-1",
        },
      }),
    ],
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
    issues: [
      'Service default/web metadata.annotations["kube-router.io/service.scheduler"]: "best; rm -rf /" is not a scheduler, so rr is used; use one of rr, wrr, lc, wlc, dh, sh, mh',
      'Service default/web metadata.annotations["kube-router.io/service.schedflags"]: scheduler rr takes no flags; use scheduler mh or sh, or remove the annotation',
    ],
  },
  {
    name: "internal policy Local with an endpoint here",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: { internalTrafficPolicy: "Local" },
      }),
      BOTH,
    ],
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 1",
    ],
    nft: [HAIRPIN],
  },
  {
    name: "internal policy Local without one refuses",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: { internalTrafficPolicy: "Local" },
      }),
      REMOTE,
    ],
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
  },
  {
    name: "a node port on the node's address of each of the service's families",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          type: "NodePort",
          ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }],
        },
      }),
      REMOTE,
    ],
    ipvs: [
      "-A -t 10.0.0.1:30080 -s rr",
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.0.0.1:30080 -r 10.244.2.2:8080 -m -w 1",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
    ],
    nft: ["svc_nodes4/10.0.0.1"],
  },
  {
    name: "node ports on chosen addresses",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          type: "NodePort",
          ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }],
        },
      }),
    ],
    settings: serviceSettings({
      nodePortAddresses: ["10.0.0.1", "172.16.0.1", "fd10::1"].map(parseIp),
    }),
    ipvs: [
      "-A -t 10.0.0.1:30080 -s rr",
      "-A -t 10.96.0.1:80 -s rr",
      "-A -t 172.16.0.1:30080 -s rr",
    ],
    nft: ["svc_nodes4/10.0.0.1", "svc_nodes4/172.16.0.1"],
  },
  {
    name: "policies are independent: internal Cluster, external Local",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          type: "NodePort",
          externalTrafficPolicy: "Local",
          ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }],
        },
      }),
      BOTH,
    ],
    ipvs: [
      "-A -t 10.0.0.1:30080 -s rr",
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.0.0.1:30080 -r 10.244.1.2:8080 -m -w 1",
      "-a -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 1",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
    ],
    nft: [HAIRPIN, "svc_nodes4/10.0.0.1"],
  },
  {
    name: "an external address gets a local route of its own",
    objects: [
      service("web", ["10.96.0.1"], { spec: { externalIPs: ["192.0.2.1"] } }),
      REMOTE,
    ],
    settings: LAX,
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-A -t 192.0.2.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
      "-a -t 192.0.2.1:80 -r 10.244.2.2:8080 -m -w 1",
    ],
    nft: ["svc_vips4/192.0.2.1"],
    ip: [local("192.0.2.1")],
  },
  {
    name:
      "external policy Local without an endpoint here: the address is not local",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: {
          type: "LoadBalancer",
          externalIPs: ["192.0.2.1"],
          externalTrafficPolicy: "Local",
        },
        ingress: [{ ip: "198.51.100.1" }],
      }),
      REMOTE,
    ],
    settings: LAX,
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
    ],
  },
  {
    name:
      "external policy Local with one: only that, load-balancer addresses too",
    objects: [
      service("web", ["10.96.0.1"], {
        spec: { type: "LoadBalancer", externalTrafficPolicy: "Local" },
        ingress: [{ ip: "198.51.100.1" }],
      }),
      BOTH,
    ],
    settings: LAX,
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-A -t 198.51.100.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.244.1.2:8080 -m -w 1",
      "-a -t 10.96.0.1:80 -r 10.244.2.2:8080 -m -w 1",
      "-a -t 198.51.100.1:80 -r 10.244.1.2:8080 -m -w 1",
    ],
    nft: [HAIRPIN, "svc_vips4/198.51.100.1"],
    ip: [local("198.51.100.1")],
  },
  {
    name: "an external address that is this node's own is not routed",
    objects: [
      service("web", ["10.96.0.1"], { spec: { externalIPs: ["10.0.0.1"] } }),
    ],
    settings: LAX,
    ipvs: ["-A -t 10.0.0.1:80 -s rr", "-A -t 10.96.0.1:80 -s rr"],
    nft: ["svc_nodes4/10.0.0.1"],
  },
  {
    name: "an external address that is another node's is left to that node",
    objects: [
      service("web", ["10.96.0.1"], { spec: { externalIPs: ["10.0.0.2"] } }),
    ],
    settings: LAX,
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
  },
  {
    name: "an external address in this node's pod network is refused",
    objects: [
      service("web", ["10.96.0.1"], { spec: { externalIPs: ["10.244.1.9"] } }),
    ],
    settings: LAX,
    ipvs: ["-A -t 10.96.0.1:80 -s rr"],
    issues: [
      'Service default/web spec: address "10.244.1.9" lies in the pod network 10.244.1.0/24; use an address outside the cluster\'s own ranges',
    ],
  },
  {
    name: "a cluster IP outside the configured ranges gets a route of its own",
    objects: [service("web", ["10.43.0.1"])],
    ipvs: ["-A -t 10.43.0.1:80 -s rr"],
    nft: ["svc_vips4/10.43.0.1"],
    ip: [local("10.43.0.1")],
  },
  {
    name: "an endpoint on the host network of this node needs no hairpin",
    objects: [
      service("web", ["10.96.0.1"]),
      slice("s", "web", ["10.0.0.1@a"]),
    ],
    ipvs: [
      "-A -t 10.96.0.1:80 -s rr",
      "-a -t 10.96.0.1:80 -r 10.0.0.1:8080 -m -w 1",
    ],
  },
  {
    name: "headless, ExternalName and foreign services are nothing",
    objects: [
      service("web", ["10.96.0.1"], {
        labels: { "service.kubernetes.io/service-proxy-name": "other" },
      }),
      BOTH,
    ],
    ipvs: [],
  },
  {
    name: "a service that does not exist is nothing",
    objects: [BOTH],
    ipvs: [],
  },
];

for (const each of CASES) {
  Deno.test(`service: ${each.name}`, () => {
    const store = clusterOf(...NODES, ...each.objects);
    const text = compileText(store, "default/web", each.settings);
    assertEquals<unknown>(text, {
      ipvs: each.ipvs,
      nft: each.nft ?? [],
      ip: each.ip ?? [],
      issues: each.issues ?? [],
    });
  });
}

Deno.test("service: strict rules say why an external address is not served", () => {
  const store = clusterOf(
    ...NODES,
    service("web", ["10.96.0.1"], { spec: { externalIPs: ["192.0.2.1"] } }),
  );
  const { ipvs, issues } = compileText(store, "default/web");
  assertEquals(ipvs, ["-A -t 10.96.0.1:80 -s rr"]);
  assertEquals(issues, [
    'Service default/web spec.externalIPs[0]: "192.0.2.1" is not allowed, as --service-external-ip-range names no range; add its range to --service-external-ip-range',
  ]);
});

Deno.test("service: without this node's object nothing is served", () => {
  const store = clusterOf(service("web", ["10.96.0.1"]), BOTH);
  assertEquals(compileText(store, "default/web").ipvs, []);
});

Deno.test("service: a range that holds a node's address is never routed as a whole", () => {
  const objects = [service("web", ["10.96.0.1"]), BOTH];
  for (
    const harmful of [
      node("c", { ips: ["10.100.0.7"] }),
      node("c", { ips: ["10.0.0.3"], podCidrs: ["10.97.0.0/24"] }),
      node("c", { ips: ["10.0.0.3"], podCidrs: ["10.0.0.0/8"] }),
    ]
  ) {
    const store = clusterOf(...NODES, harmful, ...objects);
    assertEquals(compileText(store, "default/web").ip, [local("10.96.0.1")]);
  }
  const store = clusterOf(...NODES, ...objects);
  const occupied = [parsePrefix("10.98.3.0/24")];
  assertEquals(
    compileText(store, "default/web", serviceSettings({ occupied })).ip,
    [local("10.96.0.1")],
  );
});
