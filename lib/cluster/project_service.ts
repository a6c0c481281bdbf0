/**
 * v1 Service → model.
 *
 * @module
 */

import { familyOf, type Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Service, ServicePort, TrafficPolicy } from "./model.ts";
import {
  labelOf,
  type OpenObject,
  project,
  type Projected,
  readAnnotations,
} from "./projection.ts";
import { isRecord } from "./reader.ts";
import { readForeignIp } from "./special_ip.ts";

/** Label by which a Service asks for another service proxy. */
const PROXY_NAME = "service.kubernetes.io/service-proxy-name";

/** Label that keeps service proxies away from a Service or an endpoint slice. */
export const HEADLESS = "service.kubernetes.io/headless";

/** Default of sessionAffinityConfig.clientIP.timeoutSeconds. */
const AFFINITY_SECONDS = 10_800;

const TYPES = [
  "ClusterIP",
  "NodePort",
  "LoadBalancer",
  "ExternalName",
] as const;

/** Projects a v1 Service from untrusted JSON; one of an unknown type is unusable. */
export function projectService(raw: unknown): Projected<Service> {
  return project("Service", raw, (object) => {
    const { reader, spec } = object;
    const typeText = spec["type"] ?? "ClusterIP";
    const type = TYPES.find((known) => known === typeText);
    if (type === undefined) {
      reader.refuse(
        "spec.type",
        typeText,
        "is not a type of service",
        `use ${TYPES.join(", ")}`,
      );
      return undefined;
    }
    const sourceRanges = readSourceRanges(object);
    return {
      key: object.key,
      namespace: object.namespace,
      name: object.name,
      uid: object.uid,
      type,
      clusterIps: type === "ExternalName" ? [] : readClusterIps(object),
      externalIps: type === "ExternalName" ? [] : readExternalIps(object),
      loadBalancerIps: type === "LoadBalancer" && sourceRanges !== "unusable"
        ? readLoadBalancerIps(object)
        : [],
      ports: readPorts(object, type),
      internalTrafficPolicy: readPolicy(object, "internalTrafficPolicy"),
      externalTrafficPolicy: readPolicy(object, "externalTrafficPolicy"),
      affinitySeconds: readAffinity(object),
      healthCheckNodePort: type === "LoadBalancer"
        ? readOptionalPort(object, "healthCheckNodePort")
        : 0,
      loadBalancerSourceRanges: sourceRanges === "unusable" ? [] : sourceRanges,
      loadBalancerClass: reader.text(
        spec["loadBalancerClass"],
        "spec.loadBalancerClass",
      ),
      proxyName: labelOf(object, PROXY_NAME),
      headlessLabel: labelOf(object, HEADLESS) !== undefined,
      hasSelector: isRecord(spec["selector"]) &&
        Object.keys(spec["selector"]).length > 0,
      annotations: readAnnotations(object),
    };
  });
}

function readClusterIps({ reader, spec }: OpenObject): readonly Ip[] {
  const single = spec["clusterIP"];
  const list = reader.list(spec["clusterIPs"], "spec.clusterIPs");
  const values = list.length > 0 ? list : [single];
  const ips: Ip[] = [];
  values.forEach((value, i) => {
    if (
      value === undefined || value === null || value === "" || value === "None"
    ) return;
    const field = list.length > 0 ? `spec.clusterIPs[${i}]` : "spec.clusterIP";
    const ip = reader.ip(value, field);
    if (ip === undefined || ips.includes(ip)) return;
    if (ips.some((known) => familyOf(known) === familyOf(ip))) {
      reader.refuse(
        field,
        ip,
        "is a second address of one family and is not used",
        "list one address of each family",
      );
      return;
    }
    ips.push(ip);
  });
  return ips;
}

function readExternalIps({ reader, spec }: OpenObject): readonly Ip[] {
  const ips: Ip[] = [];
  reader.list(spec["externalIPs"], "spec.externalIPs").forEach((value, i) => {
    const ip = readForeignIp(reader, value, `spec.externalIPs[${i}]`);
    if (ip !== undefined && !ips.includes(ip)) ips.push(ip);
  });
  return ips;
}

/** Ingress addresses of mode VIP (KEP-1860); with mode Proxy traffic must go through the balancer. */
function readLoadBalancerIps({ reader, status }: OpenObject): readonly Ip[] {
  const ips: Ip[] = [];
  const path = "status.loadBalancer";
  const balancer = reader.record(status["loadBalancer"], path);
  reader.list(balancer?.["ingress"], `${path}.ingress`).forEach((entry, i) => {
    const field = `${path}.ingress[${i}]`;
    const ingress = reader.required(entry, field);
    const address = ingress?.["ip"];
    if (address === undefined || address === null || address === "") return;
    const mode = ingress?.["ipMode"] ?? "VIP";
    if (mode === "Proxy") return;
    if (mode !== "VIP") {
      reader.refuse(
        `${field}.ipMode`,
        mode,
        "is not a mode",
        "use VIP or Proxy",
      );
      return;
    }
    const ip = readForeignIp(reader, address, `${field}.ip`);
    if (ip !== undefined && !ips.includes(ip)) ips.push(ip);
  });
  return ips;
}

