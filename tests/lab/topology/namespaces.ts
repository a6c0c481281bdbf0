/**
 * Network namespaces by name prefix: what a lab owns is what bears its prefix.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { setLinkUp } from "../system/libc.ts";
import { inNamespace } from "../system/namespace.ts";
import { capture } from "../system/process.ts";

/** Names of the existing namespaces that begin with `prefix`. */
export async function listNamespaces(prefix: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir("/run/netns")) {
      if (entry.name.startsWith(prefix)) names.push(entry.name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names.sort();
}

/**
 * Makes namespaces with their loopback up and no wait for duplicate addresses.
 *
 * @throws {LabError} without root, or when one exists
 */
export async function addNamespaces(names: readonly string[]): Promise<void> {
  await ipBatch(undefined, names.map((name) => `netns add ${name}`));
  for (const name of names) {
    inNamespace(name, () => setLinkUp("lo"));
    for (const link of ["all", "default"]) {
      setSysctl(name, `net.ipv6.conf.${link}.accept_dad`, "0");
    }
  }
}

/** Ends every process inside the namespaces, then removes them with all that is in them. */
export async function deleteNamespaces(
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  for (const pid of await listProcesses(names)) {
    if (pid !== Deno.pid) killQuietly(pid);
  }
  await ipBatch(undefined, names.map((name) => `netns delete ${name}`));
}

/** Ids of the processes inside the namespaces. */
export async function listProcesses(
  names: readonly string[],
): Promise<readonly number[]> {
  const inodes = new Set<number>();
  for (const name of names) {
    const { ino } = await Deno.stat(`/run/netns/${name}`);
    if (ino !== null) inodes.add(ino);
  }
  const pids: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { ino } = await Deno.stat(`/proc/${name}/ns/net`);
      if (ino !== null && inodes.has(ino)) pids.push(Number(name));
    } catch {
      // The process has ended, or is a thread of the kernel.
    }
  }
  return pids;
}

function killQuietly(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/**
 * Runs lines of `ip -batch` with one process.
 *
 * @param namespace undefined for the caller's own
 * @throws {LabError} with what ip(8) said
 */
export async function ipBatch(
  namespace: string | undefined,
  lines: readonly string[],
): Promise<void> {
  if (lines.length === 0) return;
  await capture(
    "ip",
    [...(namespace === undefined ? [] : ["-n", namespace]), "-batch", "-"],
    { stdin: lines.map((line) => `${line}\n`).join("") },
  );
}

/**
 * Sets a kernel parameter of a namespace.
 *
 * @param key as sysctl(8) writes it; names with dots are not supported
 * @throws {LabError} when the kernel has no such parameter or refuses the value
 */
export function setSysctl(namespace: string, key: string, value: string): void {
  const path = `/proc/sys/${key.replaceAll(".", "/")}`;
  try {
    inNamespace(namespace, () => Deno.writeTextFileSync(path, value));
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError(`${namespace}: ${key} = ${value}: ${error}`);
  }
}

/** Reads a kernel parameter of a namespace. */
export function readSysctl(namespace: string, key: string): string {
  const path = `/proc/sys/${key.replaceAll(".", "/")}`;
  return inNamespace(namespace, () => Deno.readTextFileSync(path)).trim();
}
