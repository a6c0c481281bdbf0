import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { FirewallCompiler } from "../../lib/firewall/compiler.ts";
import {
  FirewallModel,
  type ModelPacket,
} from "../../lib/firewall/model_eval.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import { cast, namespaceObject, podObject, policyObject } from "./cast.ts";
import { Desired } from "./cluster.ts";

/** A compiler for n1 with everything said so far. */
class Session {
  readonly store: ClusterStore;
  readonly compiler: FirewallCompiler;
  readonly desired = new Desired();
  readonly #feed;

  constructor(objects: readonly unknown[]) {
    this.store = storeOf([...cast(), ...objects]).store;
    this.compiler = new FirewallCompiler({
      view: this.store,
      node: "n1",
      families: [4, 6],
    });
    this.#feed = this.store.feed();
    this.#feed.take();
    this.desired.take(this.compiler.compile("all"));
  }

  /** Takes in changed objects; what the compiler says about them. */
  change(...objects: unknown[]): { sources: string[]; entries: number } {
    for (const object of objects) {
      const decoded = decodeObject(object);
      assert(decoded.status === "object");
      this.store.upsert(decoded.kind, decoded.project());
    }
    return this.settle();
  }

  /** Takes in what happened to the store. */
  settle(): { sources: string[]; entries: number } {
    const updates = this.compiler.compile(this.#feed.take());
    this.desired.take(updates);
    return {
      sources: updates.map((update) => update.source.replace(/ \S{20}$/, "")),
      entries: updates.reduce((sum, each) => sum + each.entries.length, 0),
    };
  }

  passes(
    from: string,
    to: string,
    port: number,
    more: Partial<ModelPacket> = {},
  ): boolean {
    return new FirewallModel(this.desired.values().values()).judge({
      hook: "forward",
      family: from.includes(":") ? 6 : 4,
      source: parseIp(from),
      destination: parseIp(to),
      protocol: "tcp",
      port,
      ...more,
    }).accepted;
  }
}

const FROM_X = policyObject("x/p", {
  podSelector: {},
  ingress: [{ from: [{ podSelector: { matchLabels: { pod: "b" } } }] }],
});

Deno.test("compiler: a change says what changed and no more", () => {
  const session = new Session([FROM_X]);
  // Two addresses, each in the two maps and in one set.
  assertEquals(
    session.change(podObject("x/b", { labels: { pod: "b", new: "" } })),
    {
      sources: ["Address 10.1.0.11", "Address fd00:1::11"],
      entries: 6,
    },
  );
  // A pod on another node that no peer means is nothing to this one.
  assertEquals(session.change(podObject("z/c", { labels: { pod: "d" } })), {
    sources: [],
    entries: 0,
  });
  assertEquals(session.change(namespaceObject("z", { other: "" })).sources, []);
  // A policy of pods elsewhere leaves nothing here.
  const elsewhere = policyObject("z/p", { podSelector: {}, ingress: [] });
  assertEquals(session.change(elsewhere).sources, []);
});

Deno.test("compiler: pods that the same policies select share a profile", () => {
  const session = new Session([FROM_X]);
  const profiles = session.desired.sources().filter((each) =>
    each.startsWith("Profile ")
  );
  assertEquals(profiles.length, 1);
});

Deno.test("compiler: what nothing uses any more is taken back", () => {
  const session = new Session([]);
  const before = session.desired.values();
  session.change(
    policyObject("x/p", {
      podSelector: {},
      ingress: [{
        from: [{ namespaceSelector: {} }],
        ports: [{ port: "web" }],
      }],
      egress: [{ to: [{ podSelector: {} }], ports: [{ port: "web" }] }],
    }),
  );
  assert(session.desired.values().size > before.size);
  session.store.remove("NetworkPolicy", "x/p");
  session.settle();
  assertEquals(session.desired.values(), before);
});

Deno.test("compiler: a policy the kernel refused closes its pods in its direction, and others still allow", () => {
  const open = policyObject("x/open", {
    podSelector: { matchLabels: { pod: "a" } },
    ingress: [{ ports: [{ port: 81 }] }],
  });
  const session = new Session([FROM_X, open]);
  assert(session.passes("10.1.0.11", "10.1.0.10", 80));
  session.desired.take(
    session.compiler.hold([
      "NetworkPolicy x/p, NetworkPolicy x/gone",
      "Pod x/a",
    ]),
  );
  assert(!session.passes("10.1.0.11", "10.1.0.10", 80));
  assert(!session.passes("10.1.0.11", "10.1.0.12", 80));
  assert(session.passes("10.1.0.11", "10.1.0.10", 81));
  assert(session.passes("10.1.0.10", "10.1.0.13", 80), "egress stays open");
  const [issue] = session.compiler.issues();
  assertEquals(issue?.object, "NetworkPolicy x/p");
  // An edit is another try.
  session.change(
    policyObject("x/p", {
      podSelector: {},
      ingress: [{ ports: [{ port: 80 }] }],
    }),
  );
  assert(session.passes("10.1.0.11", "10.1.0.10", 80));
  assertEquals(session.compiler.issues(), []);
  session.desired.take(session.compiler.hold(["NetworkPolicy x/p"]));
  assert(!session.passes("10.1.0.11", "10.1.0.10", 80));
  session.desired.take(session.compiler.hold([]));
  assert(session.passes("10.1.0.11", "10.1.0.10", 80));
});

Deno.test("compiler: the node's ranges stay closed when its object goes", () => {
  const session = new Session([]);
  assert(!session.passes("198.51.100.7", "10.1.0.200", 80));
  session.store.remove("Node", "n1");
  session.settle();
  assert(!session.passes("198.51.100.7", "10.1.0.200", 80));
  assert(session.passes("198.51.100.7", "10.1.0.10", 80));
});

Deno.test("compiler: ranges an earlier run knew are closed while the Node object is missing", () => {
  const compiler = new FirewallCompiler({
    view: storeOf([]).store,
    node: "n1",
    families: [4],
    podCidrs: [parsePrefix("10.1.0.0/24")],
  });
  const desired = new Desired();
  desired.take(compiler.compile("all"));
  assert(desired.values().has("element/podcidr4/10.1.0.0/24"));
  assertEquals(compiler.issues(), []);
});

Deno.test("compiler: issues name disputed addresses and missing ranges", () => {
  const session = new Session([
    podObject("y/b", { node: "n1", ips: ["10.1.0.10"] }),
  ]);
  const [issue] = session.compiler.issues();
  assertMatch(issue?.problem ?? "", /10\.1\.0\.10 is claimed by several pods/);
  session.store.remove("Pod", "y/b");
  session.settle();
  assertEquals(session.compiler.issues(), []);
  const alone = new FirewallCompiler({
    view: storeOf([]).store,
    node: "n1",
    families: [4],
  });
  alone.compile("all");
  assertMatch(alone.issues()[0]?.problem ?? "", /no IPv4 range/);
});

Deno.test("compiled form: connections, errors, links and nonsense", () => {
  const session = new Session([
    policyObject("x/p", {
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
    }),
  ]);
  const [a, b] = ["10.1.0.10", "10.1.0.11"];
  assert(!session.passes(a, b, 80));
  // 20, 76: replies, and ICMP errors about what was allowed.
  assert(session.passes(a, b, 80, { state: "established" }));
  assert(session.passes(a, b, 0, { state: "related", protocol: "icmp" }));
  // 97, 98: what belongs to no connection is dropped for pods alone; untracked is new.
  assert(
    !session.passes("198.51.100.7", "10.1.0.13", 80, { state: "invalid" }),
  );
  assert(
    session.passes("198.51.100.7", "203.0.113.1", 80, { state: "invalid" }),
  );
  assert(!session.passes(a, b, 80, { state: "untracked" }));
  assert(
    session.passes("10.1.0.13", "198.51.100.7", 80, { state: "untracked" }),
  );
  // 77: neighbour discovery and multicast listeners.
  for (const icmpType of [130, 133, 134, 135, 136, 143]) {
    const more = { protocol: "icmpv6", icmpType } as const;
    assert(session.passes("fd00:1::10", "fd00:1::11", 0, more));
    assert(
      session.passes("fd00:1::200", "ff02::1", 0, { ...more, hook: "input" }),
    );
  }
  const echo = { protocol: "icmpv6", icmpType: 128 } as const;
  assert(!session.passes("fd00:1::10", "fd00:1::11", 0, echo));
  // 99: multicast from an isolated pod.
  assert(
    !session.passes(a, "224.0.0.251", 5353, { protocol: "udp", hook: "input" }),
  );
  assert(
    session.passes("10.1.0.13", "224.0.0.251", 5353, {
      protocol: "udp",
      hook: "input",
    }),
  );
});

Deno.test("compiled form: the node's own addresses in its pod CIDR are not strangers", () => {
  const session = new Session([]);
  const gateway = "10.1.0.1";
  assert(session.passes("10.1.0.10", gateway, 53, {
    hook: "input",
    destinationIsLocal: true,
  }));
  assert(session.passes(gateway, "10.1.0.10", 80, {
    hook: "output",
    sourceIsLocal: true,
  }));
  assert(
    session.passes(gateway, gateway, 80, { hook: "input", loopback: true }),
  );
  assert(!session.passes("10.1.0.10", "10.1.0.99", 80, { hook: "input" }));
});
