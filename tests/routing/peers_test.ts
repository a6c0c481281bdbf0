import { assert, assertEquals } from "@std/assert";
import { formatIssue } from "../../lib/base/issue.ts";
import type { Node } from "../../lib/cluster/model.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parseNodeBgp } from "../../lib/routing/node_bgp.ts";
import { parsePeerAnnotations } from "../../lib/routing/peer_annotations.ts";
import {
  type CompiledPeers,
  compilePeers,
  type PeerSettings,
} from "../../lib/routing/peers.ts";
import { clusterOf, node, type Raw } from "../ipvs/objects.ts";

const SETTINGS: PeerSettings = {
  nodeName: "a",
  clusterAs: 64512,
  enableIbgp: true,
  nodesFullMesh: true,
  bgpPort: 1790,
  holdTimeSeconds: 30,
  multihopTtl: 0,
  globalPeers: [],
};
const kr = (annotations: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [
      `kube-router.io/${key}`,
      value,
    ]),
  );
const plain = (name: string, ip: string, annotations = {}): Raw =>
  node(name, { ips: [ip], annotations: kr(annotations) });
const annotated = (annotations: Record<string, string>): Node => {
  const store = clusterOf(plain("a", "10.0.0.1", annotations));
  const found = store.table("Node").get("a");
  if (found === undefined) throw new Error("no node");
  return found;
};
const compile = (
  nodes: readonly Raw[],
  settings: Partial<PeerSettings> = {},
): CompiledPeers =>
  compilePeers(clusterOf(...nodes), { ...SETTINGS, ...settings });
const names = ({ peers }: CompiledPeers): string[] =>
  peers.map(({ name }) => name);

Deno.test("peers: a full mesh of one AS", () => {
  const { peers, localAs, issues } = compile([
    plain("c", "10.0.0.3"),
    plain("a", "10.0.0.1"),
    plain("b", "10.0.0.2"),
  ]);
  assertEquals(localAs, 64512);
  assertEquals(issues, []);
  assertEquals(peers.map(({ name }) => name), ["Node b", "Node c"]);
  assertEquals(peers[0], {
    name: "Node b",
    kind: "internal",
    address: parseIp("10.0.0.2"),
    port: 1790,
    remoteAs: 64512,
    localAs: 64512,
    localAddress: parseIp("10.0.0.1"),
    holdTimeSeconds: 90,
    node: "b",
  });
});

Deno.test("peers: without --enable-ibgp no node is a peer", () => {
  const nodes = [plain("a", "10.0.0.1"), plain("b", "10.0.0.2")];
  assertEquals(compile(nodes, { enableIbgp: false }).peers, []);
});

Deno.test("peers: without the full mesh, nodes of one AS only", () => {
  const nodes = [
    plain("a", "10.0.0.1", { "node.asn": "65001" }),
    plain("b", "10.0.0.2", { "node.asn": "65001" }),
    plain("c", "10.0.0.3", { "node.asn": "65002" }),
    plain("d", "10.0.0.4"),
  ];
  const compiled = compile(nodes, { nodesFullMesh: false });
  assertEquals(compiled.localAs, 65001);
  assertEquals(names(compiled), ["Node b"]);
  const lost = compile(nodes, { nodesFullMesh: false, nodeName: "d" });
  assertEquals([lost.localAs, lost.peers], [undefined, []]);
  assertEquals(lost.issues.map(formatIssue), [
    'Node d metadata.annotations["kube-router.io/node.asn"]: is needed with --nodes-full-mesh=false; annotate the node with its AS number',
  ]);
});

Deno.test("peers: reflection: clients with servers, servers with all", () => {
  const nodes = [
    plain("s1", "10.0.0.1", { "rr.server": "42" }),
    plain("s2", "10.0.0.2", { "rr.server": "42" }),
    plain("c1", "10.0.0.3", { "rr.client": "42" }),
    plain("c2", "10.0.0.4", { "rr.client": "0.0.0.42" }),
  ];
  assertEquals(names(compile(nodes, { nodeName: "c1" })), [
    "Node s1",
    "Node s2",
  ]);
  const { peers } = compile(nodes, { nodeName: "s1" });
  assertEquals(
    peers.map(({ name, reflectorClient }) => `${name} ${reflectorClient}`),
    ["Node s2 undefined", "Node c1 0.0.0.42", "Node c2 0.0.0.42"],
  );
});

