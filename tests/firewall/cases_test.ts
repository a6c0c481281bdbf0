import { assertEquals } from "@std/assert";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { evaluate, type Flow } from "../../lib/firewall/evaluator.ts";
import { FirewallModel } from "../../lib/firewall/model_eval.ts";
import { type FlowLine, parseFlows } from "./case.ts";
import { CASES } from "./cases.ts";
import { desiredFor } from "./cluster.ts";
import { carryOut, castStore, flowsOf, NodeFirewall } from "./play.ts";

/** What the two nodes together do with a flow: each judges where the packet passes it. */
function judge(
  store: ClusterStore,
  models: ReadonlyMap<string, FirewallModel>,
  flow: Flow,
): boolean {
  const { from, to } = evaluate(store, flow);
  const family = from.includes(":") ? 6 : 4;
  const icmp = family === 4 ? "icmp" : "icmpv6";
  const homeOf = (ip: typeof from): string | undefined =>
    store.nodeByIp(ip)?.name ??
      ["n1", "n2"].find((node) =>
        ip.startsWith(`10.${node[1]}.`) ||
        ip.startsWith(`fd00:${node[1]}::`)
      );
  const nodes = new Set([
    homeOf(from) ?? homeOf(to),
    homeOf(to) ?? homeOf(from),
  ]);
  return [...nodes].every((node) => {
    const sourceIsLocal = store.nodeByIp(from)?.name === node;
    const destinationIsLocal = store.nodeByIp(to)?.name === node;
    return models.get(node ?? "")?.judge({
      hook: sourceIsLocal ? "output" : destinationIsLocal ? "input" : "forward",
      sourceIsLocal,
      destinationIsLocal,
      family,
      source: from,
      destination: to,
      protocol: flow.protocol === "other" ? icmp : flow.protocol.toLowerCase(),
      port: flow.port,
      icmpType: family === 4 ? 8 : 128,
    }).accepted;
  });
}

/** The policy says yes or no; an address nobody owns is closed whatever policies say. */
function evaluated(store: ClusterStore, line: FlowLine, flow: Flow): boolean {
  const closed = /^(?:unknown|10\.1\.0\.1[0-2]|fd00:1::10)$/;
  return closed.test(line.from) || closed.test(line.to)
    ? line.allowed
    : evaluate(store, flow).allowed;
}

for (const { name, steps } of CASES) {
  Deno.test(`firewall case: ${name}`, () => {
    const store = castStore();
    const nodes = ["n1", "n2"].map((node) => new NodeFirewall(store, node));
    for (const step of steps) {
      carryOut(store, step);
      for (const node of nodes) {
        node.settle();
        const fresh = desiredFor(store, node.name);
        assertEquals(node.desired.values(), fresh.values());
      }
      const models = new Map(
        nodes.map(({ name, desired }) => [
          name,
          new FirewallModel(desired.values().values()),
        ]),
      );
      for (const line of parseFlows(step.flows)) {
        for (const flow of flowsOf(line)) {
          const got = {
            line: line.text,
            family: flow.family,
            evaluator: evaluated(store, line, flow),
            compiled: judge(store, models, flow),
          };
          assertEquals(got, {
            line: line.text,
            family: flow.family,
            evaluator: line.allowed,
            compiled: line.allowed,
          });
        }
      }
    }
  });
}
