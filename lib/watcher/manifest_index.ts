/**
 * Which manifest file says what about which object.
 *
 * The index takes the text of one file at a time and answers with the few
 * objects that changed. Its rules:
 *
 * - An object in several places belongs to the first one in the order of file
 *   names, then of documents; the others are reported.
 * - A document with issues does not replace the last good version of its object.
 *   Without a good version, whatever of it is usable is used.
 * - A file with a document that cannot be read at all keeps the objects it had.
 *
 * No I/O and no clock.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Kind, ObjectKey } from "../cluster/model.ts";
import { decodeObject } from "../cluster/decode_object.ts";
import type { Decoded } from "./sink.ts";
import {
  detach,
  fieldPath,
  Locator,
  parseChunk,
  type RawObject,
  splitDocuments,
} from "./manifest_text.ts";

/** Projects one raw object. */
export type Decode = (kind: Kind, raw: unknown) => Decoded;

/** What the store must do after a file changed. */
export interface ManifestChange {
  readonly upserts: readonly Decoded[];
  readonly removals: readonly {
    readonly kind: Kind;
    readonly key: ObjectKey;
  }[];
  /** Objects that are gone from the file but were kept, because removals were not allowed. */
  readonly heldBack: number;
}

/** A fault with its place. */
interface Fault {
  /** Line of the chunk, from 1. */
  readonly line: number;
  /** `Service default/web`, or empty when the document has no identity. */
  readonly object: string;
  readonly field: string;
  readonly problem: string;
  readonly mend: string;
}

/** A document after parsing and projection; kept as long as its text stays. */
interface Document {
  readonly text: string;
  readonly objects: readonly {
    readonly decoded: Decoded;
    readonly path: RawObject["path"];
  }[];
  readonly faults: readonly Fault[];
  /** Something in it could not be told to be this or that object. */
  readonly unidentified: boolean;
  /** Kinds that Fairway does not read. */
  readonly ignored: readonly string[];
}

/** One place that describes one object. */
interface Claim {
  readonly id: string;
  readonly decoded: Decoded;
  readonly file: string;
  readonly document: Document;
  /** Line of the file, from 1, on which the document starts. */
  readonly documentLine: number;
  readonly path: RawObject["path"];
}

interface FileEntry {
  readonly documents: readonly {
    readonly document: Document;
    readonly line: number;
  }[];
  readonly claims: ReadonlyMap<string, Claim>;
  /** Claims after the first one on the same object in this file. */
  readonly repeated: readonly Claim[];
}

const NOTHING: FileEntry = { documents: [], claims: new Map(), repeated: [] };

/** The index of a directory of manifests. */
export class ManifestIndex {
  readonly #decode: Decode;
  readonly #files = new Map<string, FileEntry>();
  /** Sorted by file name; nearly always one. */
  readonly #claims = new Map<string, Claim[]>();
  /** What the store holds, by object. */
  readonly #applied = new Map<string, Decoded>();
  readonly #unreadable = new Map<string, string>();

  constructor(decode: Decode) {
    this.#decode = decode;
  }

  /** Objects in the store. */
  get size(): number {
    return this.#applied.size;
  }

  /** Names of the files that the index holds. */
  files(): Iterable<string> {
    return this.#files.keys();
  }

  /** Every object that the store should hold. */
  objects(): Iterable<Decoded> {
    return this.#applied.values();
  }

