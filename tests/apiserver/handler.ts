/**
 * Requests to answers.
 *
 * @module
 */

import { ApiError, notFound } from "./api_error.ts";
import type { Faults, Verb } from "./faults.ts";
import type { Lists } from "./list_response.ts";
import type { ApiObject, ObjectStore } from "./object_store.ts";
import { API_RESOURCES, type ApiResource, groupVersion } from "./resources.ts";
import { parseFilter } from "./selectors.ts";
import { checkWatch, type OpenWatch, watchResponse } from "./watch_response.ts";

/** What the handler works on. */
export interface HandlerContext {
  readonly store: ObjectStore;
  readonly lists: Lists;
  readonly faults: Faults;
  readonly watches: Set<OpenWatch>;
  /** Bearer tokens that are accepted; empty accepts everybody. */
  readonly tokens: ReadonlySet<string>;
}

/** What a path names. */
interface Target {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Answers one request. */
export async function handle(
  context: HandlerContext,
  request: Request,
): Promise<Response> {
  try {
    const url = new URL(request.url);
    const probe = answerProbe(url.pathname);
    if (probe !== undefined) return probe;
    checkToken(context, request);
    const target = parsePath(url.pathname);
    if (target === undefined) {
      const known = discover(url.pathname);
      if (known !== undefined) return Response.json(known);
      throw new ApiError(
        404,
        "NotFound",
        "the server could not find the requested resource",
      );
    }
    const response = await dispatch(context, request, { target, url });
    return slowDown(context.faults, response);
  } catch (error) {
    if (error instanceof ApiError) return error.response();
    const text = error instanceof Error ? error.message : String(error);
    return new ApiError(500, "InternalError", text).response();
  }
}

function answerProbe(path: string): Response | undefined {
  if (/^\/(?:healthz|livez|readyz)$/.test(path)) return new Response("ok");
  if (path !== "/version") return undefined;
  return Response.json({ major: "1", minor: "34", gitVersion: "v1.34.0" });
}

function checkToken({ tokens }: HandlerContext, request: Request): void {
  if (tokens.size === 0) return;
  const header = request.headers.get("authorization") ?? "";
  const token = header.replace(/^Bearer /, "");
  if (!tokens.has(token)) {
    throw new ApiError(401, "Unauthorized", "Unauthorized");
  }
}

const PATH = new RegExp(
  "^(?:/api/(?<core>v1)|/apis/(?<group>[^/]+)/(?<version>[^/]+))" +
    "(?:/namespaces/(?<namespace>[^/]+))?/(?<plural>[a-z]+)" +
    "(?:/(?<name>[^/]+))?(?:/(?<subresource>[a-z]+))?$",
);

/** Splits a path of the form `/api/v1[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`. */
export function parsePath(path: string): Target | undefined {
  const decoded = decodeURIComponent(path);
  // The collection of namespaces looks like a namespace prefix; it is tried first.
  const own = /^\/api\/v1\/namespaces(?:\/([^/]+))?(?:\/(status|finalize))?$/
    .exec(
      decoded,
    );
  const namespaces = API_RESOURCES.find(({ plural }) =>
    plural === "namespaces"
  );
  if (own !== null && namespaces !== undefined) {
    const [, name, subresource] = own;
    return { resource: namespaces, namespace: undefined, name, subresource };
  }
  const parts = PATH.exec(decoded)?.groups;
  if (parts === undefined) return undefined;
  const { core, group = "", version = core } = parts;
  const resource = API_RESOURCES.find((known) =>
    known.plural === parts["plural"] && known.group === group &&
    known.version === version
  );
  if (resource === undefined) return undefined;
  const { namespace, name, subresource } = parts;
  return { resource, namespace, name, subresource };
}

/** Enough of discovery for clients that look before they ask. */
function discover(path: string): unknown {
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
  if (path === "/apis") {
    const groups = new Set(API_RESOURCES.map(({ group }) => group));
    groups.delete("");
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: [...groups].map((name) => {
        const version = { groupVersion: `${name}/v1`, version: "v1" };
        return { name, versions: [version], preferredVersion: version };
      }),
    };
  }
  const named = path.replace(/^\/apis?\//, "");
  const resources = API_RESOURCES.filter((resource) =>
    groupVersion(resource) === named
  );
  if (resources.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: named,
    resources: resources.map(({ plural, kind, namespaced }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced,
      kind,
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    })),
  };
}

