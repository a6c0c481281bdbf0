/**
 * Policies and the nftables table, as the API shows them.
 *
 * @module
 */

import type { NetworkPolicy } from "../../cluster/model.ts";
import { matches } from "../../cluster/selector.ts";
import type { ClusterStore } from "../../cluster/store.ts";
import { NFT_TABLE, type NftValue } from "../../dataplane/nft.ts";
import type { EngineStatus } from "../engine/engine.ts";
import type {
  ChainStatus,
  FirewallStatus,
  PolicyStatus,
  SetStatus,
} from "../state.ts";

/** Every policy, with how many pods of this node it selects. */
export function viewPolicies(
  store: ClusterStore,
  node: string,
  nft: EngineStatus,
): readonly PolicyStatus[] {
  return [...store.table("NetworkPolicy").values()].map((policy) => ({
    namespace: policy.namespace,
    name: policy.name,
    selectedPods: selectedOn(store, node, policy),
    directions: directionsOf(policy),
    issues: store.issuesOf("NetworkPolicy", policy.key),
    refused:
      nft.refused.find((refused) =>
        refused.owner?.split(", ").includes(`NetworkPolicy ${policy.key}`)
      )?.error.message ?? null,
  })).sort((a, b) =>
    `${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1
  );
}

/** The table as the kernel was last told. */
export function viewFirewall(
  store: ClusterStore,
  node: string,
  nft: ReadonlyMap<string, NftValue>,
): FirewallStatus {
  const chains: ChainStatus[] = [];
  const sets: SetStatus[] = [];
  const elements = new Map<string, number>();
  for (const value of nft.values()) {
    if (value.kind !== "element") continue;
    elements.set(value.set, (elements.get(value.set) ?? 0) + 1);
  }
  for (const value of nft.values()) {
    if (value.kind === "chain") {
      const rules = nft.get(`rules/${value.name}`);
      const { hook } = value;
      chains.push({
        name: value.name,
        hook: hook === undefined
          ? null
          : `${hook.type} ${hook.hook} ${hook.priority}`,
        rules: rules?.kind === "rules"
          ? rules.rules.map(({ body, note }) => ({ body, note: note ?? "" }))
          : [],
      });
    } else if (value.kind === "set") {
      sets.push({
        name: value.name,
        type: value.data === undefined
          ? value.type
          : `${value.type} : ${value.data}`,
        elements: elements.get(value.name) ?? 0,
      });
    }
  }
  return {
    table: `inet ${NFT_TABLE}`,
    chains: chains.sort(byName),
    sets: sets.sort(byName),
    isolatedPods: isolatedOn(store, node),
  };
}

function selectedOn(
  store: ClusterStore,
  node: string,
  policy: NetworkPolicy,
): number {
  let count = 0;
  for (const pod of store.podsOnNode(node)) {
    if (
      pod.namespace === policy.namespace && !pod.hostNetwork &&
      !pod.finished && matches(policy.podSelector, pod.labels)
    ) count++;
  }
  return count;
}

function isolatedOn(store: ClusterStore, node: string): number {
  let count = 0;
  for (const pod of store.podsOnNode(node)) {
    if (pod.hostNetwork || pod.finished) continue;
    for (const policy of store.policiesInNamespace(pod.namespace)) {
      if (!matches(policy.podSelector, pod.labels)) continue;
      count++;
      break;
    }
  }
  return count;
}

function directionsOf(
  policy: NetworkPolicy,
): readonly ("ingress" | "egress")[] {
  return [
    ...policy.ingress === undefined ? [] : ["ingress" as const],
    ...policy.egress === undefined ? [] : ["egress" as const],
  ];
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
