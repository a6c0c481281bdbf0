/**
 * Objects with resource versions, and the history that watches read.
 *
 * One counter numbers every change of every collection, as etcd does. Stored
 * objects are never changed in place, so a list can be read while writes go on.
 *
 * @module
 */

import { ApiError, expired, notFound, tooLarge } from "./api_error.ts";
import { type Admission, admit } from "./admission.ts";
import { type ApiResource, groupVersion } from "./resources.ts";

/** A Kubernetes object. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** The metadata that the server reads. */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** One change of a collection. */
export interface Change {
  readonly revision: number;
  readonly object: ApiObject | undefined;
  readonly previous: ApiObject | undefined;
}

/** A consistent list. */
export interface Snapshot {
  readonly revision: number;
  readonly objects: readonly ApiObject[];
}

interface Collection {
  readonly objects: Map<string, ApiObject>;
  history: Change[];
  /** Changes up to this revision are forgotten. */
  floor: number;
  readonly watchers: Set<(change: Change) => void>;
}

/** `namespace/name`, or `name`. */
export function keyOf(object: ApiObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** All objects of the server. */
export class ObjectStore {
  readonly #collections = new Map<ApiResource, Collection>();
  readonly #historyLimit: number;
  readonly #admission: Admission;
  #revision = 1;

  /** @param options `historyLimit`: changes kept for each collection */
  constructor(
    options: { readonly historyLimit: number; readonly admission: Admission },
  ) {
    this.#historyLimit = options.historyLimit;
    this.#admission = options.admission;
  }

  /** The newest resource version. */
  get revision(): number {
    return this.#revision;
  }

  get(resource: ApiResource, key: string): ApiObject {
    const object = this.#of(resource).objects.get(key);
    if (object === undefined) {
      throw notFound(resource.plural, key.split("/").at(-1) ?? key);
    }
    return object;
  }

  has(resource: ApiResource, key: string): boolean {
    return this.#of(resource).objects.has(key);
  }

  /** Everything now, in the order of keys. */
  snapshot(resource: ApiResource): Snapshot {
    const { objects } = this.#of(resource);
    const sorted = [...objects].sort(([a], [b]) => a < b ? -1 : 1);
    return {
      revision: this.#revision,
      objects: sorted.map(([, object]) => object),
    };
  }

  /** @throws {ApiError} 409 AlreadyExists */
  create(resource: ApiResource, input: ApiObject): ApiObject {
    const { objects } = this.#of(resource);
    const { metadata } = input;
    const name = metadata.name ||
      `${metadata.generateName ?? ""}${crypto.randomUUID().slice(0, 5)}`;
    const draft: ApiObject = admit(this.#admission, resource, {
      ...structuredClone(input),
      apiVersion: groupVersion(resource),
      kind: resource.kind,
      metadata: {
        ...metadata,
        name,
        uid: metadata.uid ?? crypto.randomUUID(),
        generation: 1,
        creationTimestamp: metadata.creationTimestamp ??
          new Date().toISOString().replace(/\.\d+Z$/, "Z"),
      },
    });
    if (objects.has(keyOf(draft))) {
      throw new ApiError(
        409,
        "AlreadyExists",
        `${resource.plural} "${name}" already exists`,
        { name, kind: resource.plural },
      );
    }
    return this.#write(resource, draft, undefined);
  }

  /**
   * Replaces an object.
   *
   * @param part what may change; the rest stays as it is
   * @throws {ApiError} 404, 409 Conflict
   */
  update(
    resource: ApiResource,
    input: ApiObject,
    part: "all" | "status" | "not_status",
  ): ApiObject {
    const previous = this.get(resource, keyOf(input));
    const { resourceVersion, uid, name } = input.metadata;
    const held = previous.metadata;
    if (
      (resourceVersion !== undefined && resourceVersion !== "" &&
        resourceVersion !== held.resourceVersion) ||
      (uid !== undefined && uid !== held.uid)
    ) {
      throw new ApiError(
        409,
        "Conflict",
        `Operation cannot be fulfilled on ${resource.plural} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
        { name, kind: resource.plural },
      );
    }
    const { uid: heldUid, creationTimestamp, deletionTimestamp } = held;
    const base = part === "status"
      ? { ...previous, status: structuredClone(input["status"]) }
      : structuredClone(input);
    const draft: ApiObject = {
      ...base,
      ...(part === "not_status" && resource.status
        ? { status: previous["status"] }
        : {}),
      apiVersion: previous.apiVersion,
      kind: previous.kind,
      metadata: {
        ...base.metadata,
        ...(heldUid === undefined ? {} : { uid: heldUid }),
        ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
        ...(held.resourceVersion === undefined
          ? {}
          : { resourceVersion: held.resourceVersion }),
        generation: held.generation ?? 1,
      },
    };
    const text = JSON.stringify(draft);
    // A write that changes nothing makes no new version.
    if (text === JSON.stringify(previous)) return previous;
    if (
      deletionTimestamp !== undefined &&
      (draft.metadata.finalizers ?? []).length === 0
    ) return this.#erase(resource, previous);
    const specChanged = JSON.stringify(draft["spec"]) !==
      JSON.stringify(previous["spec"]);
    const generation = (held.generation ?? 1) + (specChanged ? 1 : 0);
    return this.#write(resource, {
      ...draft,
      metadata: { ...draft.metadata, generation },
    }, previous);
  }

  /** Deletes an object, or marks it while it has finalizers. */
  delete(resource: ApiResource, key: string): ApiObject {
    const previous = this.get(resource, key);
    if ((previous.metadata.finalizers ?? []).length === 0) {
      return this.#erase(resource, previous);
    }
    if (previous.metadata.deletionTimestamp !== undefined) return previous;
    const deletionTimestamp = new Date().toISOString()
      .replace(/\.\d+Z$/, "Z");
    return this.#write(resource, {
      ...previous,
      metadata: { ...previous.metadata, deletionTimestamp },
    }, previous);
  }

  /**
   * Changes after a revision, then those to come.
   *
   * @returns the past changes, and what ends the subscription
   * @throws {ApiError} 410 when they are forgotten, 504 when the revision is in the future
   */
  subscribe(
    resource: ApiResource,
    since: number,
    listener: (change: Change) => void,
  ): { readonly past: readonly Change[]; readonly end: () => void } {
    const collection = this.#of(resource);
    if (since > this.#revision) throw tooLarge(since, this.#revision);
    if (since < collection.floor) {
      throw expired(
        `too old resource version: ${since} (${collection.floor})`,
      );
    }
    const past = collection.history
      .filter(({ revision }) => revision > since);
    collection.watchers.add(listener);
    return { past, end: () => collection.watchers.delete(listener) };
  }

  /** Forgets all history, as etcd's compaction does. */
  compact(): void {
    for (const collection of this.#collections.values()) {
      collection.history = [];
      collection.floor = this.#revision;
    }
  }

  /** Whether a revision can still be read. */
  remembers(resource: ApiResource, revision: number): boolean {
    return revision >= this.#of(resource).floor;
  }

  /** Moves the counter, as unrelated writes would. */
  skipRevisions(count: number): void {
    this.#revision += count;
  }

  #write(
    resource: ApiResource,
    draft: ApiObject,
    previous: ApiObject | undefined,
  ): ApiObject {
    const revision = ++this.#revision;
    const object: ApiObject = {
      ...draft,
      metadata: { ...draft.metadata, resourceVersion: `${revision}` },
    };
    this.#of(resource).objects.set(keyOf(object), object);
    this.#record(resource, { revision, object, previous });
    return object;
  }

  #erase(resource: ApiResource, held: ApiObject): ApiObject {
    const revision = ++this.#revision;
    const previous: ApiObject = {
      ...held,
      metadata: { ...held.metadata, resourceVersion: `${revision}` },
    };
    this.#of(resource).objects.delete(keyOf(held));
    this.#record(resource, { revision, object: undefined, previous });
    return previous;
  }

  #record(resource: ApiResource, change: Change): void {
    const collection = this.#of(resource);
    collection.history.push(change);
    if (collection.history.length > this.#historyLimit) {
      const dropped = collection.history.splice(
        0,
        collection.history.length - this.#historyLimit,
      );
      collection.floor = dropped.at(-1)?.revision ?? collection.floor;
    }
    for (const watcher of [...collection.watchers]) watcher(change);
  }

  #of(resource: ApiResource): Collection {
    let collection = this.#collections.get(resource);
    if (collection === undefined) {
      collection = {
        objects: new Map(),
        history: [],
        floor: 0,
        watchers: new Set(),
      };
      this.#collections.set(resource, collection);
    }
    return collection;
  }
}
