/**
 * What this node announces by BGP: its pod networks and the virtual IPs it can
 * serve.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import { chooseEndpoints } from "../cluster/endpoints.ts";
import type {
  ClusterView,
  ObjectKey,
  Service,
  TrafficPolicy,
} from "../cluster/model.ts";
import { trafficPolicies, virtualIps } from "../cluster/virtual_ips.ts";
import { familyOf, type Ip } from "../net/ip.ts";
import {
  comparePrefix,
  hostPrefix,
  type Prefix,
  prefixFamily,
} from "../net/prefix.ts";
import type { AnnounceContext } from "./context.ts";

/** One route of our own. */
export interface Announcement {
  readonly prefix: Prefix;
  /** This node's address of the prefix's family. */
  readonly nextHop: Ip;
  readonly kind: "pod_cidr" | "vip";
  /** The object it comes from: `Service default/web`, `Node worker-1`. */
  readonly owner: string;
  /** `internal`: other nodes of the cluster; `external`: configured routers. */
  readonly to: "all" | "external" | "internal";
}

/** The virtual IPs of one service that are to be announced. */
export interface AnnouncedVips {
  /** In the object's order, each once. */
  readonly ips: readonly Ip[];
  readonly issues: readonly Issue[];
}

/**
 * The virtual IPs of a service that this node announces: those of the kinds
 * that flags or annotations ask for, where an endpoint that is ready serves at
 * least one port; with policy Local it must be one of this node.
 *
 * An address that a node has is not announced: the network knows its way.
 */
export function announcedVips(
  view: ClusterView,
  key: ObjectKey,
  context: AnnounceContext,
): AnnouncedVips {
  const service = view.table("Service").get(key);
  if (service === undefined) return { ips: [], issues: [] };
  const { settings } = context;
  const vips = virtualIps(service, settings.virtualIps);
  const policies = trafficPolicies(service);
  const issues: Issue[] = [];
  const wants = (kind: string, flag: boolean): boolean =>
    isWanted(service, kind, flag, issues);
  const ips = new Set<Ip>();
  const serves = memoise(view, service, context);
  const add = (candidates: readonly Ip[], policy: TrafficPolicy): void => {
    for (const ip of candidates) {
      if (
        context.nodeIps[familyOf(ip)] !== undefined &&
        view.nodeByIp(ip) === undefined && serves(ip, policy)
      ) ips.add(ip);
    }
  };
  if (wants("clusterip", settings.advertiseClusterIp)) {
    add(vips.cluster, policies.internal);
  }
  if (wants("loadbalancerip", settings.advertiseLoadBalancerIp)) {
    add(vips.loadBalancer, policies.external);
  }
  if (wants("externalip", settings.advertiseExternalIp)) {
    add(vips.external, policies.external);
  }
  return { ips: [...ips], issues };
}

/** The pod networks of this node, which other nodes always learn. */
export function announcedPodCidrs(
  context: AnnounceContext,
): readonly Announcement[] {
  const { advertisePodCidr, nodeName } = context.settings;
  return context.podCidrs.flatMap((prefix): readonly Announcement[] => {
    const nextHop = context.nodeIps[prefixFamily(prefix)];
    if (nextHop === undefined) return [];
    return [{
      prefix,
      nextHop,
      kind: "pod_cidr",
      owner: `Node ${nodeName}`,
      to: advertisePodCidr ? "all" : "internal",
    }];
  });
}

/** A virtual IP as an announcement; undefined when the family is off. */
export function vipAnnouncement(
  ip: Ip,
  service: ObjectKey,
  context: AnnounceContext,
): Announcement | undefined {
  const nextHop = context.nodeIps[familyOf(ip)];
  if (nextHop === undefined) return undefined;
  return {
    prefix: hostPrefix(ip),
    nextHop,
    kind: "vip",
    owner: `Service ${service}`,
    to: "external",
  };
}

/**
 * Everything this node announces, sorted by prefix. A virtual IP that several
 * services share is there while one of them wants it; it is owned by the first
 * by key.
 */
export function compileAnnouncements(
  view: ClusterView,
  context: AnnounceContext,
): readonly Announcement[] {
  const byPrefix = new Map<Prefix, Announcement>();
  for (const announcement of announcedPodCidrs(context)) {
    byPrefix.set(announcement.prefix, announcement);
  }
  for (const key of [...view.table("Service").keys()].sort()) {
    for (const ip of announcedVips(view, key, context).ips) {
      const announcement = vipAnnouncement(ip, key, context);
      if (announcement === undefined) continue;
      if (byPrefix.has(announcement.prefix)) continue;
      byPrefix.set(announcement.prefix, announcement);
    }
  }
  return [...byPrefix.values()].sort((a, b) =>
    comparePrefix(a.prefix, b.prefix)
  );
}

/** Annotation `kube-router.io/service.advertise.KIND`, else the flag; an unusable value means no. */
function isWanted(
  service: Service,
  kind: string,
  flag: boolean,
  issues: Issue[],
): boolean {
  const key = `kube-router.io/service.advertise.${kind}`;
  const text = service.annotations.get(key)?.trim();
  if (text === undefined) return flag;
  // The spellings of Go's strconv.ParseBool, which users of the annotation know.
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (!/^(?:0|f|F|false|FALSE|False)$/.test(text)) {
    issues.push({
      object: `Service ${service.key}`,
      field: `metadata.annotations["${key}"]`,
      problem: `${
        JSON.stringify(text)
      } is neither true nor false, so nothing is announced`,
      mend: 'use "true" or "false"',
    });
  }
  return false;
}

/** Whether a ready endpoint serves some port, asked once per family and policy. */
function memoise(
  view: ClusterView,
  service: Service,
  context: AnnounceContext,
): (ip: Ip, policy: TrafficPolicy) => boolean {
  const known = new Map<string, boolean>();
  const slices = [...view.slicesOf(service.key)];
  return (ip, policy) => {
    const family = familyOf(ip);
    const question = `${family} ${policy}`;
    let answer = known.get(question);
    if (answer === undefined) {
      answer = service.ports.some((port) => {
        const query = { port, family, policy };
        return chooseEndpoints(slices, query, context.observer).state ===
          "ready";
      });
      known.set(question, answer);
    }
    return answer;
  };
}
