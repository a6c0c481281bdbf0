/**
 * The files of a manifests directory: which count, and what is there now.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";

/** Changes when a file's content may have changed. */
export type Signature = string;

/** What a walk over the directory found. */
export interface Listing {
  /** Manifest files by path relative to the root. */
  readonly files: ReadonlyMap<string, Signature>;
  /** Relative paths of directories that could not be read, and why. */
  readonly unreadable: ReadonlyMap<string, string>;
}

/**
 * Whether a path relative to the root is a manifest: `.yaml`, `.yml` or `.json`,
 * and neither it nor a directory above it is hidden. Swap and backup files of
 * editors are hidden or end in something else.
 */
export function isManifest(relative: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(relative) && !isHidden(relative);
}

/**
 * Whether a part of the path starts with a dot; `..data`, the link through which
 * a mounted ConfigMap is replaced as a whole, is not hidden from {@linkcode isHidden}.
 */
export function isHidden(relative: string): boolean {
  return /(?:^|\/)\.(?!\.data$)/.test(relative);
}

/**
 * Walks the directory. Symbolic links to files are followed, as in a mounted
 * ConfigMap; those to directories are not, so there are no loops.
 *
 * @throws whatever reading the root gives
 */
export async function listManifests(root: string): Promise<Listing> {
  const files = new Map<string, Signature>();
  const unreadable = new Map<string, string>();
  await walk("");
  return { files, unreadable };

  async function walk(directory: string): Promise<void> {
    const path = directory === "" ? root : `${root}/${directory}`;
    for await (const entry of Deno.readDir(path)) {
      const relative = directory === ""
        ? entry.name
        : `${directory}/${entry.name}`;
      if (entry.isDirectory && !isHidden(entry.name)) {
        await walk(relative).catch((error) => {
          unreadable.set(relative, messageOf(error));
        });
      } else if (isManifest(relative)) {
        const signature = await signatureOf(`${root}/${relative}`);
        if (signature !== undefined) files.set(relative, signature);
      }
    }
  }
}

/** The signature of a regular file, or undefined when there is none of that name. */
export async function signatureOf(
  path: string,
): Promise<Signature | undefined> {
  try {
    const info = await Deno.stat(path);
    if (!info.isFile) return undefined;
    return `${info.dev}/${info.ino}/${info.size}/${info.mtime?.getTime()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // Exists but cannot be looked at: reading it will say why.
    return "unknown";
  }
}
