/**
 * Manifests of a directory into a server.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import type { ApiObject } from "./object_store.ts";
import { resourceOf } from "./resources.ts";
import type { ApiServer } from "./server.ts";

/**
 * Loads every YAML and JSON file of a directory, recursively.
 *
 * @returns how many objects were loaded, and the kinds that were left out
 */
export async function loadDirectory(
  server: ApiServer,
  directory: string,
): Promise<{ readonly objects: number; readonly ignored: readonly string[] }> {
  let objects = 0;
  const ignored = new Set<string>();
  for (const file of (await listFiles(directory)).sort()) {
    const text = await Deno.readTextFile(file);
    for (const document of parseAllDocuments(text, { merge: true })) {
      if ("errors" in document && document.errors.length > 0) {
        throw new Error(`${file}: ${document.errors[0]?.message}`);
      }
      for (const object of itemsOf(document.toJS())) {
        if (resourceOf(object.apiVersion, object.kind) === undefined) {
          ignored.add(object.kind);
          continue;
        }
        server.put(object);
        objects++;
      }
    }
  }
  return { objects, ignored: [...ignored] };
}

async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) files.push(...await listFiles(path));
    else if (/^[^.].*\.(?:ya?ml|json)$/.test(entry.name)) files.push(path);
  }
  return files;
}

function itemsOf(value: unknown): ApiObject[] {
  if (typeof value !== "object" || value === null) return [];
  if ("items" in value && Array.isArray(value.items)) {
    return value.items.flatMap(itemsOf);
  }
  return [value as ApiObject];
}
