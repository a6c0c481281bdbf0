/**
 * Defaults that the real API server fills in and that others rely on: cluster
 * IPs, node ports, policy types, the name label of namespaces.
 *
 * @module
 */

import type { ApiObject } from "./object_store.ts";
import type { ApiResource } from "./resources.ts";

/** Where cluster IPs and node ports come from. */
export interface Admission {
  /** The next free cluster IP of a family; undefined when the family is not served. */
  nextClusterIp(family: "IPv4" | "IPv6"): string | undefined;
  nextNodePort(): number;
}

/** Admission with counters; addresses are handed out once. */
export function countingAdmission(
  options: { readonly ipv4?: string; readonly ipv6?: string } = {},
): Admission {
  const { ipv4 = "10.96", ipv6 = "fd00:10:96::" } = options;
  let host = 256;
  let port = 30_000;
  return {
    nextClusterIp: (family) => {
      host++;
      return family === "IPv4"
        ? `${ipv4}.${host >> 8 & 255}.${host & 255}`
        : `${ipv6}${host.toString(16)}`;
    },
    nextNodePort: () => port++,
  };
}

/** Fills in the defaults of a new object. */
export function admit(
  admission: Admission,
  resource: ApiResource,
  object: ApiObject,
): ApiObject {
  switch (resource.kind) {
    case "Namespace":
      return admitNamespace(object);
    case "Service":
      return admitService(admission, object);
    case "NetworkPolicy":
      return admitPolicy(object);
    case "Pod":
      return { ...object, status: object["status"] ?? { phase: "Pending" } };
    default:
      return object;
  }
}

function admitNamespace(object: ApiObject): ApiObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: {
        ...metadata.labels,
        "kubernetes.io/metadata.name": metadata.name,
      },
    },
    status: object["status"] ?? { phase: "Active" },
  };
}

function admitService(admission: Admission, object: ApiObject): ApiObject {
  const spec = record(object["spec"]);
  const type = spec["type"] ?? "ClusterIP";
  const ports = Array.isArray(spec["ports"]) ? spec["ports"] : [];
  const open = type === "NodePort" || type === "LoadBalancer";
  const filled: Record<string, unknown> = {
    sessionAffinity: "None",
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: "Cluster" }),
    ...(open ? { externalTrafficPolicy: "Cluster" } : {}),
    ...spec,
    type,
    ports: ports.map((port: Record<string, unknown>) => ({
      protocol: "TCP",
      ...port,
      targetPort: port["targetPort"] ?? port["port"],
      ...(open && port["nodePort"] === undefined
        ? { nodePort: admission.nextNodePort() }
        : {}),
    })),
  };
  if (type !== "ExternalName") {
    const clusterIp = spec["clusterIP"];
    const families = clusterFamilies(spec);
    const given = Array.isArray(spec["clusterIPs"])
      ? spec["clusterIPs"]
      : typeof clusterIp === "string" && clusterIp !== ""
      ? [clusterIp]
      : families.map((family) => admission.nextClusterIp(family));
    filled["clusterIP"] = given[0];
    filled["clusterIPs"] = given;
    filled["ipFamilies"] = spec["ipFamilies"] ?? families;
  }
  return {
    ...object,
    spec: filled,
    status: object["status"] ?? { loadBalancer: {} },
  };
}

function clusterFamilies(
  spec: Readonly<Record<string, unknown>>,
): ("IPv4" | "IPv6")[] {
  const { ipFamilies, ipFamilyPolicy } = spec;
  if (Array.isArray(ipFamilies) && ipFamilies.length > 0) return ipFamilies;
  return ipFamilyPolicy === "PreferDualStack" ||
      ipFamilyPolicy === "RequireDualStack"
    ? ["IPv4", "IPv6"]
    : ["IPv4"];
}

function admitPolicy(object: ApiObject): ApiObject {
  const spec = record(object["spec"]);
  const policyTypes = spec["policyTypes"] ??
    (spec["egress"] === undefined ? ["Ingress"] : ["Ingress", "Egress"]);
  return { ...object, spec: { podSelector: {}, ...spec, policyTypes } };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Record<string, unknown>
    : {};
}
