/**
 * Which virtual IPs of a service are served and may be announced, and by which
 * rules.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Ip } from "../net/ip.ts";
import { type Prefix, prefixContains } from "../net/prefix.ts";
import type { Service, TrafficPolicy } from "./model.ts";

/** The operator's rules for addresses that users write into services. */
export interface VirtualIpRules {
  /** External and load-balancer addresses must lie in the ranges below (CVE-2020-8554). */
  readonly strict: boolean;
  /** The cluster's service ranges; external addresses never lie in them. */
  readonly serviceCidrs: readonly Prefix[];
  readonly externalIpRanges: readonly Prefix[];
  readonly loadBalancerIpRanges: readonly Prefix[];
}

/** Where a virtual IP comes from. */
export type VirtualIpKind = "cluster" | "load_balancer" | "external";

/** The usable virtual IPs of a service, in the object's order. */
export interface VirtualIps {
  readonly cluster: readonly Ip[];
  readonly loadBalancer: readonly Ip[];
  readonly external: readonly Ip[];
  /** One for each address that was left out. */
  readonly issues: readonly Issue[];
}

/** Whether a service is ours to serve: it has a cluster IP and is not handed to another proxy. */
export function isProxied(service: Service): boolean {
  return service.type !== "ExternalName" && service.clusterIps.length > 0 &&
    !service.headlessLabel &&
    (service.proxyName === undefined || OUR_PROXY_NAMES.has(service.proxyName));
}

/** Values of the label service.kubernetes.io/service-proxy-name that mean this program. */
const OUR_PROXY_NAMES: ReadonlySet<string> = new Set([
  "fairway",
  "kube-router",
]);

/**
 * The traffic policies in force. Annotation `kube-router.io/service.local: "true"`
 * makes the external one Local and the internal one Cluster.
 */
export function trafficPolicies(
  service: Service,
): { readonly internal: TrafficPolicy; readonly external: TrafficPolicy } {
  if (service.annotations.get("kube-router.io/service.local") === "true") {
    return { internal: "Cluster", external: "Local" };
  }
  return {
    internal: service.internalTrafficPolicy,
    external: service.externalTrafficPolicy,
  };
}

/**
 * The virtual IPs that pass the rules; none for a service that is not
 * {@linkcode isProxied ours}.
 *
 * With strict rules and no range for a kind, no address of that kind passes.
 * Annotation `kube-router.io/service.skiplbips` leaves out load-balancer
 * addresses.
 */
export function virtualIps(
  service: Service,
  rules: VirtualIpRules,
): VirtualIps {
  if (!isProxied(service)) {
    return { cluster: [], loadBalancer: [], external: [], issues: [] };
  }
  const issues: Issue[] = [];
  const pass = (
    ips: readonly Ip[],
    field: string,
    judge: (ip: Ip) => Fault | undefined,
  ): readonly Ip[] =>
    ips.filter((ip, index) => {
      const fault = judge(ip);
      if (fault === undefined) return true;
      issues.push({
        object: `Service ${service.key}`,
        field: `${field}[${index}]`,
        problem: `"${ip}" ${fault.problem}`,
        mend: fault.mend,
      });
      return false;
    });
  const skipsLoadBalancer = service.type !== "LoadBalancer" ||
    service.annotations.has("kube-router.io/service.skiplbips");
  return {
    cluster: service.clusterIps,
    loadBalancer: skipsLoadBalancer ? [] : pass(
      service.loadBalancerIps,
      "status.loadBalancer.ingress",
      (ip) =>
        judgeRange(
          ip,
          rules,
          rules.loadBalancerIpRanges,
          "--loadbalancer-ip-range",
        ),
    ),
    external: pass(
      service.externalIps,
      "spec.externalIPs",
      (ip) =>
        judgeRange(
          ip,
          rules,
          rules.externalIpRanges,
          "--service-external-ip-range",
        ),
    ),
    issues,
  };
}

interface Fault {
  readonly problem: string;
  readonly mend: string;
}

function judgeRange(
  ip: Ip,
  rules: VirtualIpRules,
  ranges: readonly Prefix[],
  flag: string,
): Fault | undefined {
  if (!rules.strict) return undefined;
  const within = rules.serviceCidrs.find((range) => prefixContains(range, ip));
  if (within !== undefined) {
    return {
      problem: `lies in the service range ${within}`,
      mend: "use an address outside the cluster's own ranges",
    };
  }
  if (ranges.some((range) => prefixContains(range, ip))) return undefined;
  return {
    problem: ranges.length === 0
      ? `is not allowed, as ${flag} names no range`
      : `lies in no range of ${flag}`,
    mend: `add its range to ${flag}`,
  };
}
