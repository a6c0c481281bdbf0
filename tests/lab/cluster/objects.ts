/**
 * Kubernetes objects as the lab reads and writes them: the fields that its
 * controllers use, everything else passed through.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import { LabError } from "../system/error.ts";

/** A label or annotation map. */
export type StringMap = Readonly<Record<string, string>>;

/** metadata of an object. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly unknown[];
}

/** Any object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
}

/** A container port. */
export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  /** Default TCP. */
  readonly protocol?: string;
}

/** What a pod is made from. */
export interface PodSpec {
  readonly nodeName?: string;
  readonly hostNetwork?: boolean;
  readonly containers: readonly {
    readonly name: string;
    readonly ports?: readonly ContainerPort[];
  }[];
}

/** v1 Pod. */
export interface PodManifest extends Manifest {
  readonly spec: PodSpec;
  readonly status?: {
    readonly phase: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly hostIP?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
    }[];
  };
}

/** apps/v1 Deployment. */
export interface DeploymentManifest extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels?: StringMap };
    readonly template: {
      readonly metadata?: Partial<Metadata>;
      readonly spec: PodSpec;
    };
  };
}

/** One port of a service. */
export interface ServicePortManifest {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly nodePort?: number;
}

/** v1 Service. */
export interface ServiceManifest extends Manifest {
  readonly spec: {
    readonly type?: string;
    readonly selector?: StringMap;
    readonly ports?: readonly ServicePortManifest[];
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ipFamilies?: readonly string[];
    readonly ipFamilyPolicy?: string;
    readonly publishNotReadyAddresses?: boolean;
  };
}

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSliceManifest extends Manifest {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly port: number;
  }[];
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly conditions: {
      readonly ready: boolean;
      readonly serving: boolean;
      readonly terminating: boolean;
    };
    readonly nodeName: string;
    readonly targetRef: {
      readonly kind: "Pod";
      readonly namespace: string;
      readonly name: string;
    };
  }[];
}

/** Kinds without a namespace. */
const CLUSTER_SCOPED = new Set(["Namespace", "Node"]);

/** `Kind namespace/name`, or `Kind name`: unique in a cluster. */
export function nameOf(object: Manifest): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined
    ? `${object.kind} ${name}`
    : `${object.kind} ${namespace}/${name}`;
}

/**
 * The objects of a YAML text, lists unpacked, in the namespace `default` where
 * they name none.
 *
 * @throws {LabError} with line and column
 */
export function parseManifests(text: string): readonly Manifest[] {
  const objects: Manifest[] = [];
  for (const document of parseAllDocuments(text)) {
    const error = document.errors[0];
    if (error) throw new LabError(error.message);
    const value = document.toJS();
    if (value === null) continue;
    const items: Manifest[] = /List$/.test(value.kind) ? value.items : [value];
    for (const item of items) objects.push(withNamespace(item));
  }
  return objects;
}

function withNamespace(object: Manifest): Manifest {
  if (CLUSTER_SCOPED.has(object.kind) || object.metadata.namespace) {
    return object;
  }
  return { ...object, metadata: { ...object.metadata, namespace: "default" } };
}

/** Whether labels have every pair of a selector; an empty selector selects nothing here. */
export function selects(
  selector: StringMap | undefined,
  labels: StringMap | undefined,
): boolean {
  const pairs = Object.entries(selector ?? {});
  return pairs.length > 0 &&
    pairs.every(([key, value]) => labels?.[key] === value);
}
