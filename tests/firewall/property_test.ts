import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { ownerOf } from "../../lib/firewall/address_owner.ts";
import { FirewallCompiler } from "../../lib/firewall/compiler.ts";
import { evaluate, type Flow } from "../../lib/firewall/evaluator.ts";
import {
  FirewallModel,
  type ModelPacket,
} from "../../lib/firewall/model_eval.ts";
import { type Family, type Ip, parseIp } from "../../lib/net/ip.ts";
import { prefixContains } from "../../lib/net/prefix.ts";
import { Desired, desiredFor } from "./cluster.ts";
import {
  ADDRESSES,
  bursts,
  type Edit,
  firstEdits,
  NODES,
} from "./random_cluster.ts";

const NODE_NAMES = ["n1", "n2"];

function newStore(edits: readonly Edit[]): ClusterStore {
  const { store } = storeOf(NODES);
  for (const edit of edits) carryOut(store, edit);
  return store;
}

function carryOut(store: ClusterStore, edit: Edit): void {
  if (edit.object === undefined) {
    store.remove(edit.kind, edit.key);
    return;
  }
  const decoded = decodeObject(edit.object);
  assert(decoded.status === "object");
  store.upsert(decoded.kind, decoded.project());
}

/** Whether an address is in the node's pod CIDR and no pod of the node owns it. */
function isUnprogrammed(store: ClusterStore, node: string, ip: Ip): boolean {
  const cidrs = store.table("Node").get(node)?.podCidrs ?? [];
  return cidrs.some((cidr) => prefixContains(cidr, ip)) &&
    ownerOf(store, ip)?.node !== node;
}

/** What the node's kernel should do, by the evaluator and the rule for unknown addresses. */
function expected(store: ClusterStore, flow: Flow, from: Ip, to: Ip): boolean {
  const node = flow.node ?? "";
  if (store.nodeByIp(from)?.name === node) return true;
  if (isUnprogrammed(store, node, from)) return false;
  if (isUnprogrammed(store, node, to)) return false;
  return evaluate(store, flow).allowed;
}

/** The hooks at which a node sees a flow; at each the answer must be the same. */
function hooks(
  store: ClusterStore,
  node: string,
  from: Ip,
  to: Ip,
): Pick<ModelPacket, "hook" | "sourceIsLocal" | "destinationIsLocal">[] {
  if (store.nodeByIp(from)?.name === node) {
    return [{ hook: "output", sourceIsLocal: true }];
  }
  if (store.nodeByIp(to)?.name === node) {
    return [{ hook: "input", destinationIsLocal: true }];
  }
  // IPVS sends what it forwards through the output hook.
  return [{ hook: "forward" }, { hook: "output" }];
}

const PORTS = [
  ["TCP", 80],
  ["TCP", 8080],
  ["TCP", 86],
  ["UDP", 53],
  ["SCTP", 80],
  ["other", 0],
] as const;

function nftProtocol(protocol: string, family: Family): string {
  if (protocol !== "other") return protocol.toLowerCase();
  return family === 4 ? "icmp" : "icmpv6";
}

/** Compares model and evaluator on one flow at every hook it can pass; returns whether it passed. */
function compareOne(
  store: ClusterStore,
  model: FirewallModel,
  flow: Flow,
  ends: { readonly family: Family; readonly from: Ip; readonly to: Ip },
): boolean {
  const { family, from, to } = ends;
  const { protocol, port, node = "" } = flow;
  const wanted = expected(store, flow, from, to);
  for (const where of hooks(store, node, from, to)) {
    const verdict = model.judge({
      ...where,
      family,
      source: from,
      destination: to,
      protocol: nftProtocol(protocol, family),
      port,
      icmpType: 128,
    });
    if (verdict.accepted === wanted) continue;
    throw new Error(
      `${node} ${where.hook} ${protocol} ${from} -> ${to}:${port}: ` +
        `evaluator ${wanted}, compiled form ${verdict.accepted} by ` +
        verdict.path.join(" > "),
    );
  }
  return wanted;
}

/** Compares model and evaluator on every pair of addresses; returns how many flows passed and not. */
function compareAll(
  store: ClusterStore,
  node: string,
  portsPerPair: number,
): [number, number] {
  const desired = desiredFor(store, node);
  const model = new FirewallModel(desired.values().values());
  let passed = 0;
  let blocked = 0;
  for (const family of [4, 6] as const) {
    const addresses = ADDRESSES[family].map((text) => parseIp(text));
    for (const [i, from] of addresses.entries()) {
      for (const [j, to] of addresses.entries()) {
        if (from === to) continue;
        for (let k = 0; k < portsPerPair; k++) {
          const [protocol, port] = PORTS[(i + j + k) % PORTS.length] ??
            ["TCP", 80];
          const flow: Flow = {
            from: { kind: "ip", ip: from },
            to: { kind: "ip", ip: to },
            protocol,
            port,
            node,
          };
          if (compareOne(store, model, flow, { family, from, to })) passed++;
          else blocked++;
        }
      }
    }
  }
  return [passed, blocked];
}

Deno.test("firewall property: the compiled form answers as the evaluator, for any cluster and flow", () => {
  let passed = 0;
  let blocked = 0;
  fc.assert(
    fc.property(firstEdits, (edits) => {
      const store = newStore(edits);
      for (const node of NODE_NAMES) {
        const [yes, no] = compareAll(store, node, PORTS.length);
        passed += yes;
        blocked += no;
      }
    }),
    { numRuns: 100 },
  );
  // Both answers must have been put to the test.
  assert(
    passed > 5000 && blocked > 5000,
    `${passed} passed, ${blocked} blocked`,
  );
});

Deno.test("firewall property: after any edits the increments add up to a compilation from scratch", () => {
  fc.assert(
    fc.property(firstEdits, bursts, (edits, more) => {
      const store = newStore(edits);
      const compilers = NODE_NAMES.map((node) => ({
        node,
        feed: store.feed(),
        compiler: new FirewallCompiler({ view: store, node, families: [4, 6] }),
        desired: new Desired(),
      }));
      for (const { feed, compiler, desired } of compilers) {
        feed.take();
        desired.take(compiler.compile("all"));
      }
      for (const burst of more) {
        for (const edit of burst) carryOut(store, edit);
        for (const { node, feed, compiler, desired } of compilers) {
          desired.take(compiler.compile(feed.take()));
          const fresh = desiredFor(store, node);
          assertEquals(desired.values(), fresh.values());
          assertEquals(desired.sources(), fresh.sources());
          compareAll(store, node, 1);
        }
      }
      for (const { feed } of compilers) feed.close();
    }),
    { numRuns: 40 },
  );
});

Deno.test("firewall property: compiling everything again says the same, and ends what is gone", () => {
  fc.assert(
    fc.property(firstEdits, bursts, (edits, more) => {
      const store = newStore(edits);
      const compiler = new FirewallCompiler({
        view: store,
        node: "n1",
        families: [4, 6],
      });
      const desired = new Desired();
      desired.take(compiler.compile("all"));
      for (const edit of more.flat()) carryOut(store, edit);
      desired.take(compiler.compile("all"));
      assertEquals(desired.values(), desiredFor(store, "n1").values());
    }),
    { numRuns: 40 },
  );
});
