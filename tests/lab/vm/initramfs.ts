/**
 * The machine's first file system: busybox, the modules that reach the host's
 * files, and the job to run, as a cpio archive made in memory.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import type { Kernel } from "./kernel.ts";

/** One file or directory of an archive. */
export interface ArchiveEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** Absent for a directory. */
  readonly content?: Uint8Array;
}

/** What the first stage loads, in the words of modprobe; their needs are found by {@linkcode moduleClosure}. */
export const BOOT_MODULES = [
  "virtio_pci",
  "9pnet_virtio",
  "9p",
  "overlay",
  "virtio_console",
  "virtio_net",
] as const;

const DIRECTORIES = [
  "bin",
  "modules",
  "proc",
  "sys",
  "dev",
  "host",
  "upper",
  "root",
];

/**
 * The archive that the kernel unpacks at boot.
 *
 * @param init the first stage, a busybox shell script
 * @param job files for `/job`, by name
 * @throws {LabError} without a static busybox
 */
export async function buildInitramfs(
  kernel: Kernel,
  init: string,
  job: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const modules = await bootModules(kernel);
  const entries: ArchiveEntry[] = [
    ...[...DIRECTORIES, "job"].map((path) => ({ path })),
    { path: "bin/busybox", content: await readBusybox() },
    { path: "init", content: encoder.encode(init) },
    {
      path: "modules/order",
      content: encoder.encode(modules.map((m) => m.name).join("\n") + "\n"),
    },
    ...modules.map((m) => ({ path: `modules/${m.name}`, content: m.content })),
    ...Object.entries(job).map(([name, text]) => ({
      path: `job/${name}`,
      content: encoder.encode(text),
    })),
  ];
  return encodeCpio(entries);
}

async function readBusybox(): Promise<Uint8Array> {
  for (const path of ["/usr/bin/busybox", "/bin/busybox"]) {
    try {
      const bytes = await Deno.readFile(path);
      // PT_INTERP names the dynamic loader; the machine has none at this stage.
      if (
        !new TextDecoder("latin1").decode(bytes.subarray(0, 4096)).includes(
          "ld-linux",
        )
      ) {
        return bytes;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new LabError("no static busybox; run: apt-get install busybox-static");
}

async function bootModules(
  kernel: Kernel,
): Promise<readonly { name: string; content: Uint8Array }[]> {
  const home = `${kernel.modules}/${kernel.release}`;
  const dependencies = await Deno.readTextFile(`${home}/modules.dep`);
  const paths = moduleClosure(dependencies, BOOT_MODULES);
  return await Promise.all(paths.map(async (path) => ({
    name: path.slice(path.lastIndexOf("/") + 1),
    content: await Deno.readFile(`${home}/${path}`),
  })));
}

/**
 * The files to load for some modules, each after what it needs.
 *
 * @param dependencies the text of `modules.dep` (depmod(8))
 * @throws {LabError} for a module that the kernel does not have
 */
export function moduleClosure(
  dependencies: string,
  names: readonly string[],
): readonly string[] {
  const needs = new Map<string, readonly string[]>();
  for (const line of dependencies.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    needs.set(
      line.slice(0, colon),
      line.slice(colon + 1).split(" ").filter((part) => part !== ""),
    );
  }
  const order = new Set<string>();
  const visit = (path: string): void => {
    if (order.has(path)) return;
    for (const need of needs.get(path) ?? []) visit(need);
    order.add(path);
  };
  for (const name of names) {
    const file = new RegExp(`/${name}\\.ko(\\.(xz|zst|gz))?$`);
    const path = [...needs.keys()].find((candidate) => file.test(candidate));
    if (path === undefined) {
      throw new LabError(`the kernel has no module ${name}`);
    }
    visit(path);
  }
  return [...order];
}

/** An archive in cpio's "newc" format (cpio(5)); every file is executable and owned by root. */
export function encodeCpio(entries: readonly ArchiveEntry[]): Uint8Array {
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  const add = (path: string, mode: number, content: Uint8Array): void => {
    const name = encoder.encode(`${path}\0`);
    const fields = [
      chunks.length + 1, // inode
      mode,
      0, // user
      0, // group
      1, // links
      0, // time
      content.length,
      0,
      0,
      0,
      0, // devices
      name.length,
      0, // checksum, unused
    ];
    const header = encoder.encode(
      "070701" +
        fields.map((field) => field.toString(16).padStart(8, "0")).join(""),
    );
    chunks.push(header, name, padding(header.length + name.length));
    chunks.push(content, padding(content.length));
  };
  for (const { path, content } of entries) {
    if (content === undefined) add(path, 0o040755, new Uint8Array());
    else add(path, 0o100755, content);
  }
  add("TRAILER!!!", 0, new Uint8Array());
  const whole = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - length % 4) % 4);
}
