import { assertEquals, assertThrows } from "@std/assert";
import { FairwayError } from "../../lib/base/errors.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import {
  commonFamilies,
  evaluate,
  type FlowEnd,
} from "../../lib/firewall/evaluator.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { cast, podObject, policyObject } from "./cast.ts";

const { store } = storeOf([
  ...cast(),
  podObject("x/done", { phase: "Succeeded" }),
  podObject("x/late", { ips: [] }),
  podObject("x/four", { node: "n1", ips: ["10.1.0.44"] }),
  podObject("x/six", { node: "n1", ips: ["fd00:1::44"] }),
  policyObject("x/web", {
    podSelector: { matchLabels: { pod: "b" } },
    ingress: [
      { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }] },
      {
        from: [{
          namespaceSelector: { matchLabels: { ns: "y" } },
          podSelector: { matchLabels: { pod: "a" } },
        }],
        ports: [{ port: "web" }, { port: 90, endPort: 99 }],
      },
    ],
  }),
  policyObject("x/zero", { podSelector: {}, policyTypes: ["Ingress"] }),
]);

const pod = (key: string): FlowEnd => ({ kind: "pod", pod: key });

Deno.test("evaluator: names the policy, the rule and what the port's name means", () => {
  const { allowed, egress, ingress } = evaluate(store, {
    from: pod("y/a"),
    to: pod("x/b"),
    protocol: "TCP",
    port: 8080,
  });
  assertEquals(allowed, true);
  assertEquals(egress.text, "no NetworkPolicy selects pod y/a for egress");
  assertEquals(ingress, {
    allowed: true,
    why: "rule",
    isolatedBy: ["x/web", "x/zero"],
    policy: "x/web",
    rule: 1,
    text:
      "NetworkPolicy x/web allows it, ingress rule 2: from pods pod=a in namespaces ns=y, on port web (TCP 8080 on x/b)",
  });
});

Deno.test("evaluator: says who isolates when nothing allows", () => {
  const { ingress } = evaluate(store, {
    from: { kind: "ip", ip: parseIp("198.51.100.7") },
    to: pod("x/b"),
    protocol: "UDP",
    port: 53,
  });
  assertEquals(ingress.why, "no_rule");
  assertEquals(
    ingress.text,
    "pod x/b is isolated for ingress by NetworkPolicy x/web, NetworkPolicy x/zero, and no rule allows UDP 53 from 198.51.100.7",
  );
});

Deno.test("evaluator: an address stands for the pod that owns it", () => {
  const flow = { protocol: "TCP", port: 95 } as const;
  const byKey = evaluate(store, { ...flow, from: pod("y/a"), to: pod("x/b") });
  const byIp = evaluate(store, {
    ...flow,
    from: { kind: "ip", ip: byKey.from },
    to: { kind: "ip", ip: byKey.to },
  });
  assertEquals(byIp, byKey);
});

Deno.test("evaluator: itself, its own node, and pods of another node", () => {
  const flow = { protocol: "TCP", port: 80 } as const;
  const why = (from: FlowEnd, to: FlowEnd, node?: string): string[] => {
    const { egress, ingress } = evaluate(store, {
      ...flow,
      from,
      to,
      ...(node === undefined ? {} : { node }),
    });
    return [egress.why, ingress.why];
  };
  const node = (n: number): FlowEnd => ({
    kind: "ip",
    ip: parseIp(`192.0.2.${n}`),
  });
  assertEquals(why(pod("x/a"), pod("x/a")), ["itself", "itself"]);
  assertEquals(why(node(1), pod("x/a")), ["no_pod", "own_node"]);
  assertEquals(why(pod("x/host"), pod("x/a")), ["no_pod", "own_node"]);
  assertEquals(why(node(2), pod("x/a")), ["no_pod", "no_rule"]);
  assertEquals(why(pod("y/a"), pod("z/a"), "n2"), [
    "elsewhere",
    "not_selected",
  ]);
});

Deno.test("evaluator: families", () => {
  assertEquals(commonFamilies(store, pod("x/a"), pod("y/a")), [4, 6]);
  assertEquals(commonFamilies(store, pod("x/a"), pod("x/six")), [6]);
  const { from } = evaluate(store, {
    from: pod("x/a"),
    to: pod("y/a"),
    family: 6,
    protocol: "TCP",
    port: 1,
  });
  assertEquals(from, parseIp("fd00:1::10"));
});

Deno.test("evaluator: what cannot be answered is said in one line", () => {
  const fails = (from: FlowEnd, to: FlowEnd, words: string): void => {
    assertThrows(
      () => evaluate(store, { from, to, protocol: "TCP", port: 80 }),
      FairwayError,
      words,
    );
  };
  fails(pod("x/nobody"), pod("x/a"), "there is no pod x/nobody");
  fails(pod("x/done"), pod("x/a"), "pod x/done has finished");
  fails(pod("x/late"), pod("x/a"), "pod x/late has no address yet");
  fails(
    pod("x/four"),
    pod("x/six"),
    "pod x/four and pod x/six have no address family in common",
  );
});
