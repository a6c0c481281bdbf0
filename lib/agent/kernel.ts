/**
 * The kernel's tools as difference engines.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Target } from "../base/target.ts";
import type { IpValue } from "../dataplane/ip.ts";
import type { IpvsValue } from "../dataplane/ipvs.ts";
import type { NftValue } from "../dataplane/nft.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import { Engine, type EngineObserver } from "./engine/engine.ts";
import { EngineModule } from "./engine_module.ts";
import type { Module } from "./module.ts";

/** One value for each kernel tool. */
export interface PerTool<Sysctl, Ip, Nft, Ipvs> {
  readonly sysctl: Sysctl;
  readonly ip: Ip;
  readonly nft: Nft;
  readonly ipvs: Ipvs;
}

/** The drivers, or their fakes. */
export type Targets = PerTool<
  Target<SysctlValue>,
  Target<IpValue>,
  Target<NftValue>,
  Target<IpvsValue>
>;

/** The engines. */
export type Engines = PerTool<
  Engine<SysctlValue>,
  Engine<IpValue>,
  Engine<NftValue>,
  Engine<IpvsValue>
>;

/** What engines share, and how often each tool is audited, milliseconds. */
export interface KernelOptions {
  readonly targets: Targets;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: EngineObserver;
  readonly auditEveryMs: PerTool<number, number, number, number>;
}

/** Puts an engine in front of each driver. */
export function createEngines(options: KernelOptions): Engines {
  const { targets, auditEveryMs, clock, log, observer } = options;
  const make = <V>(target: Target<V>, auditMs: number): Engine<V> =>
    new Engine({ target, clock, log, observer, auditEveryMs: auditMs });
  return {
    sysctl: make(targets.sysctl, auditEveryMs.sysctl),
    ip: make(targets.ip, auditEveryMs.ip),
    nft: make(targets.nft, auditEveryMs.nft),
    ipvs: make(targets.ipvs, auditEveryMs.ipvs),
  };
}

/** The engines as modules of the graph; only those of tools that some part uses. */
export function engineModules(
  engines: Engines,
  used: ReadonlySet<keyof Engines>,
): readonly Module[] {
  const all: readonly [keyof Engines, Module][] = [
    ["sysctl", new EngineModule(engines.sysctl, "sets kernel parameters")],
    [
      "ip",
      new EngineModule(engines.ip, "keeps links, routes and rules as wanted"),
    ],
    [
      "nft",
      new EngineModule(engines.nft, "keeps table inet fairway as wanted"),
    ],
    ["ipvs", new EngineModule(engines.ipvs, "keeps virtual servers as wanted")],
  ];
  return all.filter(([tool]) => used.has(tool)).map(([, module]) => module);
}
