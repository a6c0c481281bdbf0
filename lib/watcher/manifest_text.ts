/**
 * Text of a manifest file to raw Kubernetes objects.
 *
 * A file is cut into documents before anything is parsed, so that after an edit
 * only the documents whose text changed are parsed again. The cut is exact: YAML
 * allows `---` and `...` at the start of a line as markers only (YAML 1.2.2,
 * section 9.1.2). Values come from the fast parser of the standard library;
 * positions, which only a faulty document needs, from the slower `yaml`.
 *
 * @module
 */

import { parse as parseFast } from "@std/yaml/parse";
import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { messageOf } from "../base/errors.ts";

/** One document of a file. */
export interface Chunk {
  readonly text: string;
  /** Line of the file, from 1, on which the text starts. */
  readonly line: number;
}

/** A Kubernetes object as it stands in a document. */
export interface RawObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** undefined when missing or not text. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  readonly raw: Readonly<Record<string, unknown>>;
  /** Path from the document's root: empty, or `["items", 3]` in a list. */
  readonly path: readonly (string | number)[];
}

/** Something in a document that is not an object. */
export interface ChunkFault {
  /** Line of the chunk, from 1. */
  readonly line: number;
  readonly problem: string;
}

/** What a document holds. */
export interface ParsedChunk {
  readonly objects: readonly RawObject[];
  readonly faults: readonly ChunkFault[];
}

const MARKER = /^(?:---|\.\.\.)(?=\s|$)/gm;

/** Cuts a file into documents; those of comments, directives and blank lines only are left out. */
export function splitDocuments(text: string): Chunk[] {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const chunks: Chunk[] = [];
  let start = 0;
  let line = 1;
  const cut = (end: number): void => {
    const piece = source.slice(start, end);
    if (!isBlank(piece)) chunks.push({ text: piece, line });
    line += countLines(piece);
    start = end;
  };
  for (const match of source.matchAll(MARKER)) {
    // The closing marker belongs to neither side; the opening one may carry content.
    cut(match.index);
    if (match[0] === "...") start = match.index + 3;
  }
  cut(source.length);
  return chunks;
}

function isBlank(piece: string): boolean {
  const body = piece.startsWith("---") ? piece.slice(3) : piece;
  return !/^[ \t]*[^\s#%]/m.test(body);
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}

/**
 * A copy that shares no memory with the text it was cut from. What is kept for
 * long is made from such copies, or one document would hold its whole file, in
 * every version that it ever had.
 */
export function detach(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

/** Parses one document; a list gives its items. Never throws. */
export function parseChunk(text: string): ParsedChunk {
  let value: unknown;
  try {
    value = parseValue(text);
  } catch (error) {
    return { objects: [], faults: [syntaxFault(text, error)] };
  }
  const objects: RawObject[] = [];
  const faults: ChunkFault[] = [];
  const locator = new Locator(text);
  collect(value, [], undefined);
  return { objects, faults };

  function collect(
    item: unknown,
    path: readonly (string | number)[],
    inherited:
      | { readonly apiVersion: string; readonly kind: string }
      | undefined,
  ): void {
    if (item === null || item === undefined) return;
    if (!isRecord(item)) {
      faults.push({
        line: locator.lineOf(path),
        problem: "is not a Kubernetes object",
      });
      return;
    }
    const apiVersion = item["apiVersion"] ?? inherited?.apiVersion;
    const kind = item["kind"] ?? inherited?.kind;
    if (typeof apiVersion !== "string" || typeof kind !== "string") {
      const missing = typeof kind === "string" ? "apiVersion" : "kind";
      faults.push({ line: locator.lineOf(path), problem: `has no ${missing}` });
      return;
    }
    const items = item["items"];
    if (kind.endsWith("List") && Array.isArray(items)) {
      const element = kind === "List"
        ? undefined
        : { apiVersion, kind: kind.slice(0, -"List".length) };
      items.forEach((entry: unknown, index) =>
        collect(entry, [...path, "items", index], element)
      );
      return;
    }
    const metadata = isRecord(item["metadata"]) ? item["metadata"] : {};
    const name = metadata["name"];
    const namespace = metadata["namespace"];
    objects.push({
      apiVersion,
      kind,
      name: typeof name === "string" && name !== "" ? name : undefined,
      namespace: typeof namespace === "string" && namespace !== ""
        ? namespace
        : undefined,
      raw: inherited === undefined ? item : { ...inherited, ...item },
      path,
    });
  }
}

/**
 * Where things stand in a document. The text is parsed for positions at the
 * first question only.
 */
export class Locator {
  readonly #text: string;
  #lines: LineCounter | undefined;
  #document: ReturnType<typeof parseDocument> | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * The line, from 1, on which a node stands, or its nearest parent that exists.
   *
   * @param path from the document's root; empty for the first line with content
   */
  lineOf(path: readonly (string | number)[]): number {
    if (path.length > 0) {
      const lines = this.#lines ??= new LineCounter();
      const document = this.#document ??= parseDocument(this.#text, {
        lineCounter: lines,
        merge: true,
      });
      for (let length = path.length; length > 0; length--) {
        const offset = offsetOf(document, path.slice(0, length));
        if (offset !== undefined) return lines.linePos(offset).line;
      }
    }
    const content = this.#text.search(/^(?!---\s*$)[^\s#]/m);
    return content < 0 ? 1 : 1 + countLines(this.#text.slice(0, content));
  }
}

/** `spec.ports[0].port` as a path; a key in brackets may be quoted. */
export function fieldPath(field: string): (string | number)[] {
  const path: (string | number)[] = [];
  for (const match of field.matchAll(/\[(\d+)\]|\["([^"]*)"\]|([^.[\]]+)/g)) {
    if (match[1] !== undefined) path.push(Number(match[1]));
    else path.push(match[2] ?? match[3] ?? "");
  }
  return path;
}

function parseValue(text: string): unknown {
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // Flow-style YAML, or a fault that the YAML parser describes with its line.
    }
  }
  // The fast parser's core schema has no merge keys.
  if (!text.includes("<<:")) {
    try {
      return parseFast(text, { schema: "core" });
    } catch {
      // The other parser decides, and says where.
    }
  }
  const document = parseDocument(text, { merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return document.toJS();
}

function syntaxFault(text: string, error: unknown): ChunkFault {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
  });
  const [first] = document.errors;
  if (first === undefined) return { line: 1, problem: messageOf(error) };
  return {
    line: lines.linePos(first.pos[0]).line,
    problem: `is not YAML: ${messageOf(first)}`,
  };
}

/** Where a node starts: the key of a map entry, or an element of a sequence. */
function offsetOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly (string | number)[],
): number | undefined {
  const last = path[path.length - 1];
  const parent = path.length === 1
    ? document.contents
    : document.getIn(path.slice(0, -1), true);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) =>
      (isScalar(key) ? key.value : key) === last
    );
    return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
