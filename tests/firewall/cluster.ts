/** Clusters for the firewall's tests: from YAML text to a store and to entries. */

import { parseAllDocuments } from "yaml";
import type { Entry, Op, SourceUpdate } from "../../lib/base/target.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import type { NftValue } from "../../lib/dataplane/nft.ts";
import { nftOrder } from "../../lib/dataplane/render_nft.ts";
import { FirewallCompiler } from "../../lib/firewall/compiler.ts";
import type { Family } from "../../lib/net/ip.ts";

/** The objects of a YAML text, as JSON. */
export function parseYaml(text: string): unknown[] {
  return parseAllDocuments(text).map((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw fault;
    return document.toJS();
  });
}

/** A synced store with the objects of a YAML text; every object must be usable. */
export function clusterOf(text: string): ClusterStore {
  const { store, issues } = storeOf(parseYaml(text));
  if (issues.length > 0) throw new Error(JSON.stringify(issues));
  return store;
}

/** All sources of a node, joined as the engine joins them. */
export class Desired {
  readonly #sources = new Map<string, readonly Entry<NftValue>[]>();

  /** Takes in what a compiler said. */
  take(updates: readonly SourceUpdate<NftValue>[]): void {
    for (const { source, entries } of updates) {
      if (entries.length === 0) this.#sources.delete(source);
      else this.#sources.set(source, entries);
    }
  }

  /** The names of the sources that want something. */
  sources(): string[] {
    return [...this.#sources.keys()].sort();
  }

  /** The entries by key; throws when two sources want different values for one. */
  entries(): Map<string, Entry<NftValue>> {
    const joined = new Map<string, Entry<NftValue>>();
    for (const entries of this.#sources.values()) {
      for (const entry of entries) {
        const known = joined.get(entry.key);
        if (known !== undefined && !sameValue(known.value, entry.value)) {
          throw new Error(`two values for ${entry.key}`);
        }
        joined.set(entry.key, entry);
      }
    }
    return joined;
  }

  /** The values by key, for comparing. */
  values(): Map<string, NftValue> {
    const values = [...this.entries().values()]
      .map((entry): [string, NftValue] => [entry.key, entry.value]);
    return new Map(values.sort(([a], [b]) => a < b ? -1 : 1));
  }
}

function sameValue(a: NftValue, b: NftValue): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Everything a node wants for a cluster. */
export function desiredFor(
  store: ClusterStore,
  node: string,
  families: readonly Family[] = [4, 6],
): Desired {
  const desired = new Desired();
  desired.take(
    new FirewallCompiler({ view: store, node, families }).compile("all"),
  );
  return desired;
}

/** Additions of all entries, in the order of the kernel's batches. */
export function additions(desired: Desired): Op<NftValue>[] {
  return [...desired.values()]
    .map(([key, value]): Op<NftValue> => ({ kind: "add", key, value }))
    .sort((a, b) =>
      nftOrder(a.key) - nftOrder(b.key) || (a.key < b.key ? -1 : 1)
    );
}
