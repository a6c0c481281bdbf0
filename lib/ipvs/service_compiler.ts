/**
 * All services as kernel state, kept up to date by changes.
 *
 * The compiler remembers only what ties objects together (which slice belongs to
 * which service, who claims which address), never the entries: those are the
 * difference engine's. The work of a change is that of the services it touches.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Entry, SourceUpdate } from "../base/target.ts";
import type { ChangeSet, ClusterView, ObjectKey } from "../cluster/model.ts";
import { allNodeIps } from "../cluster/node_ips.ts";
import type { IpValue } from "../dataplane/ip.ts";
import type { IpvsValue } from "../dataplane/ipvs.ts";
import type { NftValue } from "../dataplane/nft.ts";
import type { SysctlValue } from "../dataplane/sysctl.ts";
import { familyOf, type Ip } from "../net/ip.ts";
import { prefixFamily } from "../net/prefix.ts";
import { Claims } from "./claims.ts";
import { compileIpvsBase } from "./compile_base.ts";
import { compileService } from "./compile_service.ts";
import {
  inRange,
  resolveContext,
  type ResolvedContext,
  type ServiceContext,
  type ServiceSettings,
  touchesContext,
} from "./context.ts";
import { serviceElement } from "./service_nat.ts";
import { SourceBook } from "./source_book.ts";
import { listVirtualServers } from "./virtual_servers.ts";

/** What changed, for each tool, and what is now wrong with each source that was compiled. */
export interface ServiceUpdates {
  readonly ipvs: readonly SourceUpdate<IpvsValue>[];
  readonly nft: readonly SourceUpdate<NftValue>[];
  readonly ip: readonly SourceUpdate<IpValue>[];
  readonly sysctl: readonly SourceUpdate<SysctlValue>[];
  /** By source; an empty list says that earlier issues are gone. */
  readonly issues: ReadonlyMap<string, readonly Issue[]>;
}

/** Source of what is there whatever services there are. */
export const BASE_SOURCE = "services base";
/** Source of this node's pod addresses, when the node has no pod network of a family. */
export const LOCAL_PODS_SOURCE = "services local pods";

/** Compiles services by changes. */
export class ServiceCompiler {
  readonly #view: ClusterView;
  #settings: ServiceSettings;
  #resolved: ResolvedContext;
  #claims = new Claims();
  readonly #serviceOfSlice = new Map<ObjectKey, ObjectKey>();
  /** Services by their addresses outside the ranges, which a node may turn out to own. */
  readonly #byAddress = new Map<Ip, Set<ObjectKey>>();
  readonly #addressesOf = new Map<ObjectKey, readonly Ip[]>();
  readonly #nodeAddresses = new Map<ObjectKey, readonly Ip[]>();
  readonly #localPods = new Set<ObjectKey>();
  readonly #book = new SourceBook();

  constructor(view: ClusterView, settings: ServiceSettings) {
    this.#view = view;
    this.#settings = settings;
    this.#resolved = resolveContext(view, settings);
  }

  /** The context in force. */
  get context(): ServiceContext {
    return this.#resolved.context;
  }

  /**
   * Compiles what changes touch, or everything: at the start, and after
   * `settings` were replaced.
   */
  compile(
    changes: ChangeSet | "all",
    settings: ServiceSettings = this.#settings,
  ): ServiceUpdates {
    if (changes === "all" || settings !== this.#settings) {
      this.#settings = settings;
      this.#resolved = resolveContext(this.#view, settings);
      return this.#compileAll();
    }
    const affected = this.#affected(changes);
    if (changes.Node.size > 0 && this.#contextChanged(changes.Node)) {
      return this.#compileAll();
    }
    for (const key of changes.Service) {
      affected.add(key);
      for (const other of this.#claim(key)) affected.add(other);
    }
    for (const key of affected) this.#compileService(key);
    if (this.#touchesLocalPods(changes.Pod)) this.#compileLocalPods();
    return this.#book.take();
  }

  /** Services of changed slices, before and after, and services at addresses that nodes gained or lost. */
  #affected(changes: ChangeSet): Set<ObjectKey> {
    const affected = new Set<ObjectKey>();
    for (const key of changes.EndpointSlice) {
      const before = this.#serviceOfSlice.get(key);
      const now = this.#view.table("EndpointSlice").get(key)?.service ?? "";
      if (before !== undefined) affected.add(before);
      if (now !== "") affected.add(now);
      this.#setSlice(key, now);
    }
    for (const key of changes.Node) {
      const before = this.#nodeAddresses.get(key) ?? [];
      for (const ip of [...before, ...this.#setNode(key)]) {
        for (const service of this.#byAddress.get(ip) ?? []) {
          affected.add(service);
        }
      }
    }
    return affected;
  }

  #compileAll(): ServiceUpdates {
    this.#book.startOver();
    this.#claims = new Claims();
    this.#byAddress.clear();
    this.#addressesOf.clear();
    this.#serviceOfSlice.clear();
    this.#nodeAddresses.clear();
    for (const slice of this.#view.table("EndpointSlice").values()) {
      this.#setSlice(slice.key, slice.service);
    }
    for (const key of this.#view.table("Node").keys()) this.#setNode(key);
    const base = compileIpvsBase(this.context);
    this.#book.put(BASE_SOURCE, {
      ...base,
      ipvs: [],
      issues: this.#resolved.issues,
    });
    for (const key of this.#view.table("Service").keys()) this.#claim(key);
    for (const key of this.#view.table("Service").keys()) {
      this.#compileService(key);
    }
    this.#compileLocalPods();
    return this.#book.take();
  }

  #compileService(key: ObjectKey): void {
    const compiled = compileService(
      this.#view,
      key,
      this.context,
      this.#claims,
    );
    this.#book.put(`Service ${key}`, { ...compiled, sysctl: [] });
  }