Deno.test("peers: nodes that cannot be reached cost only themselves", () => {
  const { peers, issues } = compile([
    plain("a", "10.0.0.1"),
    node("b", {}),
    plain("c", "fd10::3"),
    plain("d", "10.0.0.1"),
    plain("e", "10.0.0.5"),
    plain("f", "10.0.0.5"),
  ]);
  assertEquals(peers.map(({ name }) => name), ["Node e"]);
  assertEquals(issues.map(({ object, problem }) => `${object} ${problem}`), [
    "Node b has no address, so it cannot be a BGP peer",
    "Node c has the address fd10::3, of another family than ours",
    "Node d has our own address 10.0.0.1",
    "Node f has the address 10.0.0.5 of Node e",
  ]);
});

Deno.test("peers: global routers, and annotations that they hide", () => {
  const { peers, issues } = compile(
    [plain("a", "10.0.0.1", { "peer.ips": "10.9.9.9", "peer.asns": "1" })],
    {
      multihopTtl: 3,
      globalPeers: [
        { address: parseIp("10.0.0.254"), remoteAs: 65000, password: "k" },
        { address: parseIp("10.0.0.253"), remoteAs: 65000, port: 1179 },
        { address: parseIp("10.0.0.254"), remoteAs: 65001 },
        { address: parseIp("10.0.0.1"), remoteAs: 65001 },
      ],
    },
  );
  assertEquals(peers, [
    {
      name: "router 10.0.0.253",
      kind: "external",
      address: parseIp("10.0.0.253"),
      port: 1179,
      remoteAs: 65000,
      localAs: 64512,
      holdTimeSeconds: 30,
      multihopTtl: 3,
    },
    {
      name: "router 10.0.0.254",
      kind: "external",
      address: parseIp("10.0.0.254"),
      port: 179,
      remoteAs: 65000,
      localAs: 64512,
      holdTimeSeconds: 30,
      multihopTtl: 3,
      password: "k",
    },
  ]);
  assertEquals(issues.map(formatIssue), [
    'Node a metadata.annotations["kube-router.io/peers"]: is ignored, as --peer-router-ips names peers for all nodes; use one of the two',
    "BGP router 10.0.0.254: is configured twice; remove it",
    "BGP router 10.0.0.1: is this node itself; remove it",
  ]);
});

Deno.test("peers: a router configured at a node's address is what counts", () => {
  const { peers } = compile(
    [plain("a", "10.0.0.1"), plain("b", "10.0.0.2")],
    { globalPeers: [{ address: parseIp("10.0.0.2"), remoteAs: 65000 }] },
  );
  assertEquals(peers.map(({ name }) => name), ["router 10.0.0.2"]);
});

Deno.test("peers: the YAML annotation", () => {
  const { peers, issues } = parsePeerAnnotations(annotated({
    peers: `
- remoteip: 10.0.0.254
  remoteasn: 65000
  password: c2VjcmV0
  port: 1179
  localip: 10.0.0.1
- remoteip: fd10::254
  remoteasn: "4200000000"
  bfd: {enabled: true, detection_multiplier: 5}
`,
    "peer.ips": "10.9.9.9",
  }));
  assertEquals(issues, []);
  assertEquals<unknown>(peers, [
    {
      address: "10.0.0.254",
      remoteAs: 65000,
      port: 1179,
      password: "secret",
      localAddress: "10.0.0.1",
    },
    {
      address: "fd10::254",
      remoteAs: 4200000000,
      bfd: {
        port: 3784,
        detectMultiplier: 5,
        desiredMinTxMs: 1000,
        requiredMinRxMs: 1000,
      },
    },
  ]);
});

Deno.test("peers: a bad YAML entry costs only itself", () => {
  const { peers, issues } = parsePeerAnnotations(annotated({
    peers: `
- remoteip: 10.0.0.254
  remoteasn: 65000
- remoteasn: 65000
- remoteip: 010.0.0.1
  remoteasn: 65000
- {remoteip: 10.0.0.2}
- {remoteip: 10.0.0.3, remoteasn: 0}
- {remoteip: 10.0.0.3, remoteasn: 23456}
- {remoteip: 10.0.0.3, remoteasn: 4294967296}
- {remoteip: 10.0.0.3, remoteasn: 1, port: 65536}
- {remoteip: 10.0.0.3, remoteasn: 1, password: "not base64!"}
- {remoteip: 10.0.0.3, remoteasn: 1, localip: fd10::1}
- {remoteip: 10.0.0.3, remoteasn: 1, bfd: {enabled: true, port: 0}}
- text
- {remoteip: 10.0.0.254, remoteasn: 65001}
- {remoteip: 10.0.0.4, remoteasn: 65001}
`,
  }));
  assertEquals(peers.map(({ address }) => `${address}`), [
    "10.0.0.254",
    "10.0.0.4",
  ]);
  const field = 'metadata.annotations["kube-router.io/peers"]';
  assertEquals(
    issues.map(({ field: at, problem }) =>
      `${at.slice(field.length)}: ${problem}`
    ),
    [
      "[1].remoteip: is not an IP address",
      '[2].remoteip: "010.0.0.1" is not an IP address',
      "[3].remoteasn: is not an AS number",
      "[4].remoteasn: 0 is not an AS number",
      "[5].remoteasn: 23456 is not an AS number",
      "[6].remoteasn: 4294967296 is not an AS number",
      "[7].port: 65536 is not a port",
      "[8].password: is not base64 of a key of at most 80 bytes",
      '[9].localip: "fd10::1" and remoteip 10.0.0.3 are of different families',
      "[10].bfd.port: 0 is not a number from 1 to 65535",
      '[11]: "text" is not a peer with remoteip',
      '[12].remoteip: "10.0.0.254" is there already',
    ],
  );
  assert(!JSON.stringify(issues).includes("not base64!"));
});

