import { assert, assertEquals } from "@std/assert";
import { compileIpvsBase, connReuseMode } from "../../lib/ipvs/compile_base.ts";
import { resolveContext } from "../../lib/ipvs/context.ts";
import { clusterOf, node, NODES, serviceSettings } from "./objects.ts";

for (
  const [release, expected] of [
    ["6.1.0-30-amd64", 1],
    ["5.9.0", 1],
    ["5.8.18", 0],
    ["5.10", 1],
    ["4.19.0-amd64", 0],
    ["10.0", 1],
    ["", 1],
    [undefined, 1],
  ] as const
) {
  Deno.test(`base: conn_reuse_mode for kernel ${release} is ${expected}`, () => {
    assertEquals(connReuseMode(release), expected);
  });
}

Deno.test("base: one local route for a service range, with the node as source", () => {
  const { context } = resolveContext(clusterOf(...NODES), serviceSettings());
  const { ip } = compileIpvsBase(context);
  assertEquals(ip.map(({ key }) => key), [
    "link/kube-dummy-if",
    "route/255/10.96.0.0/12",
    "route/255/fd96::/112",
  ]);
  assertEquals(
    ip.map(({ value }) => value.kind === "route" ? value.source : undefined),
    [undefined, "10.0.0.1", "fd10::1"],
  );
});

Deno.test("base: a family without a node address asks for nothing", () => {
  const { context, issues } = resolveContext(
    clusterOf(node("a", { ips: ["10.0.0.1"] })),
    serviceSettings(),
  );
  const base = compileIpvsBase(context);
  assertEquals(
    issues.map(({ problem }) => problem),
    ["no IPv6 address, so no IPv6 service works"],
  );
  const text = JSON.stringify(base);
  for (const six of ["svc_vips6", "fd96", "ipv6.conf", "ip6tables"]) {
    assert(!text.includes(six), six);
  }
  assert(text.includes("svc_vips4"));
});

Deno.test("base: masquerade-all leaves no exception", () => {
  const { context } = resolveContext(
    clusterOf(...NODES),
    serviceSettings({ masqueradeAll: true }),
  );
  const rules = compileIpvsBase(context).nft.flatMap(({ value }) =>
    value.kind === "rules" && value.chain === "svc_source4"
      ? value.rules.map(({ body }) => body)
      : []
  );
  assertEquals(rules, ["snat ip to 10.0.0.1 fully-random"]);
});

Deno.test("base: the node's own addresses are never refused", () => {
  const { context } = resolveContext(clusterOf(...NODES), serviceSettings());
  const rules = compileIpvsBase(context).nft.flatMap(({ value }) =>
    value.kind === "rules" && value.chain === "svc_input"
      ? value.rules.map(({ body }) => body)
      : []
  );
  assertEquals(rules.filter((body) => body.includes("svc_nodes")), []);
  assertEquals(rules[0], "ct state established,related accept");
});