  /** Renews a service's claims; returns the other services that they change. */
  #claim(key: ObjectKey): ReadonlySet<ObjectKey> {
    const service = this.#view.table("Service").get(key);
    const servers = service === undefined
      ? []
      : listVirtualServers(service, this.context).servers;
    for (const ip of this.#addressesOf.get(key) ?? []) {
      const services = this.#byAddress.get(ip);
      services?.delete(key);
      if (services?.size === 0) this.#byAddress.delete(ip);
    }
    const outside = servers.map(({ at }) => at.address)
      .filter((ip) => !inRange(this.context, ip));
    for (const ip of outside) {
      const services = this.#byAddress.get(ip) ?? new Set();
      this.#byAddress.set(ip, services.add(key));
    }
    if (outside.length === 0) this.#addressesOf.delete(key);
    else this.#addressesOf.set(key, outside);
    return this.#claims.update(key, servers);
  }

  #setSlice(key: ObjectKey, service: ObjectKey): void {
    if (service === "") this.#serviceOfSlice.delete(key);
    else this.#serviceOfSlice.set(key, service);
  }

  #setNode(key: ObjectKey): readonly Ip[] {
    const node = this.#view.table("Node").get(key);
    const addresses = node === undefined ? [] : allNodeIps(node);
    if (node === undefined) this.#nodeAddresses.delete(key);
    else this.#nodeAddresses.set(key, addresses);
    return addresses;
  }

  #contextChanged(nodes: ReadonlySet<ObjectKey>): boolean {
    const hadConflict = this.context.ranges.length <
      this.#settings.virtualIps.serviceCidrs.length;
    const table = this.#view.table("Node");
    const mayChange = hadConflict || [...nodes].some((key) => {
      const node = table.get(key);
      return key === this.#settings.nodeName ||
        (node !== undefined && touchesContext(node, this.#settings));
    });
    if (!mayChange) return false;
    const before = fingerprint(this.#resolved);
    this.#resolved = resolveContext(this.#view, this.#settings);
    return fingerprint(this.#resolved) !== before;
  }

  #touchesLocalPods(pods: ReadonlySet<ObjectKey>): boolean {
    if (!this.#needsLocalPods()) return false;
    const table = this.#view.table("Pod");
    for (const key of pods) {
      if (this.#localPods.has(key)) return true;
      if (table.get(key)?.node === this.#settings.nodeName) return true;
    }
    return false;
  }

  /** Without a pod network of a family, which pods are here is known from the pods alone. */
  #needsLocalPods(): boolean {
    return this.#familiesWithoutCidr().length > 0;
  }

  #familiesWithoutCidr(): readonly (4 | 6)[] {
    const { nodeIps, podCidrs } = this.context;
    return ([4, 6] as const).filter((family) =>
      nodeIps[family] !== undefined &&
      !podCidrs.some((cidr) => prefixFamily(cidr) === family)
    );
  }

  #compileLocalPods(): void {
    this.#localPods.clear();
    const families = this.#familiesWithoutCidr();
    const nft = new Map<string, Entry<NftValue>>();
    if (families.length > 0) {
      for (const pod of this.#view.podsOnNode(this.#settings.nodeName)) {
        this.#localPods.add(pod.key);
        if (pod.hostNetwork || pod.finished) continue;
        for (const ip of pod.ips) {
          const family = familyOf(ip);
          if (!families.includes(family)) continue;
          const entry = serviceElement("svc_local", family, ip);
          nft.set(entry.key, entry);
        }
      }
    }
    this.#book.put(LOCAL_PODS_SOURCE, {
      ipvs: [],
      nft: [...nft.values()].sort((a, b) => a.key < b.key ? -1 : 1),
      ip: [],
      sysctl: [],
      issues: [],
    });
  }
}

/** Equal for equal contexts and issues. */
function fingerprint({ context, issues }: ResolvedContext): string {
  const { observer, nodeIps, podCidrs, ranges } = context;
  return JSON.stringify([
    observer.zone,
    [...observer.nodeAddresses],
    nodeIps,
    podCidrs,
    ranges,
    issues,
  ]);
}
