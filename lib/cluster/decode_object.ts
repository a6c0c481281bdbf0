/**
 * From the JSON of any Kubernetes object to the model: which kind it is, who it
 * is, and its projection.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Kind, Kinds, ObjectKey } from "./model.ts";
import { projectEndpointSlice } from "./project_endpoint_slice.ts";
import { projectNamespace } from "./project_namespace.ts";
import { projectNetworkPolicy } from "./project_network_policy.ts";
import { projectNode } from "./project_node.ts";
import { projectPod } from "./project_pod.ts";
import { projectService } from "./project_service.ts";
import { type Projected, readIdentity } from "./projection.ts";
import { isRecord, quote } from "./reader.ts";

/** A resource of the Kubernetes API that the model is made of. */
export interface Resource {
  readonly kind: Kind;
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in paths, for example `endpointslices`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** The resources to list and watch. */
export const RESOURCES: readonly Resource[] = [
  {
    kind: "Node",
    group: "",
    version: "v1",
    plural: "nodes",
    namespaced: false,
  },
  {
    kind: "Namespace",
    group: "",
    version: "v1",
    plural: "namespaces",
    namespaced: false,
  },
  { kind: "Pod", group: "", version: "v1", plural: "pods", namespaced: true },
  {
    kind: "Service",
    group: "",
    version: "v1",
    plural: "services",
    namespaced: true,
  },
  {
    kind: "EndpointSlice",
    group: "discovery.k8s.io",
    version: "v1",
    plural: "endpointslices",
    namespaced: true,
  },
  {
    kind: "NetworkPolicy",
    group: "networking.k8s.io",
    version: "v1",
    plural: "networkpolicies",
    namespaced: true,
  },
];

const PROJECTIONS: {
  readonly [K in Kind]: (raw: unknown) => Projected<Kinds[K]>;
} = {
  Pod: projectPod,
  Namespace: projectNamespace,
  Node: projectNode,
  Service: projectService,
  EndpointSlice: projectEndpointSlice,
  NetworkPolicy: projectNetworkPolicy,
};

/** An object of a kind in the model. */
export interface DecodedObject<K extends Kind = Kind> {
  readonly status: "object";
  readonly kind: K;
  readonly key: ObjectKey;
  /** Empty when the object has none, as in a manifest. */
  readonly uid: string;
  /** Empty when the object has none. */
  readonly resourceVersion: string;
  /** The object as the model has it; made anew at each call. */
  project(): Projected<Kinds[K]>;
}

/** A sound object of a kind that the model does not have, such as a Deployment. */
export interface ForeignObject {
  readonly status: "foreign";
  readonly apiVersion: string;
  readonly kind: string;
}

/** Something that is not a usable Kubernetes object. */
export interface InvalidObject {
  readonly status: "invalid";
  readonly issue: Issue;
}

/** `v1` or `discovery.k8s.io/v1`. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Decodes an object that says itself what it is, from untrusted JSON. */
export function decodeObject(
  raw: unknown,
): DecodedObject | ForeignObject | InvalidObject {
  if (!isRecord(raw)) {
    return invalid("Object", "", `${quote(raw)} is not an object`);
  }
  const { apiVersion, kind } = raw;
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return invalid("Object", "apiVersion", "is missing");
  }
  if (typeof kind !== "string" || kind === "") {
    return invalid("Object", "kind", "is missing");
  }
  const resource = RESOURCES.find((known) => known.kind === kind);
  if (resource === undefined) return { status: "foreign", apiVersion, kind };
  const wanted = apiVersionOf(resource);
  if (apiVersion === wanted) return decodeAs(resource.kind, raw);
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  // Another group may use the same word for a kind of its own.
  if (group !== resource.group && group !== "") {
    return { status: "foreign", apiVersion, kind };
  }
  return {
    status: "invalid",
    issue: {
      object: kind,
      field: "apiVersion",
      problem: `${quote(apiVersion)} is not served`,
      mend: `use ${wanted}`,
    },
  };
}

/** Decodes an object whose kind is known from where it came: items of a typed list say no kind. */
export function decodeAs<K extends Kind>(
  kind: K,
  raw: unknown,
): DecodedObject<K> | InvalidObject {
  const read = readIdentity(kind, raw);
  if ("issue" in read) return { status: "invalid", issue: read.issue };
  const { key, uid, resourceVersion } = read.identity;
  const projection = PROJECTIONS[kind];
  return {
    status: "object",
    kind,
    key,
    uid,
    resourceVersion,
    project: () => projection(raw),
  };
}

/**
 * The objects in a document: the items of a `List`, or of a typed list such as
 * `PodList` with its kind filled in, or the document itself; none when the document is empty.
 */
export function listItems(raw: unknown): readonly unknown[] {
  if (raw === undefined || raw === null) return [];
  if (!isRecord(raw)) return [raw];
  const { apiVersion, kind, items } = raw;
  if (
    typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)
  ) return [raw];
  const itemKind = kind.slice(0, -"List".length);
  if (itemKind === "") return items;
  return items.map((item) =>
    isRecord(item) ? { apiVersion, kind: itemKind, ...item } : item
  );
}

function invalid(
  object: string,
  field: string,
  problem: string,
): InvalidObject {
  return {
    status: "invalid",
    issue: {
      object,
      field,
      problem,
      mend: "write a Kubernetes object with apiVersion, kind and metadata",
    },
  };
}
