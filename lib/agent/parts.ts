/**
 * The parts of an agent, made as the settings ask.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import type { Issue } from "../base/issue.ts";
import type { Logger } from "../base/log.ts";
import type { Settings } from "../cluster/config/settings.ts";
import { ClusterStore } from "../cluster/store.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Transport } from "../speaker/transport.ts";
import { Watcher, type WatcherSource } from "../watcher/watcher.ts";
import { Bgp } from "./bgp_module.ts";
import type { EngineObserver } from "./engine/engine.ts";
import { Firewall } from "./firewall_module.ts";
import { createEngines, type Engines, type Targets } from "./kernel.ts";
import type { Module } from "./module.ts";
import type { Remembered } from "./remembered.ts";
import { Router } from "./router_module.ts";
import { Services } from "./service_module.ts";
import { egressSettings, familiesOf, serviceSettings } from "./wiring.ts";

/** What parts are made of. */
export interface PartsOptions {
  readonly settings: Settings;
  /** The node this agent runs on. */
  readonly node: string;
  readonly kernelRelease: string | undefined;
  readonly source: WatcherSource;
  readonly targets: Targets;
  readonly readNetworks: (signal: AbortSignal) => Promise<readonly Prefix[]>;
  readonly remembered: Remembered;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** BGP's transport; TCP when absent. */
  readonly transport?: Transport;
}

/** The parts of an agent; some are switched off. */
export interface Parts {
  readonly store: ClusterStore;
  readonly watcher: Watcher;
  readonly engines: Engines;
  readonly firewall: Firewall | undefined;
  readonly services: Services | undefined;
  readonly router: Router | undefined;
  readonly bgp: Bgp | undefined;
}

/** Makes the parts that the settings ask for; nothing runs yet. */
export function createParts(
  options: PartsOptions,
): Parts {
  const { settings, node, clock, log, targets, metrics } = options;
  const store = new ClusterStore();
  const engines = createEngines({
    targets,
    clock,
    log,
    observer: observe(metrics),
    auditEveryMs: {
      sysctl: settings.auditPeriodMs,
      ip: Math.min(settings.auditPeriodMs, settings.injectedRoutesSyncPeriodMs),
      nft: Math.min(settings.auditPeriodMs, settings.iptablesSyncPeriodMs),
      ipvs: Math.min(settings.auditPeriodMs, settings.ipvsSyncPeriodMs),
    },
  });
  const families = familiesOf(settings);
  const services = settings.runServiceProxy
    ? new Services({
      store,
      engines,
      clock,
      readNetworks: options.readNetworks,
      settings: serviceSettings(settings, node, options.kernelRelease),
    })
    : undefined;
  const firewall = settings.runFirewall
    ? new Firewall({
      store,
      node,
      families,
      nft: engines.nft,
      remembered: options.remembered,
      clock,
    })
    : undefined;
  const router = settings.runRouter
    ? new Router({
      store,
      node,
      egress: egressSettings(settings),
      engines,
      clock,
    })
    : undefined;
  const bgp = router === undefined ? undefined : new Bgp({
    store,
    node,
    settings,
    router,
    clock,
    log,
    metrics,
    waitsFor: services === undefined ? [] : [services.module.name],
    isRestart: () =>
      [...engines.ip.observed.values()].some((value) => value.kind === "route"),
    ...(options.transport === undefined
      ? {}
      : { transport: options.transport }),
  });
  const watcher = new Watcher({ store, source: options.source, clock, log });
  return { store, watcher, engines, firewall, services, router, bgp };
}

/**
 * The watcher as a module that counts as started while it still reads: those
 * who need it wait for the model themselves, and the firewall must close before
 * the cluster is known.
 */
export function watcherModule(watcher: Watcher): Module {
  return {
    name: watcher.name,
    purpose: watcher.purpose,
    needs: watcher.needs,
    health: () => watcher.health(),
    run: async ({ signal, started }) => {
      started();
      await watcher.run({ signal, started: () => {} });
    },
  };
}

/** Everything that is wrong with objects and files now. */
export function issuesOf(parts: Parts): readonly Issue[] {
  return [
    ...parts.watcher.issues(),
    ...parts.services?.issues() ?? [],
    ...parts.firewall?.issues() ?? [],
    ...parts.router?.issues() ?? [],
    ...parts.bgp?.issues() ?? [],
  ];
}

function observe(metrics: Metrics): EngineObserver {
  return {
    synced: ({ target, durationMs, operations }) =>
      metrics.reconciled(target, durationMs, operations),
    drifted: (target, count) => metrics.drift(target, count),
    refused: (target, refused) =>
      metrics.reconcileFailed(target, refused.error.code),
    failed: (target, error) => metrics.reconcileFailed(target, codeOf(error)),
  };
}
