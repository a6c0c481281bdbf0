/** Plays a case's steps into a store. */

import { parse } from "yaml";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { Kind } from "../../lib/cluster/model.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import { FirewallCompiler } from "../../lib/firewall/compiler.ts";
import type { Flow } from "../../lib/firewall/evaluator.ts";
import type { FlowLine, Step } from "./case.ts";
import { cast, endOf, policyObject } from "./cast.ts";
import { Desired } from "./cluster.ts";

/** What one node wants, kept up with a store. */
export class NodeFirewall {
  readonly name: string;
  readonly desired = new Desired();
  readonly #compiler: FirewallCompiler;
  readonly #feed;

  constructor(store: ClusterStore, name: string) {
    this.name = name;
    this.#compiler = new FirewallCompiler({
      view: store,
      node: name,
      families: [4, 6],
    });
    this.#feed = store.feed();
    this.#feed.take();
    this.desired.take(this.#compiler.compile("all"));
  }

  /** Takes in what changed in the store. */
  settle(): void {
    this.desired.take(this.#compiler.compile(this.#feed.take()));
  }
}

/** A store with the cast. */
export function castStore(): ClusterStore {
  return storeOf(cast()).store;
}

/** Makes a step happen. */
export function carryOut(store: ClusterStore, step: Step): void {
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

/** The flows of a line, one for each family in which both ends have an address. */
export function flowsOf(line: FlowLine): Flow[] {
  return line.families.flatMap((family): Flow[] => {
    const from = endOf(line.from, family);
    const to = endOf(line.to, family);
    const { protocol, port } = line;
    return from && to ? [{ from, to, family, protocol, port }] : [];
  });
}