function readPorts(
  { reader, spec }: OpenObject,
  type: Service["type"],
): readonly ServicePort[] {
  const ports: ServicePort[] = [];
  reader.list(spec["ports"], "spec.ports").forEach((entry, i) => {
    const field = `spec.ports[${i}]`;
    const record = reader.required(entry, field);
    if (record === undefined) return;
    const protocol = reader.protocol(record["protocol"], `${field}.protocol`);
    const port = reader.integer(record["port"] ?? 0, `${field}.port`, {
      min: 1,
      max: 65535,
    });
    const name = reader.text(record["name"] ?? "", `${field}.name`);
    if (protocol === undefined || port === undefined || name === undefined) {
      return;
    }
    const nodePort = reader.integer(record["nodePort"], `${field}.nodePort`, {
      min: 0,
      max: 65535,
    }) ?? 0;
    if (ports.some((p) => p.protocol === protocol && p.port === port)) {
      reader.refuse(
        `${field}.port`,
        port,
        `is listed before for ${protocol}; this entry is not used`,
        "remove one of the two",
      );
      return;
    }
    if (ports.some((p) => p.name === name)) {
      reader.refuse(
        `${field}.name`,
        name,
        "is the name of an earlier port; this entry is not used",
        "give each port its own name",
      );
      return;
    }
    const open = type === "NodePort" || type === "LoadBalancer";
    if (nodePort !== 0 && !open) {
      reader.refuse(
        `${field}.nodePort`,
        nodePort,
        `is not used in a service of type ${type}`,
        "remove it, or make the service a NodePort",
      );
    }
    ports.push({ name, protocol, port, nodePort: open ? nodePort : 0 });
  });
  return ports;
}

function readPolicy(
  { reader, spec }: OpenObject,
  name: "internalTrafficPolicy" | "externalTrafficPolicy",
): TrafficPolicy {
  const value = spec[name];
  if (value === "Local") return "Local";
  if (
    value !== undefined && value !== null && value !== "" && value !== "Cluster"
  ) {
    reader.refuse(
      `spec.${name}`,
      value,
      "is not a traffic policy; Cluster is used",
      "use Cluster or Local",
    );
  }
  return "Cluster";
}

function readAffinity({ reader, spec }: OpenObject): number | undefined {
  const affinity = spec["sessionAffinity"] ?? "None";
  if (affinity === "None" || affinity === "") return undefined;
  if (affinity !== "ClientIP") {
    reader.refuse(
      "spec.sessionAffinity",
      affinity,
      "is not an affinity; None is used",
      "use None or ClientIP",
    );
    return undefined;
  }
  const path = "spec.sessionAffinityConfig";
  const config = reader.record(spec["sessionAffinityConfig"], path);
  const client = reader.record(config?.["clientIP"], `${path}.clientIP`);
  const field = `${path}.clientIP.timeoutSeconds`;
  return reader.integer(client?.["timeoutSeconds"], field, {
    min: 1,
    max: 86_400,
  }) ?? AFFINITY_SECONDS;
}

function readOptionalPort(
  { reader, spec }: OpenObject,
  name: "healthCheckNodePort",
): number {
  return reader.integer(spec[name], `spec.${name}`, { min: 0, max: 65535 }) ??
    0;
}

/**
 * An empty list admits every client, so a list of which nothing is usable must
 * not become one.
 */
function readSourceRanges(
  { reader, spec }: OpenObject,
): readonly Prefix[] | "unusable" {
  const path = "spec.loadBalancerSourceRanges";
  const value = spec["loadBalancerSourceRanges"];
  if (value === undefined || value === null) return [];
  const ranges: Prefix[] = [];
  const list = reader.list(value, path);
  list.forEach((entry, i) => {
    const range = reader.prefix(entry, `${path}[${i}]`);
    if (range !== undefined && !ranges.includes(range)) ranges.push(range);
  });
  const meant = list.length > 0 || !Array.isArray(value);
  if (!meant || ranges.length > 0) return ranges;
  reader.report(
    path,
    "has no usable range, so the load-balancer addresses are not served",
    "correct the ranges, or remove them to admit every client",
  );
  return "unusable";
}
