import { assertEquals } from "@std/assert";
import type { Node } from "../../lib/cluster/model.ts";
import { renderIpOp } from "../../lib/dataplane/render_ip.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import {
  compileRoute,
  compileRoutes,
  type RouteRules,
  withdrawRoute,
} from "../../lib/routing/compile_routes.ts";
import { reachOf } from "../../lib/routing/direct.ts";
import {
  type ImportRules,
  judgeImport,
  parseRejected,
} from "../../lib/routing/import.ts";
import { clusterOf, node } from "../ipvs/objects.ts";

const IMPORT: ImportRules = {
  families: { 4: true, 6: true },
  ownPodCidrs: [parsePrefix("10.244.1.0/24")],
  isAnnounced: (prefix) => prefix === "192.0.2.1/32",
  rejected: [parsePrefix("172.16.0.0/12")],
  externalAllowed: [],
  trustNodes: false,
};

for (
  const [prefix, kind, expected, rules] of [
    ["10.244.2.0/24", "internal", true],
    ["10.244.2.128/25", "internal", true],
    [
      "10.244.0.0/16",
      "internal",
      "is not a pod network of the node that sent it",
    ],
    [
      "10.244.3.0/24",
      "internal",
      "is not a pod network of the node that sent it",
    ],
    ["10.244.3.0/24", "internal", true, { trustNodes: true }],
    ["0.0.0.0/0", "internal", "default routes are not taken", {
      trustNodes: true,
    }],
    ["0.0.0.0/0", "external", "default routes are not taken"],
    ["::/0", "external", "default routes are not taken"],
    [
      "10.244.1.0/24",
      "external",
      "lies in this node's pod network 10.244.1.0/24",
    ],
    [
      "10.244.1.5/32",
      "internal",
      "lies in this node's pod network 10.244.1.0/24",
    ],
    ["10.244.0.0/16", "external", true],
    ["192.0.2.1/32", "external", "this node announces it itself"],
    ["192.0.2.0/24", "external", true],
    [
      "172.20.0.0/16",
      "external",
      "lies in 172.16.0.0/12 of kube-router.io/node.bgp.customimportreject",
    ],
    ["172.0.0.0/8", "external", true],
    ["203.0.113.0/24", "external", true],
    [
      "203.0.113.0/24",
      "external",
      "lies in no network that external peers may send",
      { externalAllowed: [parsePrefix("198.51.100.0/24")] },
    ],
    [
      "198.51.100.64/26",
      "external",
      true,
      { externalAllowed: [parsePrefix("198.51.100.0/24")] },
    ],
    ["2001:db8::/32", "external", "IPv6 is switched off", {
      families: { 4: true, 6: false },
    }],
  ] as const
) {
  const note = rules === undefined ? "" : ` with ${JSON.stringify(rules)}`;
  Deno.test(`import: ${prefix} from an ${kind} peer${note}`, () => {
    const origin = { kind, podCidrs: [parsePrefix("10.244.2.0/24")] };
    assertEquals<true | string>(
      judgeImport(parsePrefix(prefix), origin, { ...IMPORT, ...rules }),
      expected,
    );
  });
}

Deno.test("import: a bad element of the annotation costs only itself", () => {
  const store = clusterOf(node("a", {
    annotations: {
      "kube-router.io/node.bgp.customimportreject":
        "10.0.0.0/8, nonsense,,2001:db8::1/32",
    },
  }));
  const found: Node | undefined = store.table("Node").get("a");
  if (found === undefined) throw new Error("no node");
  const { rejected, issues } = parseRejected(found);
  assertEquals<readonly string[]>(rejected, ["10.0.0.0/8", "2001:db8::/32"]);
  assertEquals(issues.map(({ problem }) => problem), [
    '"nonsense" is not a prefix',
  ]);
});

const RULES: RouteRules = {
  connected: undefined,
  overlay: "off",
  ownAddresses: new Set([parseIp("10.0.0.1")]),
};
const learned = (prefix: string, ...nextHops: string[]) => ({
  prefix: parsePrefix(prefix),
  nextHops: nextHops.map(parseIp),
  from: "BGP peer 10.0.0.2",
});

Deno.test("routes: protocol, main table, next hops sorted and each once", () => {
  const entries = compileRoutes([
    learned("203.0.113.0/24", "10.0.0.9", "10.0.0.10", "10.0.0.9"),
    learned("10.244.2.0/24", "10.0.0.2"),
    learned("fd44:2::/64", "fd10::2"),
  ], RULES);
  assertEquals(
    entries.flatMap((entry) => renderIpOp({ kind: "add", ...entry })),
    [
      "route add unicast 10.244.2.0/24 proto 186 table 254 via 10.0.0.2",
      "route add unicast 203.0.113.0/24 proto 186 table 254 nexthop via 10.0.0.9 weight 1 nexthop via 10.0.0.10 weight 1",
      "route add unicast fd44:2::/64 proto 186 table 254 via fd10::2",
    ],
  );
  assertEquals(entries[0]?.owner, "BGP peer 10.0.0.2");
});

Deno.test("routes: next hops of our own are never used", () => {
  const two = compileRoute(
    learned("10.9.0.0/16", "10.0.0.1", "10.0.0.2"),
    RULES,
  );
  assertEquals(
    two.entries.map(({ value }) => value.kind === "route" && value.nextHops),
    [[{ via: parseIp("10.0.0.2"), weight: 1 }]],
  );
  assertEquals(
    compileRoute(learned("10.9.0.0/16", "10.0.0.1"), RULES),
    withdrawRoute(parsePrefix("10.9.0.0/16")),
  );
});

Deno.test("routes: far next hops are left to a tunnel or to the network", () => {
  const connected = [parsePrefix("10.0.0.0/24")];
  const count = (rules: Partial<RouteRules>): number =>
    compileRoute(learned("10.244.2.0/24", "10.1.0.2"), { ...RULES, ...rules })
      .entries.length;
  assertEquals(count({}), 1);
  assertEquals(count({ connected }), 0);
  assertEquals(
    count({ connected: [...connected, parsePrefix("10.1.0.0/24")] }),
    1,
  );
});

for (
  const [nextHop, overlay, expected] of [
    ["10.0.0.2", "off", "direct"],
    ["10.0.0.2", "subnet", "direct"],
    ["10.0.0.2", "full", "tunnel"],
    ["10.1.0.2", "off", "underlay"],
    ["10.1.0.2", "subnet", "tunnel"],
    ["10.1.0.2", "full", "tunnel"],
  ] as const
) {
  Deno.test(`reach: ${nextHop} with overlay ${overlay}`, () => {
    const connected = [parsePrefix("10.0.0.0/24")];
    assertEquals(reachOf(parseIp(nextHop), { connected, overlay }), expected);
  });
}