for (
  const [name, text, problem] of [
    ["no YAML", "- [", "is not YAML"],
    ["no list", "remoteip: 10.0.0.1", "is not a list"],
    ["an alias", "- &x {remoteip: 10.0.0.1}\n- *x", "is not YAML"],
    ["nothing", "", "is not a list"],
  ] as const
) {
  Deno.test(`peers: the YAML annotation is ${name}`, () => {
    const { peers, issues } = parsePeerAnnotations(annotated({ peers: text }));
    assertEquals(peers, []);
    assertEquals(issues.length, 1);
    assert(issues[0]?.problem.startsWith(problem), issues[0]?.problem);
  });
}

Deno.test("peers: comma lists of equal length", () => {
  const { peers, issues } = parsePeerAnnotations(annotated({
    "peer.ips": "10.0.0.254, 10.0.0.253",
    "peer.asns": "65000,65001",
    "peer.passwords": "c2VjcmV0,",
    "peer.ports": "",
    "peer.localips": "10.0.0.1,10.0.0.1",
  }));
  assertEquals(issues, []);
  assertEquals<unknown>(peers, [
    {
      address: "10.0.0.254",
      remoteAs: 65000,
      password: "secret",
      localAddress: "10.0.0.1",
    },
    { address: "10.0.0.253", remoteAs: 65001, localAddress: "10.0.0.1" },
  ]);
});

Deno.test("peers: comma lists that cannot be matched are refused whole", () => {
  const problems = (annotations: Record<string, string>): string[] =>
    parsePeerAnnotations(annotated(annotations)).issues.map(formatIssue);
  assertEquals(problems({ "peer.ips": "10.0.0.254" }), [
    'Node a metadata.annotations["kube-router.io/peer.asns"]: has 0 elements, but peer.ips has 1; see the annotation\'s form in the documentation',
  ]);
  assertEquals(
    problems({
      "peer.ips": "10.0.0.254,10.0.0.253",
      "peer.asns": "1,2",
      "peer.ports": "179",
    }),
    [
      'Node a metadata.annotations["kube-router.io/peer.ports"]: has 1 elements, but peer.ips has 2; see the annotation\'s form in the documentation',
    ],
  );
});

Deno.test("node: communities, prepend and cluster ids", () => {
  const parsed = parseNodeBgp(annotated({
    "node.bgp.communities":
      "65000:1, 4294967041, no-export,bad,70000:1,65000:1",
    "path-prepend.as": "64999",
    "path-prepend.repeat-n": "3",
    "rr.server": "10.0.0.1",
  }));
  assertEquals<unknown>(parsed.communities, [
    "65000:1",
    "65535:65281",
  ]);
  assertEquals(parsed.prepend, { asn: 64999, times: 3 });
  assertEquals<unknown>(parsed.reflection, {
    role: "server",
    clusterId: "10.0.0.1",
  });
  assertEquals(parsed.issues.map(({ problem }) => problem), [
    '"bad" is not a community',
    '"70000:1" is not a community',
  ]);
});

Deno.test("node: unusable annotations are said and have no effect", () => {
  const parsed = parseNodeBgp(annotated({
    "node.asn": "23456",
    "path-prepend.as": "64999",
    "rr.client": "fd00::1",
  }));
  assertEquals(
    [parsed.asn, parsed.prepend, parsed.reflection],
    [undefined, undefined, undefined],
  );
  assertEquals(parsed.issues.map(({ problem }) => problem), [
    '"23456" is not an AS number',
    '"64999" has no effect alone',
    '"fd00::1" is not a cluster id',
  ]);
});
