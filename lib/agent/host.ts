/**
 * The machine the agent runs on: its tools, its name, its kernel.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import type { Settings } from "../cluster/config/settings.ts";
import { TABLE_MAIN } from "../dataplane/ip.ts";
import type { ToolObserver } from "../kernel/exec.ts";
import { ToolRunner } from "../kernel/exec.ts";
import { IpTarget } from "../kernel/ip.ts";
import { IpvsTarget } from "../kernel/ipvs.ts";
import { readConnectedNetworks } from "../kernel/networks.ts";
import { NftTarget } from "../kernel/nft.ts";
import { SysctlTarget } from "../kernel/sysctl.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Targets } from "./kernel.ts";
import { Remembered } from "./remembered.ts";
import { OriginalKeeper } from "./sysctl_originals.ts";
import { isOurVirtualServer } from "./wiring.ts";

/** Priorities of routing policy rules that are ours. */
const RULE_PRIORITIES = [20244, 20344] as const;

/** The machine's drivers and facts. */
export interface Host {
  readonly runner: ToolRunner;
  readonly targets: Targets & { readonly nft: NftTarget };
  readonly readNetworks: (signal: AbortSignal) => Promise<readonly Prefix[]>;
  readonly remembered: Remembered;
  /** `--hostname-override`, `NODE_NAME`, or the host's name in lower case. */
  readonly node: string;
  readonly kernelRelease: string;
}

/** Makes the drivers; nothing is run yet. */
export function openHost(
  settings: Settings,
  log: Logger,
  observer?: ToolObserver,
): Host {
  const runner = new ToolRunner(observer === undefined ? {} : { observer });
  const remembered = new Remembered(settings, log);
  return {
    runner,
    remembered,
    readNetworks: (signal) => readConnectedNetworks(runner, signal),
    targets: {
      sysctl: new OriginalKeeper(
        (names) => new SysctlTarget(runner, names),
        remembered,
      ),
      ip: new IpTarget(runner, {
        tables: [TABLE_MAIN],
        rulePriorities: RULE_PRIORITIES,
      }),
      nft: new NftTarget(runner),
      ipvs: new IpvsTarget(runner, {
        isOurs: (service) => isOurVirtualServer(settings, service),
      }),
    },
    node: settings.nodeName === ""
      ? Deno.hostname().toLowerCase()
      : settings.nodeName,
    kernelRelease: Deno.osRelease(),
  };
}
