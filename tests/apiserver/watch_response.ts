/**
 * The stream of a watch.
 *
 * @module
 */

import { ApiError, expired } from "./api_error.ts";
import type { Faults } from "./faults.ts";
import type { ApiObject, Change, ObjectStore } from "./object_store.ts";
import { type ApiResource, groupVersion } from "./resources.ts";
import { type ObjectFilter, parseFilter } from "./selectors.ts";

/** A watch that is open. */
export interface OpenWatch {
  readonly resource: ApiResource;
  /** Ends it in good order. */
  end(): void;
  /** Sends an ERROR event and ends it. */
  fail(error: ApiError): void;
}

interface WatchOptions {
  readonly store: ObjectStore;
  readonly faults: Faults;
  readonly resource: ApiResource;
  /** Undefined for all namespaces. */
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  /** Where open watches are kept. */
  readonly open: Set<OpenWatch>;
}

/**
 * Answers a watch request.
 *
 * @throws {ApiError} before the stream begins
 */
export function watchResponse(options: WatchOptions): Response {
  const { store, faults, resource, query, open } = options;
  const selected = parseFilter(query);
  const filter: ObjectFilter = (object) =>
    (options.namespace === undefined ||
      object.metadata.namespace === options.namespace) && selected(object);
  const streaming = wantsInitialEvents(query, faults);
  const version = query.get("resourceVersion") ?? "";
  const fromStart = streaming || version === "" || version === "0";
  const since = fromStart ? store.revision : parseRevision(version);
  const seconds = Number(query.get("timeoutSeconds") ?? 0);
  const timers: ReturnType<typeof setTimeout>[] = [];
  let unsubscribe = (): void => {};
  let close = (): void => {};

  const body = new ReadableStream<Uint8Array>({
    start(controller): void {
      const encoder = new TextEncoder();
      const send = (type: string, object: unknown): void =>
        controller.enqueue(
          encoder.encode(`${JSON.stringify({ type, object })}\n`),
        );
      const watch: OpenWatch = {
        resource,
        end: () => {
          cleanUp();
          controller.close();
        },
        fail: (error) => {
          send("ERROR", error.status());
          watch.end();
        },
      };
      const cleanUp = close = (): void => {
        unsubscribe();
        timers.forEach(clearInterval);
        open.delete(watch);
      };
      open.add(watch);
      const deliver = (change: Change): void => {
        const event = eventOf(change, filter);
        if (event !== undefined) send(event.type, event.object);
      };
      try {
        const { past, end } = store.subscribe(resource, since, deliver);
        unsubscribe = end;
        if (fromStart) {
          for (const object of store.snapshot(resource).objects) {
            if (filter(object)) send("ADDED", object);
          }
        } else past.forEach(deliver);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        watch.fail(error);
        return;
      }
      const bookmark = (annotations?: Record<string, string>): void =>
        send("BOOKMARK", bookmarkOf(resource, store.revision, annotations));
      if (streaming) bookmark({ "k8s.io/initial-events-end": "true" });
      const bookmarks = query.get("allowWatchBookmarks") === "true" ||
        query.get("allowWatchBookmarks") === "1";
      if (bookmarks && faults.bookmarkMs > 0) {
        timers.push(setInterval(() => bookmark(), faults.bookmarkMs));
      }
      if (seconds > 0) {
        timers.push(setTimeout(() => {
          if (bookmarks && faults.bookmarkMs > 0) bookmark();
          watch.end();
        }, seconds * 1_000));
      }
    },
    cancel(): void {
      close();
    },
  });
  return new Response(body, {
    headers: { "content-type": "application/json" },
  });
}

/** Refuses what the real server refuses, before a stream begins. */
export function checkWatch(
  store: ObjectStore,
  faults: Faults,
  options: { readonly resource: ApiResource; readonly query: URLSearchParams },
): void {
  const { resource, query } = options;
  const version = query.get("resourceVersion") ?? "";
  if (version !== "" && version !== "0") {
    const since = parseRevision(version);
    if (faults.expiredAsStatus && !store.remembers(resource, since)) {
      throw expired(`too old resource version: ${since}`);
    }
  }
  const match = query.get("resourceVersionMatch");
  const initial = query.get("sendInitialEvents");
  if (faults.streamingLists === "ignored") return;
  if (
    (initial !== null && faults.streamingLists === "refused") ||
    (initial === "true" && match !== "NotOlderThan") ||
    (initial === null && match !== null)
  ) {
    throw new ApiError(
      422,
      "Invalid",
      "ListOptions.meta.k8s.io is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled and resourceVersionMatch is NotOlderThan",
    );
  }
}

function wantsInitialEvents(query: URLSearchParams, faults: Faults): boolean {
  return query.get("sendInitialEvents") === "true" &&
    faults.streamingLists === "served";
}

/** @throws {ApiError} 400 */
export function parseRevision(text: string): number {
  if (!/^\d+$/.test(text)) {
    throw new ApiError(400, "BadRequest", `Invalid value: "${text}"`);
  }
  return Number(text);
}

/** An object that comes into or leaves the selection is added or deleted for this watch. */
function eventOf(
  { object, previous }: Change,
  filter: ObjectFilter,
): { readonly type: string; readonly object: ApiObject } | undefined {
  const before = previous !== undefined && filter(previous);
  const after = object !== undefined && filter(object);
  if (after) return { type: before ? "MODIFIED" : "ADDED", object };
  if (!before) return undefined;
  // The deleted object carries the version of its deletion.
  const version = object?.metadata.resourceVersion ??
    previous.metadata.resourceVersion;
  return {
    type: "DELETED",
    object: {
      ...previous,
      metadata: {
        ...previous.metadata,
        ...(version === undefined ? {} : { resourceVersion: version }),
      },
    },
  };
}

function bookmarkOf(
  resource: ApiResource,
  revision: number,
  annotations: Record<string, string> | undefined,
): unknown {
  return {
    kind: resource.kind,
    apiVersion: groupVersion(resource),
    metadata: {
      resourceVersion: `${revision}`,
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
