/**
 * A sink that keeps what it was told, with a projection of its own that finds
 * fault with `spec.bad` and cannot use an object with `spec.useless`.
 *
 * @module
 */

import type { Kind, Kinds } from "../../lib/cluster/model.ts";
import type { Decoded, Sink } from "../../lib/watcher/sink.ts";

interface Raw {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** See the module. */
export class RecordingSink implements Sink {
  /** `Kind key` to the object's `spec.value`. */
  readonly objects = new Map<string, unknown>();
  /** Everything that was told, in order. */
  readonly calls: string[] = [];
  readonly syncedKinds = new Set<Kind>();
  decodes = 0;

  decode(kind: Kind, raw: unknown): Decoded {
    this.decodes++;
    const { metadata, spec } = raw as Raw;
    if (!metadata?.name) {
      const issue = {
        object: kind,
        field: "metadata.name",
        problem: "is missing",
        mend: "name the object",
      };
      return { kind, key: "", object: undefined, issues: [issue] };
    }
    const key = kind === "Node" || kind === "Namespace"
      ? metadata.name
      : `${metadata.namespace ?? "default"}/${metadata.name}`;
    const issues = spec !== undefined && "bad" in spec
      ? [{
        object: `${kind} ${key}`,
        field: "spec.bad",
        problem: `${JSON.stringify(spec["bad"])} is bad`,
        mend: "make it good",
      }]
      : [];
    const object = spec !== undefined && "useless" in spec
      ? undefined
      : { key, value: spec?.["value"] };
    return { kind, key, object: object as unknown as Kinds[Kind], issues };
  }

  replace(kind: Kind, objects: readonly Decoded[]): void {
    this.calls.push(`replace ${kind} ${objects.length}`);
    for (const id of [...this.objects.keys()]) {
      if (id.startsWith(`${kind} `)) this.objects.delete(id);
    }
    for (const object of objects) this.#set(object);
  }

  upsert(decoded: Decoded): void {
    this.calls.push(`upsert ${decoded.kind} ${decoded.key}`);
    this.#set(decoded);
  }

  remove(kind: Kind, key: string): void {
    this.calls.push(`remove ${kind} ${key}`);
    this.objects.delete(`${kind} ${key}`);
  }

  synced(kind: Kind): void {
    this.syncedKinds.add(kind);
  }

  #set(decoded: Decoded): void {
    if (decoded.object === undefined) return;
    const { value } = decoded.object as unknown as { value: unknown };
    this.objects.set(`${decoded.kind} ${decoded.key}`, value);
  }
}
