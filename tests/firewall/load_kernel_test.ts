/** Random edits, each as one transaction, against the real nftables. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import type { ClusterStore } from "../../lib/cluster/store.ts";
import type { NftValue } from "../../lib/dataplane/nft.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { TestNamespace } from "../kernel/namespace.ts";
import { differences } from "./packet_lab.ts";
import { NodeFirewall } from "./play.ts";
import { bursts, type Edit, firstEdits, NODES } from "./random_cluster.ts";

function carryOut(store: ClusterStore, { kind, key, object }: Edit): void {
  if (object === undefined) {
    store.remove(kind, key);
    return;
  }
  const decoded = decodeObject(object);
  assert(decoded.status === "object");
  store.upsert(decoded.kind, decoded.project());
}

Deno.test("firewall load: every change is one transaction that nft takes, and reads back as meant", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  const { signal } = new AbortController();
  await fc.assert(
    fc.asyncProperty(firstEdits, bursts, async (edits, more) => {
      const { store } = storeOf(NODES);
      for (const edit of edits) carryOut(store, edit);
      const firewall = new NodeFirewall(store, "n1");
      await target.deleteTable(signal);
      let loaded: ReadonlyMap<string, NftValue> = new Map();
      for (const burst of [[], ...more]) {
        for (const edit of burst) carryOut(store, edit);
        firewall.settle();
        const wanted = firewall.desired.values();
        const { refusals } = await target.apply(
          differences(loaded, wanted, target),
          signal,
        );
        assertEquals(refusals.map(({ error }) => error.stderr), []);
        loaded = wanted;
        const observed = await target.read(signal);
        assertEquals(differences(observed, wanted, target), []);
      }
    }),
    { numRuns: 15 },
  );
});
