/**
 * Settings that cannot be had together.
 *
 * @module
 */

import { familyOf, type Ip } from "../../net/ip.ts";
import { prefixFamily } from "../../net/prefix.ts";
import type { Settings } from "./settings.ts";

/** One line for each impossible combination, naming the flags and the mend. */
export function checkCombinations(settings: Settings): string[] {
  return [
    ...checkFamilies(settings),
    ...checkSource(settings),
    ...checkParts(settings),
    ...checkPeers(settings),
    ...checkServiceRanges(settings),
    ...checkLoadBalancer(settings),
    ...checkListeners(settings),
  ];
}

function* checkFamilies(
  { enableIpv4, enableIpv6 }: Settings,
): Iterable<string> {
  if (!enableIpv4 && !enableIpv6) {
    yield "--enable-ipv4, --enable-ipv6: both are false; switch at least one on";
  }
}

function* checkSource(settings: Settings): Iterable<string> {
  if (settings.manifests === "") return;
  for (const name of ["kubeconfig", "master"] as const) {
    if (settings[name] !== "") {
      yield `--manifests, --${name}: both say where the cluster comes from ("${settings.manifests}", "${
        settings[name]
      }"); give one`;
    }
  }
}

function* checkParts(settings: Settings): Iterable<string> {
  const { runFirewall, runLoadBalancer, runRouter, runServiceProxy } = settings;
  if (settings.cleanupConfig || settings.help || settings.version) return;
  if (!runFirewall && !runLoadBalancer && !runRouter && !runServiceProxy) {
    yield "--run-firewall, --run-router, --run-service-proxy, --run-loadbalancer: all are false; switch at least one on";
  }
}

function* checkPeers(settings: Settings): Iterable<string> {
  const ips = settings.peerRouterIps;
  const lists: readonly (readonly [string, number, boolean])[] = [
    ["peer-router-asns", settings.peerRouterAsns.length, ips.length > 0],
    ["peer-router-ports", settings.peerRouterPorts.length, false],
    ["peer-router-passwords", settings.peerRouterPasswords.length, false],
  ];
  for (const [name, length, needed] of lists) {
    if (length === ips.length || (length === 0 && !needed)) continue;
    yield `--${name}: has ${length} entries beside ${ips.length} in --peer-router-ips; give one for each router`;
  }
  const repeated = ips.find((ip, i) => ips.indexOf(ip) !== i);
  if (repeated !== undefined) {
    yield `--peer-router-ips: "${repeated}" is listed twice; list each router once`;
  }
  for (const ip of ips) {
    if (isServed(settings, familyOf(ip))) continue;
    yield `--peer-router-ips: "${ip}" is IPv${
      familyOf(ip)
    }, which is off; set --enable-ipv${familyOf(ip)}`;
  }
}

function isServed(settings: Settings, family: 4 | 6): boolean {
  return family === 4 ? settings.enableIpv4 : settings.enableIpv6;
}

function* checkServiceRanges(settings: Settings): Iterable<string> {
  const ranges = settings.serviceClusterIpRanges;
  const [first, second] = ranges;
  if (
    ranges.length >= 1 && ranges.length <= 2 &&
    (first === undefined || second === undefined ||
      prefixFamily(first) !== prefixFamily(second))
  ) return;
  yield `--service-cluster-ip-range: "${
    ranges.join(",")
  }" is not one range of each family; give one, or one IPv4 and one IPv6`;
}

function* checkLoadBalancer(settings: Settings): Iterable<string> {
  if (!settings.runLoadBalancer) return;
  const ranges = settings.loadBalancerIpRanges;
  if (ranges.length === 0) {
    yield "--run-loadbalancer: there is no address to give out; set --loadbalancer-ip-range";
  }
  for (const range of ranges) {
    const family = prefixFamily(range);
    if (isServed(settings, family)) continue;
    yield `--loadbalancer-ip-range: "${range}" is IPv${family}, which is off; set --enable-ipv${family}, or remove the range`;
  }
}

interface Listener {
  readonly flag: string;
  readonly port: number;
  /** Empty for all. */
  readonly address: Ip | "";
}

function* checkListeners(settings: Settings): Iterable<string> {
  const listeners: readonly Listener[] = [
    {
      flag: "--health-port",
      port: settings.healthPort,
      address: settings.healthAddress,
    },
    {
      flag: "--metrics-port",
      port: settings.metricsPort,
      address: settings.metricsAddress,
    },
    {
      flag: "--api-port",
      port: settings.apiPort,
      address: settings.apiAddress,
    },
    {
      flag: "--bgp-port",
      port: settings.runRouter ? settings.bgpPort : 0,
      address: "",
    },
  ];
  for (const [i, one] of listeners.entries()) {
    for (const other of listeners.slice(i + 1)) {
      if (one.port === 0 || one.port !== other.port) continue;
      if (
        one.address === other.address || isAny(one.address) ||
        isAny(other.address)
      ) {
        yield `${one.flag}, ${other.flag}: both are ${one.port}; give one of them another port`;
      }
    }
  }
}

function isAny(address: Ip | ""): boolean {
  return address === "" || address === "0.0.0.0" || address === "::";
}
