/** Compiled services as short lines, for tables. */

import type { Entry, SourceUpdate } from "../../lib/base/target.ts";
import { formatIssue } from "../../lib/base/issue.ts";
import type { ClusterView } from "../../lib/cluster/model.ts";
import { renderIpOp } from "../../lib/dataplane/render_ip.ts";
import { renderIpvsOp } from "../../lib/dataplane/render_ipvs.ts";
import { compileService } from "../../lib/ipvs/compile_service.ts";
import {
  resolveContext,
  type ServiceSettings,
} from "../../lib/ipvs/context.ts";
import type { ServiceUpdates } from "../../lib/ipvs/service_compiler.ts";
import { serviceSettings } from "./objects.ts";

/** A service on node `a`: ipvsadm and ip lines, element keys, issues. */
export function compileText(
  store: ClusterView,
  key: string,
  settings: ServiceSettings = serviceSettings(),
): {
  readonly ipvs: string[];
  readonly nft: string[];
  readonly ip: string[];
  readonly issues: string[];
} {
  const { context } = resolveContext(store, settings);
  const compiled = compileService(store, key, context);
  return {
    ipvs: compiled.ipvs
      .map((entry) => renderIpvsOp({ kind: "add", ...entry }))
      .sort(),
    nft: compiled.nft.map(({ key }) => key.replace(/^element\//, "")),
    ip: compiled.ip.map((entry) =>
      renderIpOp({ kind: "add", ...entry })[0] ?? ""
    ),
    issues: compiled.issues.map(formatIssue),
  };
}

/** Sources joined as the engine joins them: key to value, the same key only ever with one value. */
export class Joined {
  readonly #sources = new Map<string, readonly Entry<unknown>[]>();

  /** Takes in what a compiler said, for all tools. */
  take(updates: ServiceUpdates): void {
    for (const tool of ["ipvs", "nft", "ip", "sysctl"] as const) {
      const list: readonly SourceUpdate<unknown>[] = updates[tool];
      for (const { source, entries } of list) {
        const key = `${tool} ${source}`;
        if (entries.length === 0) this.#sources.delete(key);
        else this.#sources.set(key, entries);
      }
    }
  }

  /** Sources that want something, with the tool in front. */
  sources(): string[] {
    return [...this.#sources.keys()].sort();
  }

  /** Every entry once, `KEY` to the JSON of its value; throws when two sources disagree. */
  values(): Map<string, string> {
    const values = new Map<string, string>();
    for (const [source, entries] of this.#sources) {
      for (const { key, value } of entries) {
        const text = JSON.stringify(value);
        const known = values.get(key);
        if (known !== undefined && known !== text) {
          throw new Error(`${source} wants another value for ${key}`);
        }
        values.set(key, text);
      }
    }
    return new Map([...values].sort(([a], [b]) => a < b ? -1 : 1));
  }

  /** Entries that need a key nobody wants. */
  unmet(): string[] {
    const keys = new Set(this.values().keys());
    return [...this.#sources.values()].flat().flatMap(({ key, needs }) =>
      (needs ?? []).filter((need) => !keys.has(need))
        .map((need) => `${key} needs ${need}`)
    );
  }
}
