/**
 * Where the sources of this room pour objects in. Both the API reflector and
 * the manifests directory see only this face of the cluster store.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Kind, Kinds, ObjectKey } from "../cluster/model.ts";

/** One object after projection. */
export interface Decoded {
  readonly kind: Kind;
  /** Empty when the object has no usable name. */
  readonly key: ObjectKey;
  /**
   * undefined with issues: nothing of it is usable; undefined without issues: a
   * sound object that has no place in the model.
   */
  readonly object: Kinds[Kind] | undefined;
  /** Empty when every field that matters was usable. */
  readonly issues: readonly Issue[];
}

/**
 * The cluster store as its sources see it. No method throws: a fault while
 * projecting or storing one object is counted and reported, and the stream of
 * the others goes on.
 */
export interface Sink {
  /**
   * Projects a Kubernetes object to the model and lets go of the rest of it.
   *
   * @param kind what the source says it is; the object's own `kind` is not read
   */
  decode(kind: Kind, raw: unknown): Decoded;
  /** Makes these the only objects of their kind; those that stay the same are not touched. */
  replace(kind: Kind, objects: readonly Decoded[]): void;
  /** Adds or changes one object; one without a model value is removed. */
  upsert(decoded: Decoded): void;
  /** Removes one object; nothing happens when it is not there. */
  remove(kind: Kind, key: ObjectKey): void;
  /** Says that all objects of the kind that exist were handed over once. */
  synced(kind: Kind): void;
}
