/** A compiled node in the kernel of a namespace: one batch a tool, as at a first start. */

import { assertEquals } from "@std/assert";
import type { Entry, Op, SourceUpdate, Target } from "../../lib/base/target.ts";
import { EgressCompiler } from "../../lib/routing/egress.ts";
import type { ClusterView } from "../../lib/cluster/model.ts";
import type { ServiceSettings } from "../../lib/ipvs/context.ts";
import {
  ServiceCompiler,
  type ServiceUpdates,
} from "../../lib/ipvs/service_compiler.ts";

const DEADLINE_MS = 120_000;

/** Everything that services and egress masquerade want of a node. */
export function compileNode(
  store: ClusterView,
  settings: ServiceSettings,
): ServiceUpdates {
  const updates = new ServiceCompiler(store, settings).compile("all");
  const egress = new EgressCompiler(store, {
    families: settings.families,
    enablePodEgress: true,
  }).compile("all");
  return { ...updates, nft: [...updates.nft, ...egress.nft] };
}

/** Additions of all entries, each once, in the order of the kernel's batches. */
export function additions<V>(
  sources: readonly SourceUpdate<V>[],
  order: (key: string) => number,
): Op<V>[] {
  const entries = new Map<string, Entry<V>>();
  for (const { entries: list } of sources) {
    for (const entry of list) entries.set(entry.key, entry);
  }
  return [...entries.values()]
    .map(({ key, value }): Op<V> => ({ kind: "add", key, value }))
    .sort((a, b) => order(a.key) - order(b.key) || (a.key < b.key ? -1 : 1));
}

/** Carries out all additions; a refusal fails the test. */
export async function program<V>(
  target: Target<V>,
  sources: readonly SourceUpdate<V>[],
): Promise<void> {
  const ops = additions(sources, (key) => target.order(key));
  const result = await target.apply(ops, AbortSignal.timeout(DEADLINE_MS));
  assertEquals(
    result.refusals.map(({ index, error }) =>
      `${ops[index ?? -1]?.key}: ${error.message}`
    ),
    [],
  );
}

/** Reads everything back; whatever differs fails the test. */
export async function assertProgrammed<V>(
  target: Target<V>,
  sources: readonly SourceUpdate<V>[],
): Promise<void> {
  const observed = await target.read(AbortSignal.timeout(DEADLINE_MS));
  for (const op of additions(sources, (key) => target.order(key))) {
    if (op.kind === "remove") continue;
    const found = observed.get(op.key);
    if (found === undefined) throw new Error(`${op.key} is not there`);
    if (!target.equal(op.value, found)) assertEquals(found, op.value);
    observed.delete(op.key);
  }
  assertEquals([...observed.keys()], []);
}