async function dispatch(
  context: HandlerContext,
  request: Request,
  { target, url }: { readonly target: Target; readonly url: URL },
): Promise<Response> {
  const { store, faults, lists, watches } = context;
  const { resource, namespace, name, subresource } = target;
  const query = url.searchParams;
  const watching = query.get("watch") === "true" || query.get("watch") === "1";
  const verb = verbOf(request.method, name, watching);
  faults.check(verb, resource.plural);
  if (subresource !== undefined && subresource !== "status") {
    throw notFound(resource.plural, subresource);
  }
  const key = namespace === undefined ? name ?? "" : `${namespace}/${name}`;
  const part = subresource === "status" ? "status" : "not_status";
  switch (verb) {
    case "watch":
      checkWatch(store, faults, { resource, query });
      return watchResponse({
        store,
        faults,
        resource,
        namespace,
        query,
        open: watches,
      });
    case "list":
      return Response.json(lists.read(resource, namespace, query));
    case "get":
      return Response.json(store.get(resource, key));
    case "create": {
      const input = await readObject(request, target);
      checkNamespace(store, input);
      return Response.json(store.create(resource, input), { status: 201 });
    }
    case "update":
      return Response.json(
        store.update(resource, await readObject(request, target), part),
      );
    case "patch": {
      const patch = await readPatch(request);
      const merged = mergePatch(store.get(resource, key), patch);
      const input = asObject(merged, target);
      // Without a version in the patch it applies to whatever is there.
      const versioned = isRecord(patch["metadata"]) &&
        patch["metadata"]["resourceVersion"] !== undefined;
      const { resourceVersion: _, ...metadata } = input.metadata;
      return Response.json(
        store.update(
          resource,
          versioned ? input : { ...input, metadata },
          part,
        ),
      );
    }
    case "delete":
      return Response.json(deleteTarget(store, target, query));
  }
}

function verbOf(
  method: string,
  name: string | undefined,
  watching: boolean,
): Verb {
  switch (method) {
    case "GET":
      return watching ? "watch" : name === undefined ? "list" : "get";
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return "delete";
    default:
      throw new ApiError(405, "MethodNotAllowed", `${method} is not allowed`);
  }
}

async function readObject(
  request: Request,
  target: Target,
): Promise<ApiObject> {
  let body: unknown;
  try {
    body = await request.json();
  } catch {
    throw new ApiError(400, "BadRequest", "the body is not JSON");
  }
  return asObject(body, target);
}

/** Checks the body against the path, and fills in the namespace. */
function asObject(body: unknown, target: Target): ApiObject {
  const { resource, namespace, name } = target;
  if (!isRecord(body) || !isRecord(body["metadata"])) {
    throw new ApiError(400, "BadRequest", "the body is not an object");
  }
  const { kind = resource.kind, apiVersion = groupVersion(resource) } = body;
  const { metadata } = body;
  const named = metadata["name"] ?? name ?? "";
  if (
    kind !== resource.kind || apiVersion !== groupVersion(resource) ||
    typeof named !== "string" ||
    resource.namespaced !== (namespace !== undefined) ||
    (name !== undefined && named !== name) ||
    (metadata["namespace"] ?? namespace) !== namespace
  ) {
    throw new ApiError(
      400,
      "BadRequest",
      "kind, name or namespace of the object does not match the request",
    );
  }
  if (named === "" && typeof metadata["generateName"] !== "string") {
    throw new ApiError(422, "Invalid", "name or generateName is required");
  }
  return {
    ...body,
    kind: resource.kind,
    apiVersion: groupVersion(resource),
    metadata: {
      ...metadata,
      name: named,
      ...(namespace === undefined ? {} : { namespace }),
    },
  };
}

function checkNamespace(store: ObjectStore, object: ApiObject): void {
  const { namespace } = object.metadata;
  const namespaces = API_RESOURCES.find(({ plural }) =>
    plural === "namespaces"
  );
  if (namespace !== undefined && namespaces !== undefined) {
    store.get(namespaces, namespace);
  }
}

async function readPatch(request: Request): Promise<Record<string, unknown>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/(?:strategic-)?merge-patch\+json/.test(type)) {
    throw new ApiError(
      415,
      "UnsupportedMediaType",
      `${type} is not supported; use application/merge-patch+json`,
    );
  }
  const patch: unknown = await request.json();
  if (!isRecord(patch)) {
    throw new ApiError(400, "BadRequest", "the patch is not an object");
  }
  return patch;
}

/** RFC 7396. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function deleteTarget(
  store: ObjectStore,
  { resource, namespace, name }: Target,
  query: URLSearchParams,
): unknown {
  if (name !== undefined) {
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    const deleted = store.delete(resource, key);
    if (resource.kind === "Namespace") emptyNamespace(store, name);
    return deleted;
  }
  const filter = parseFilter(query);
  const { objects } = store.snapshot(resource);
  for (const object of objects) {
    const { namespace: own, name } = object.metadata;
    if ((namespace !== undefined && own !== namespace) || !filter(object)) {
      continue;
    }
    store.delete(resource, own === undefined ? name : `${own}/${name}`);
  }
  return { kind: "Status", apiVersion: "v1", status: "Success" };
}

function emptyNamespace(store: ObjectStore, namespace: string): void {
  for (const resource of API_RESOURCES) {
    if (!resource.namespaced) continue;
    for (const { metadata } of store.snapshot(resource).objects) {
      if (metadata.namespace === namespace) {
        store.delete(resource, `${namespace}/${metadata.name}`);
      }
    }
  }
}

/** Cuts the body into small chunks, anywhere. */
function slowDown(faults: Faults, response: Response): Response {
  const { chunkBytes, chunkDelayMs } = faults;
  if (chunkBytes <= 0 || response.body === null) return response;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    async transform(bytes, controller): Promise<void> {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        controller.enqueue(bytes.slice(at, at + chunkBytes));
        await new Promise((resume) => setTimeout(resume, chunkDelayMs));
      }
    },
  });
  return new Response(response.body.pipeThrough(cut), {
    status: response.status,
    headers: response.headers,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
