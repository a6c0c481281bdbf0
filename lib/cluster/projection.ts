/**
 * What every projection shares: its result, and the metadata of an object.
 *
 * A projection turns the JSON of one Kubernetes object into a plain value of
 * `model.ts`. It never throws. What cannot be read costs that field or entry
 * only, always in the direction that opens nothing, and is told as an issue.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import { internLabels, NO_LABELS } from "./labels.ts";
import type { Kind, LabelSet, ObjectKey } from "./model.ts";
import { shareText } from "./pool.ts";
import { isRecord, type JsonRecord, quote, Reader } from "./reader.ts";

/** What a projection made of an object. */
export interface Projected<T> {
  /** Empty when the object has no usable name. */
  readonly key: ObjectKey;
  /**
   * Undefined with issues: unusable as a whole. Undefined without issues: a sound
   * object that has no place in the model, such as an endpoint slice of names.
   */
  readonly object: T | undefined;
  readonly issues: readonly Issue[];
}

/** Kinds that live in no namespace. */
const CLUSTER_SCOPED: ReadonlySet<Kind> = new Set(["Namespace", "Node"]);

/** RFC 1123 subdomain, which holds RFC 1123 and RFC 1035 labels too. */
const NAME =
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Whether a text can be the name of an object: RFC 1123 subdomain, at most 253 characters. */
export function isObjectName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}

/** The identity of an object. */
export interface Identity {
  readonly key: ObjectKey;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** Empty when the object has none, as in a manifest. */
  readonly uid: string;
  /** Empty when the object has none. */
  readonly resourceVersion: string;
}

/** An object opened for reading: who it is, its parts, and the reader that keeps its issues. */
export interface OpenObject extends Identity {
  readonly reader: Reader;
  readonly metadata: JsonRecord;
  /** Empty when absent. */
  readonly spec: JsonRecord;
  /** Empty when absent. */
  readonly status: JsonRecord;
}

/**
 * Reads the identity of an object. A namespaced object without namespace is in
 * `default`, as for kubectl.
 *
 * @returns an issue when the object has no usable name
 */
export function readIdentity(
  kind: Kind,
  raw: unknown,
): { readonly identity: Identity } | { readonly issue: Issue } {
  const metadata = isRecord(raw) ? raw["metadata"] : undefined;
  if (!isRecord(metadata)) {
    return {
      issue: {
        object: kind,
        field: "metadata",
        problem: "is missing",
        mend: "give the object a name",
      },
    };
  }
  const name = metadata["name"];
  if (typeof name !== "string" || !isObjectName(name)) {
    return {
      issue: {
        object: kind,
        field: "metadata.name",
        problem: `${quote(name)} is not a name`,
        mend: "use lower-case letters, digits, - and .",
      },
    };
  }
  const uid = textOrEmpty(metadata["uid"]);
  const resourceVersion = textOrEmpty(metadata["resourceVersion"]);
  if (CLUSTER_SCOPED.has(kind)) {
    return {
      identity: { key: name, namespace: "", name, uid, resourceVersion },
    };
  }
  const namespace = metadata["namespace"] ?? "default";
  if (
    typeof namespace !== "string" || !isObjectName(namespace) ||
    namespace.includes(".") || namespace.length > 63
  ) {
    return {
      issue: {
        object: `${kind} ${name}`,
        field: "metadata.namespace",
        problem: `${quote(namespace)} is not a namespace`,
        mend: "use lower-case letters, digits and -",
      },
    };
  }
  return {
    identity: {
      key: `${namespace}/${name}`,
      namespace: shareText(namespace),
      name,
      uid,
      resourceVersion,
    },
  };
}

function textOrEmpty(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Runs a projection on an object that has a usable identity.
 *
 * @param build makes the value, or returns undefined when there is none
 */
export function project<T>(
  kind: Kind,
  raw: unknown,
  build: (object: OpenObject) => T | undefined,
): Projected<T> {
  const read = readIdentity(kind, raw);
  if ("issue" in read || !isRecord(raw)) {
    const issues = "issue" in read ? [read.issue] : [];
    return { key: "", object: undefined, issues };
  }
  const { identity } = read;
  const reader = new Reader(`${kind} ${identity.key}`);
  const object = build({
    ...identity,
    reader,
    metadata: reader.record(raw["metadata"], "metadata") ?? {},
    spec: reader.record(raw["spec"], "spec") ?? {},
    status: reader.record(raw["status"], "status") ?? {},
  });
  return { key: identity.key, object, issues: reader.issues };
}

/**
 * Reads the labels. A number or a boolean, which the API server would refuse but
 * a manifest may hold, counts as its text: leaving it out would free the object
 * from policies that select by it.
 */
export function readLabels(
  { metadata, reader }: OpenObject,
  always: Readonly<Record<string, string>> = {},
): LabelSet {
  const labels = reader.record(metadata["labels"], "metadata.labels");
  if (labels === undefined) {
    const forced = Object.entries(always);
    return forced.length === 0 ? NO_LABELS : internLabels(forced);
  }
  const pairs: [string, string][] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value === "string") {
      pairs.push([key, value]);
      continue;
    }
    const field = `metadata.labels[${quote(key)}]`;
    reader.refuse(field, value, "is not text", "put the value in quotes");
    if (typeof value === "number" || typeof value === "boolean") {
      pairs.push([key, String(value)]);
    }
  }
  pairs.push(...Object.entries(always));
  return internLabels(pairs);
}

const NO_ANNOTATIONS: ReadonlyMap<string, string> = new Map();

/** Reads the annotations that are meant for us: keys that start with `kube-router.io/` or `fairway.`. */
export function readAnnotations(
  { metadata, reader }: OpenObject,
): ReadonlyMap<string, string> {
  const field = "metadata.annotations";
  const annotations = reader.record(metadata["annotations"], field);
  let kept: Map<string, string> | undefined;
  for (const key of Object.keys(annotations ?? {})) {
    if (!key.startsWith("kube-router.io/") && !key.startsWith("fairway.")) {
      continue;
    }
    const value = reader.requiredText(
      annotations?.[key],
      `${field}[${quote(key)}]`,
    );
    if (value === undefined) continue;
    kept ??= new Map();
    kept.set(key, value);
  }
  return kept ?? NO_ANNOTATIONS;
}

/** One label of an object, when it is text. */
export function labelOf(
  { metadata }: OpenObject,
  key: string,
): string | undefined {
  const labels = metadata["labels"];
  if (!isRecord(labels) || !Object.hasOwn(labels, key)) return undefined;
  const value = labels[key];
  return typeof value === "string" ? value : undefined;
}
