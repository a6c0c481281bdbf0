/**
 * Gathers what sources want, and names to each tool only the sources that matter
 * to it: those with entries, and those that had some before.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Entry, SourceUpdate } from "../base/target.ts";
import type { IpValue } from "../dataplane/ip.ts";
import type { IpvsValue } from "../dataplane/ipvs.ts";
import type { NftValue } from "../dataplane/nft.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";

/** What one source wants of every tool. */
export interface SourceState {
  readonly ipvs: readonly Entry<IpvsValue>[];
  readonly nft: readonly Entry<NftValue>[];
  readonly ip: readonly Entry<IpValue>[];
  readonly sysctl: readonly Entry<SysctlValue>[];
  readonly issues: readonly Issue[];
}

/** What was gathered since the last time. */
export interface SourceBatch {
  readonly ipvs: readonly SourceUpdate<IpvsValue>[];
  readonly nft: readonly SourceUpdate<NftValue>[];
  readonly ip: readonly SourceUpdate<IpValue>[];
  readonly sysctl: readonly SourceUpdate<SysctlValue>[];
  readonly issues: ReadonlyMap<string, readonly Issue[]>;
}

/** Remembers which sources have anything, by tool. */
export class SourceBook {
  readonly #ipvs = new Page<Entry<IpvsValue>>();
  readonly #nft = new Page<Entry<NftValue>>();
  readonly #ip = new Page<Entry<IpValue>>();
  readonly #sysctl = new Page<Entry<SysctlValue>>();
  readonly #issues = new Page<Issue>();

  /** Replaces what a source wants. */
  put(source: string, state: SourceState): void {
    this.#ipvs.put(source, state.ipvs);
    this.#nft.put(source, state.nft);
    this.#ip.put(source, state.ip);
    this.#sysctl.put(source, state.sysctl);
    this.#issues.put(source, state.issues);
  }

  /** Every source wants nothing, until it is put again. */
  startOver(): void {
    this.#ipvs.startOver();
    this.#nft.startOver();
    this.#ip.startOver();
    this.#sysctl.startOver();
    this.#issues.startOver();
  }

  /** Hands over what was put since the last time, in order of the sources. */
  take(): SourceBatch {
    return {
      ipvs: updates(this.#ipvs.take()),
      nft: updates(this.#nft.take()),
      ip: updates(this.#ip.take()),
      sysctl: updates(this.#sysctl.take()),
      issues: new Map(this.#issues.take()),
    };
  }
}

/** One list per source. */
class Page<T> {
  readonly #nonEmpty = new Set<string>();
  readonly #pending = new Map<string, readonly T[]>();

  put(source: string, items: readonly T[]): void {
    if (items.length > 0) this.#pending.set(source, items);
    else if (this.#nonEmpty.has(source)) this.#pending.set(source, []);
    else this.#pending.delete(source);
  }

  startOver(): void {
    this.#pending.clear();
    for (const source of this.#nonEmpty) this.#pending.set(source, []);
  }

  take(): readonly (readonly [string, readonly T[]])[] {
    const taken = [...this.#pending].sort(([a], [b]) => a < b ? -1 : 1);
    this.#pending.clear();
    for (const [source, items] of taken) {
      if (items.length > 0) this.#nonEmpty.add(source);
      else this.#nonEmpty.delete(source);
    }
    return taken;
  }
}

function updates<V>(
  taken: readonly (readonly [string, readonly Entry<V>[]])[],
): readonly SourceUpdate<V>[] {
  return taken.map(([source, entries]) => ({ source, entries }));
}