  /**
   * Takes the present text of one file.
   *
   * @param text undefined when the file is gone
   * @param allowRemovals false keeps objects that the file no longer describes,
   * to be asked again once the file has come to rest
   */
  update(
    file: string,
    text: string | undefined,
    allowRemovals: boolean,
  ): ManifestChange {
    this.#unreadable.delete(file);
    const before = this.#files.get(file) ?? NOTHING;
    const after = this.#read(file, text ?? "", before);
    let heldBack = 0;
    const keepsAll = after.documents.some(({ document }) =>
      document.unidentified
    );
    const claims = new Map(after.claims);
    for (const [id, claim] of before.claims) {
      if (claims.has(id)) continue;
      if (!allowRemovals) heldBack++;
      if (keepsAll || !allowRemovals) claims.set(id, claim);
    }
    if (text === undefined && claims.size === 0) this.#files.delete(file);
    else this.#files.set(file, { ...after, claims });
    return { ...this.#settle(file, before.claims, claims), heldBack };
  }

  /** Notes that a file exists but could not be read; it keeps its objects. */
  markUnreadable(file: string, problem: string): void {
    this.#unreadable.set(file, problem);
  }

  /** Kinds that were passed over, and how many objects of each. */
  ignored(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { documents } of this.#files.values()) {
      for (const { document } of documents) {
        for (const kind of document.ignored) {
          counts.set(kind, (counts.get(kind) ?? 0) + 1);
        }
      }
    }
    return counts;
  }

