/**
 * What this node announces, kept up to date by changes.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { ChangeSet, ClusterView, ObjectKey } from "../cluster/model.ts";
import { allNodeIps } from "../cluster/node_ips.ts";
import type { Ip } from "../net/ip.ts";
import { comparePrefix, hostPrefix, type Prefix } from "../net/prefix.ts";
import {
  announcedPodCidrs,
  announcedVips,
  type Announcement,
  vipAnnouncement,
} from "./announce.ts";
import {
  type AnnounceContext,
  type AnnounceSettings,
  resolveAnnounceContext,
} from "./context.ts";

/** The difference to what was announced before. */
export interface AnnouncementChanges {
  /** New, or changed; sorted by prefix. */
  readonly announced: readonly Announcement[];
  readonly withdrawn: readonly Prefix[];
  /** By object, for those that were compiled; an empty list says that earlier issues are gone. */
  readonly issues: ReadonlyMap<string, readonly Issue[]>;
}

/** Compiles announcements by changes; the work is that of the services they touch. */
export class AnnouncementCompiler {
  readonly #view: ClusterView;
  #settings: AnnounceSettings;
  #context: AnnounceContext;
  #current = new Map<Prefix, Announcement>();
  /** Services by the virtual IP they want announced. */
  readonly #wanting = new Map<Ip, Set<ObjectKey>>();
  readonly #ipsOf = new Map<ObjectKey, readonly Ip[]>();
  readonly #serviceOfSlice = new Map<ObjectKey, ObjectKey>();
  readonly #nodeAddresses = new Map<ObjectKey, readonly Ip[]>();
  readonly #withIssues = new Set<ObjectKey>();

  constructor(view: ClusterView, settings: AnnounceSettings) {
    this.#view = view;
    this.#settings = settings;
    this.#context = resolveAnnounceContext(view, settings);
  }

  /** Everything announced now. */
  get current(): ReadonlyMap<Prefix, Announcement> {
    return this.#current;
  }

  /** The context in force. */
  get context(): AnnounceContext {
    return this.#context;
  }

  /** Compiles what changes touch, or everything: at the start, and after `settings` were replaced. */
  compile(
    changes: ChangeSet | "all",
    settings: AnnounceSettings = this.#settings,
  ): AnnouncementChanges {
    if (
      changes === "all" || settings !== this.#settings ||
      changes.Node.has(settings.nodeName)
    ) {
      this.#settings = settings;
      return this.#compileAll();
    }
    const services = new Set(changes.Service);
    for (const key of changes.EndpointSlice) {
      const before = this.#serviceOfSlice.get(key);
      if (before !== undefined) services.add(before);
      const now = this.#setSlice(key);
      if (now !== "") services.add(now);
    }
    // A service whose address a node gained or lost need not be announced now,
    // and which ones those are is not indexed: nodes change addresses rarely.
    if ([...changes.Node].some((key) => this.#setNode(key))) {
      return this.#compileAll();
    }
    const touched = new Set<Ip>();
    const issues = new Map<string, readonly Issue[]>();
    for (const key of services) this.#compileService(key, touched, issues);
    const announced: Announcement[] = [];
    const withdrawn: Prefix[] = [];
    for (const ip of touched) {
      const prefix = hostPrefix(ip);
      const before = this.#current.get(prefix);
      if (before?.kind === "pod_cidr") continue;
      const now = this.#announcementOf(ip);
      if (now === undefined) {
        if (before !== undefined) withdrawn.push(prefix);
        this.#current.delete(prefix);
        continue;
      }
      if (before === undefined || !equal(before, now)) announced.push(now);
      this.#current.set(prefix, now);
    }
    return {
      announced: announced.sort((a, b) => comparePrefix(a.prefix, b.prefix)),
      withdrawn: withdrawn.sort(comparePrefix),
      issues,
    };
  }

  #compileAll(): AnnouncementChanges {
    const before = this.#current;
    this.#context = resolveAnnounceContext(this.#view, this.#settings);
    this.#wanting.clear();
    const issues = new Map<string, readonly Issue[]>();
    for (const key of this.#withIssues) issues.set(`Service ${key}`, []);
    this.#withIssues.clear();
    this.#ipsOf.clear();
    this.#serviceOfSlice.clear();
    this.#nodeAddresses.clear();
    for (const key of this.#view.table("EndpointSlice").keys()) {
      this.#setSlice(key);
    }
    for (const key of this.#view.table("Node").keys()) this.#setNode(key);
    const touched = new Set<Ip>();
    for (const key of this.#view.table("Service").keys()) {
      this.#compileService(key, touched, issues);
    }
    this.#current = new Map();
    for (const each of announcedPodCidrs(this.#context)) {
      this.#current.set(each.prefix, each);
    }
    for (const ip of touched) {
      const announcement = this.#announcementOf(ip);
      if (announcement === undefined) continue;
      if (this.#current.has(announcement.prefix)) continue;
      this.#current.set(announcement.prefix, announcement);
    }
    const announced = [...this.#current.values()].filter((now) => {
      const old = before.get(now.prefix);
      return old === undefined || !equal(old, now);
    });
    const withdrawn = [...before.keys()].filter((prefix) =>
      !this.#current.has(prefix)
    );
    return {
      announced: announced.sort((a, b) => comparePrefix(a.prefix, b.prefix)),
      withdrawn: withdrawn.sort(comparePrefix),
      issues,
    };
  }

  #compileService(
    key: ObjectKey,
    touched: Set<Ip>,
    issues: Map<string, readonly Issue[]>,
  ): void {
    const vips = announcedVips(this.#view, key, this.#context);
    for (const ip of this.#ipsOf.get(key) ?? []) {
      touched.add(ip);
      const services = this.#wanting.get(ip);
      services?.delete(key);
      if (services?.size === 0) this.#wanting.delete(ip);
    }
    for (const ip of vips.ips) {
      touched.add(ip);
      const services = this.#wanting.get(ip) ?? new Set();
      this.#wanting.set(ip, services.add(key));
    }
    if (vips.ips.length === 0) this.#ipsOf.delete(key);
    else this.#ipsOf.set(key, vips.ips);
    if (vips.issues.length > 0) {
      this.#withIssues.add(key);
      issues.set(`Service ${key}`, vips.issues);
    } else if (this.#withIssues.delete(key)) issues.set(`Service ${key}`, []);
  }

  #announcementOf(ip: Ip): Announcement | undefined {
    const [owner] = [...this.#wanting.get(ip) ?? []].sort();
    return owner === undefined
      ? undefined
      : vipAnnouncement(ip, owner, this.#context);
  }

  #setSlice(key: ObjectKey): ObjectKey {
    const service = this.#view.table("EndpointSlice").get(key)?.service ?? "";
    if (service === "") this.#serviceOfSlice.delete(key);
    else this.#serviceOfSlice.set(key, service);
    return service;
  }

  /** Takes note of a node's addresses; returns whether they changed. */
  #setNode(key: ObjectKey): boolean {
    const node = this.#view.table("Node").get(key);
    const now = node === undefined ? [] : allNodeIps(node);
    const before = this.#nodeAddresses.get(key) ?? [];
    if (node === undefined) this.#nodeAddresses.delete(key);
    else this.#nodeAddresses.set(key, now);
    return now.join() !== before.join();
  }
}

/** Whether two announcements are the same route to the same peers; whose they are does not matter. */
function equal(a: Announcement, b: Announcement): boolean {
  return a.nextHop === b.nextHop && a.to === b.to && a.kind === b.kind;
}
