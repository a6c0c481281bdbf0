/**
 * The resources that the test API server serves.
 *
 * @module
 */

/** One resource. */
export interface ApiResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Whether status is written through the /status subresource only. */
  readonly status: boolean;
}

function core(
  plural: string,
  kind: string,
  more: Partial<ApiResource> = {},
): ApiResource {
  return {
    group: "",
    version: "v1",
    plural,
    kind,
    namespaced: true,
    status: false,
    ...more,
  };
}

/** Every resource served. */
export const API_RESOURCES: readonly ApiResource[] = [
  core("namespaces", "Namespace", { namespaced: false, status: true }),
  core("nodes", "Node", { namespaced: false, status: true }),
  core("pods", "Pod", { status: true }),
  core("services", "Service", { status: true }),
  core("endpoints", "Endpoints"),
  core("configmaps", "ConfigMap"),
  core("secrets", "Secret"),
  core("serviceaccounts", "ServiceAccount"),
  core("events", "Event"),
  ...[
    "deployments Deployment",
    "replicasets ReplicaSet",
    "daemonsets DaemonSet",
    "statefulsets StatefulSet",
  ]
    .map((words) => {
      const [plural = "", kind = ""] = words.split(" ");
      return core(plural, kind, { group: "apps", status: true });
    }),
  core("endpointslices", "EndpointSlice", { group: "discovery.k8s.io" }),
  core("networkpolicies", "NetworkPolicy", { group: "networking.k8s.io" }),
  core("leases", "Lease", { group: "coordination.k8s.io" }),
];

/** `v1` or `apps/v1`. */
export function groupVersion({ group, version }: ApiResource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The resource of an object, by its own words. */
export function resourceOf(
  apiVersion: unknown,
  kind: unknown,
): ApiResource | undefined {
  return API_RESOURCES.find((resource) =>
    resource.kind === kind && groupVersion(resource) === apiVersion
  );
}
