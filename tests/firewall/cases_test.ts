import { assertEquals } from "@std/assert";
import { parse } from "yaml";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { Kind } from "../../lib/cluster/model.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { FirewallCompiler } from "../../lib/firewall/compiler.ts";
import { evaluate, type Flow } from "../../lib/firewall/evaluator.ts";
import { FirewallModel } from "../../lib/firewall/model_eval.ts";
import { type Case, type FlowLine, parseFlows, type Step } from "./case.ts";
import { BLOCKS } from "./cases_blocks.ts";
import { IDENTITY } from "./cases_identity.ts";
import { ISOLATION } from "./cases_isolation.ts";
import { PORTS } from "./cases_ports.ts";
import { SELECTORS } from "./cases_selectors.ts";
import { cast, endOf, policyObject } from "./cast.ts";
import { Desired, desiredFor } from "./cluster.ts";

const CASES: readonly Case[] = [
  ...ISOLATION,
  ...SELECTORS,
  ...BLOCKS,
  ...PORTS,
  ...IDENTITY,
];

function carryOut(store: ClusterStore, step: Step): void {
  const specs: Record<string, unknown> = parse(step.policies ?? "") ?? {};
  for (const [key, spec] of Object.entries(specs)) {
    if (spec === null) store.remove("NetworkPolicy", key);
    else put(store, policyObject(key, spec));
  }
  for (const object of step.objects ?? []) put(store, object);
  for (const name of step.gone ?? []) {
    const [kind = "", key = ""] = name.split(" ");
    store.remove(kind as Kind, key);
  }
}

function put(store: ClusterStore, object: unknown): void {
  const decoded = decodeObject(object);
  if (decoded.status !== "object") throw new Error(JSON.stringify(decoded));
  store.upsert(decoded.kind, decoded.project());
}

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

function flowsOf(line: FlowLine): Flow[] {
  return line.families.flatMap((family): Flow[] => {
    const from = endOf(line.from, family);
    const to = endOf(line.to, family);
    const { protocol, port } = line;
    return from && to ? [{ from, to, family, protocol, port }] : [];
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
    const { store } = storeOf(cast());
    const nodes = ["n1", "n2"].map((node) => ({
      node,
      feed: store.feed(),
      compiler: new FirewallCompiler({ view: store, node, families: [4, 6] }),
      desired: new Desired(),
    }));
    for (const { feed, compiler, desired } of nodes) {
      feed.take();
      desired.take(compiler.compile("all"));
    }
    for (const step of steps) {
      carryOut(store, step);
      for (const { node, feed, compiler, desired } of nodes) {
        desired.take(compiler.compile(feed.take()));
        assertEquals(desired.values(), desiredFor(store, node).values());
      }
      const models = new Map(
        nodes.map(({ node, desired }) => [
          node,
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
