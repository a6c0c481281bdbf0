/**
 * Endpoint slices of a service, as Kubernetes' controller would write them.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
 * @module
 */

import { familyName } from "./addresses.ts";
import {
  type EndpointSliceManifest,
  type PodManifest,
  selects,
  type ServiceManifest,
} from "./objects.ts";

/** Kubernetes' default limit for one slice. */
const MAX_ENDPOINTS = 100;

type Endpoint = EndpointSliceManifest["endpoints"][number];
type Port = EndpointSliceManifest["ports"][number];

/**
 * Slices for the pods that a service selects: a set for each family, and within
 * it for each way its named target ports resolve. None for a service without a
 * selector.
 */
export function compileSlices(
  service: ServiceManifest,
  pods: Iterable<PodManifest>,
): readonly EndpointSliceManifest[] {
  const families = service.spec.ipFamilies ?? ["IPv4", "IPv6"];
  const groups = new Map<
    string,
    { family: string; ports: readonly Port[]; endpoints: Endpoint[] }
  >();
  for (const pod of pods) {
    if (pod.metadata.namespace !== service.metadata.namespace) continue;
    if (!selects(service.spec.selector, pod.metadata.labels)) continue;
    const ports = resolvePorts(service, pod);
    for (const { ip } of pod.status?.podIPs ?? []) {
      const family = familyName(ip);
      if (!families.includes(family)) continue;
      const key = `${family} ${JSON.stringify(ports)}`;
      const group = groups.get(key) ?? { family, ports, endpoints: [] };
      groups.set(key, group);
      group.endpoints.push(endpoint(service, pod, ip));
    }
  }
  const counts = new Map<string, number>();
  return [...groups.values()].flatMap(({ family, ports, endpoints }) => {
    const slices: EndpointSliceManifest[] = [];
    for (let first = 0; first < endpoints.length; first += MAX_ENDPOINTS) {
      const number = (counts.get(family) ?? 0) + 1;
      counts.set(family, number);
      const { name, namespace = "default" } = service.metadata;
      slices.push({
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: `${name}-${family.toLowerCase()}-${number}`,
          namespace,
          labels: {
            "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by":
              "endpointslice-controller.k8s.io",
          },
        },
        addressType: family === "IPv6" ? "IPv6" : "IPv4",
        ports,
        endpoints: endpoints.slice(first, first + MAX_ENDPOINTS),
      });
    }
    return slices;
  });
}

/** The service's ports on this pod; one whose named port the pod lacks is left out. */
function resolvePorts(
  service: ServiceManifest,
  pod: PodManifest,
): readonly Port[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const protocol = port.protocol ?? "TCP";
    const target = port.targetPort ?? port.port;
    const number = typeof target === "number"
      ? target
      : namedPort(pod, target, protocol);
    return number === undefined
      ? []
      : [{ name: port.name ?? "", protocol, port: number }];
  });
}

function namedPort(
  pod: PodManifest,
  name: string,
  protocol: string,
): number | undefined {
  return pod.spec.containers.flatMap(({ ports }) => ports ?? []).find((port) =>
    port.name === name && (port.protocol ?? "TCP") === protocol
  )?.containerPort;
}

function endpoint(
  service: ServiceManifest,
  pod: PodManifest,
  address: string,
): Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const publishAll = service.spec.publishNotReadyAddresses === true;
  return {
    addresses: [address],
    conditions: {
      ready: publishAll || (serving && !terminating),
      serving,
      terminating,
    },
    nodeName: pod.spec.nodeName ?? "",
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace ?? "default",
      name: pod.metadata.name,
    },
  };
}

/** Whether a pod's condition Ready is true. */
export function isReady(pod: PodManifest): boolean {
  return pod.status?.conditions?.some((condition) =>
    condition.type === "Ready" && condition.status === "True"
  ) ?? false;
}
