/**
 * The objects and requests that the lab's cluster makes by itself.
 *
 * @module
 */

import type {
  ContainerPort,
  DeploymentManifest,
  Manifest,
  PodManifest,
  StringMap,
} from "./objects.ts";

/** A node as the cluster lists it. */
export interface ClusterNode {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
  readonly annotations?: StringMap;
}

/** A pod as the runtime starts it. */
export interface PodRequest {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly ports: readonly ContainerPort[];
}

/** Starts and stops pods: what kubelet, CRI and CNI are together. */
export interface PodRuntime {
  /** @returns the pod's addresses, once it serves */
  start(pod: PodRequest): Promise<readonly string[]>;
  stop(pod: PodRequest): Promise<void>;
}

/** What the runtime must know to start or stop a pod. */
export function request(pod: PodManifest): PodRequest {
  return {
    namespace: pod.metadata.namespace ?? "default",
    name: pod.metadata.name,
    node: pod.spec.nodeName ?? "",
    hostNetwork: pod.spec.hostNetwork ?? false,
    ports: pod.spec.containers.flatMap(({ ports }) => ports ?? []),
  };
}

/** The Node object of a node. */
export function nodeObject(node: ClusterNode): Manifest {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: node.name,
      labels: { "kubernetes.io/hostname": node.name },
      ...(node.annotations === undefined
        ? {}
        : { annotations: node.annotations }),
    },
    spec: { podCIDR: node.podCidrs[0], podCIDRs: node.podCidrs },
    status: {
      addresses: node.addresses.map((address) => ({
        type: "InternalIP",
        address,
      })),
    },
  } as Manifest;
}

/** A Namespace object, with the label that Kubernetes gives it. */
export function namespaceObject(name: string, labels: StringMap): Manifest {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: { ...labels, "kubernetes.io/metadata.name": name },
    },
  };
}

/** Metadata with a uid and a creation time. */
export function stamped(metadata: Manifest["metadata"]): Manifest["metadata"] {
  return {
    ...metadata,
    uid: metadata.uid ?? crypto.randomUUID(),
    creationTimestamp: metadata.creationTimestamp ?? timestamp(),
  };
}

/** Now, in the form of an object's time. */
export function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

/** A pod of a Deployment, before it is scheduled. */
export function podOf(
  deployment: DeploymentManifest,
  number: number,
): PodManifest {
  const { spec, metadata } = deployment;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...spec.template.metadata,
      name: `${metadata.name}-${number}`,
      namespace: metadata.namespace ?? "default",
    },
    spec: spec.template.spec,
  };
}

/** A pod that has started. */
export function runningPod(
  pod: PodManifest,
  ips: readonly string[],
  hostIp: string | undefined,
): PodManifest {
  return {
    ...pod,
    metadata: stamped(pod.metadata),
    status: {
      phase: "Running",
      ...(ips[0] === undefined ? {} : { podIP: ips[0] }),
      podIPs: ips.map((ip) => ({ ip })),
      ...(hostIp === undefined ? {} : { hostIP: hostIp }),
      conditions: [{ type: "Ready", status: "True" }],
    },
  };
}