  /** Everything that is wrong now, in the order of files. */
  issues(): Issue[] {
    return [...this.#files.keys(), ...this.#unreadable.keys()]
      .filter((file, index, all) => all.indexOf(file) === index)
      .sort()
      .flatMap((file) => this.issuesOf(file));
  }

  /**
   * Issues because of which some object is missing altogether: files that cannot
   * be read, documents that say nothing usable.
   */
  unusable(): Issue[] {
    const files = new Set([...this.#files.keys(), ...this.#unreadable.keys()]);
    return [...files].sort().flatMap((file) => [
      ...this.#unreadableIssues(file),
      ...(this.#files.get(file) ?? NOTHING).documents
        .filter(({ document }) => isUnusable(document))
        .flatMap(({ document, line }) => faultIssues(file, line, document)),
    ]);
  }

  /** Everything that is wrong with one file now. */
  issuesOf(file: string): Issue[] {
    const entry = this.#files.get(file) ?? NOTHING;
    const issues = this.#unreadableIssues(file);
    for (const { document, line } of entry.documents) {
      issues.push(...faultIssues(file, line, document));
    }
    const locators = new Map<Document, Locator>();
    const place = (claim: Claim): string => {
      const { document, documentLine, path } = claim;
      const locator = locators.get(document) ?? new Locator(document.text);
      locators.set(document, locator);
      return `${claim.file}:${documentLine + locator.lineOf(path) - 1}`;
    };
    for (const claim of [...entry.repeated, ...entry.claims.values()]) {
      const [first] = this.#claims.get(claim.id) ?? [];
      if (first === undefined || first === claim) continue;
      issues.push({
        object: `${place(claim)} ${nameOf(claim.decoded)}`,
        field: "",
        problem: `is also described in ${place(first)}, which is used`,
        mend: "remove one of the two",
      });
    }
    return issues;
  }

  #unreadableIssues(file: string): Issue[] {
    const problem = this.#unreadable.get(file);
    if (problem === undefined) return [];
    return [{
      object: file,
      field: "",
      problem,
      mend: "make the file readable; until then its objects stay as they were",
    }];
  }

  #read(file: string, text: string, before: FileEntry): FileEntry {
    // Claims too: a document that vanished for a moment comes back as it was.
    const known = new Map<string, Document>();
    for (const { document } of before.claims.values()) {
      known.set(document.text, document);
    }
    for (const { document } of before.documents) {
      known.set(document.text, document);
    }
    const claims = new Map<string, Claim>();
    const repeated: Claim[] = [];
    const documents = splitDocuments(text).map((chunk) => {
      const document = known.get(chunk.text) ??
        readDocument(detach(chunk.text), this.#decode);
      for (const { decoded, path } of document.objects) {
        const id = nameOf(decoded);
        const documentLine = chunk.line;
        const claim = { id, decoded, file, document, documentLine, path };
        if (claims.has(id)) repeated.push(claim);
        else claims.set(id, claim);
      }
      return { document, line: chunk.line };
    });
    return { documents, claims, repeated };
  }

  /** Brings claims, and from them what the store should hold, up to date. */
  #settle(
    file: string,
    before: ReadonlyMap<string, Claim>,
    after: ReadonlyMap<string, Claim>,
  ): Omit<ManifestChange, "heldBack"> {
    const upserts: Decoded[] = [];
    const removals: { kind: Kind; key: ObjectKey }[] = [];
    for (const id of new Set([...before.keys(), ...after.keys()])) {
      const current = this.#claims.get(id);
      const mine = after.get(id);
      if (
        current?.length === 1 && mine?.decoded === before.get(id)?.decoded &&
        mine !== undefined
      ) {
        current[0] = mine;
        continue;
      }
      const others = (current ?? []).filter((claim) => claim.file !== file);
      if (mine !== undefined) others.push(mine);
      others.sort((a, b) => a.file < b.file ? -1 : a.file > b.file ? 1 : 0);
      const applied = this.#applied.get(id);
      const [first] = others;
      if (first === undefined) {
        this.#claims.delete(id);
        this.#applied.delete(id);
        if (applied !== undefined) {
          removals.push({ kind: applied.kind, key: applied.key });
        }
        continue;
      }
      this.#claims.set(id, others);
      const { decoded } = first;
      if (decoded === applied || keepsLast(applied, decoded)) continue;
      this.#applied.set(id, decoded);
      upserts.push(decoded);
    }
    return { upserts, removals };
  }
}

/** Whether a document leaves an object out of the model altogether. */
function isUnusable(document: Document): boolean {
  return document.unidentified ||
    document.objects.some(({ decoded }) =>
      decoded.object === undefined && decoded.issues.length > 0
    );
}

/** What is wrong with a document that starts at a line of a file. */
function faultIssues(file: string, line: number, document: Document): Issue[] {
  return document.faults.map((fault) => {
    const place = `${file}:${line + fault.line - 1}`;
    return {
      object: fault.object === "" ? place : `${place} ${fault.object}`,
      field: fault.field,
      problem: fault.problem,
      mend: fault.mend,
    };
  });
}

/** Whether a faulty document leaves its object as it was. */
function keepsLast(applied: Decoded | undefined, next: Decoded): boolean {
  if (next.issues.length === 0) return false;
  return applied?.issues.length === 0 || next.object === undefined;
}

function nameOf(decoded: Decoded): string {
  return `${decoded.kind} ${decoded.key}`;
}

function readDocument(text: string, decode: Decode): Document {
  const parsed = parseChunk(text);
  const objects: Document["objects"][number][] = [];
  const locator = new Locator(text);
  const faults: Fault[] = parsed.faults.map(({ line, problem }) => ({
    line,
    object: "",
    field: "",
    problem,
    mend:
      "correct the document; until then the file's objects stay as they were",
  }));
  const ignored: string[] = [];
  let unidentified = faults.length > 0;
  const fault = (
    object: RawObject,
    field: string,
    problem: string,
    mend: string,
  ): void => {
    faults.push({
      line: locator.lineOf([...object.path, ...fieldPath(field)]),
      object: describe(object),
      field,
      problem,
      mend,
    });
  };
  for (const object of parsed.objects) {
    const recognised = decodeObject(object.raw);
    if (recognised.status === "foreign") {
      ignored.push(recognised.kind);
      continue;
    }
    if (recognised.status === "invalid") {
      unidentified = true;
      const { field, problem, mend } = recognised.issue;
      fault(object, field, problem, mend);
      continue;
    }
    const decoded = decode(recognised.kind, object.raw);
    if (decoded.key === "") unidentified = true;
    else objects.push({ decoded, path: object.path });
    for (const { field, problem, mend } of decoded.issues) {
      fault(object, field, problem, mend);
    }
  }
  return { text, objects, faults, unidentified, ignored };
}

function describe({ kind, namespace, name }: RawObject): string {
  if (name === undefined) return kind;
  return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
}
