/**
 * One lab at a time for each prefix.
 *
 * @module
 */

import { LabError } from "../system/error.ts";

/** The right to a prefix. */
export interface Claim {
  release(): Promise<void>;
}

/**
 * Claims a prefix for this process; the claim of a process that is gone does
 * not count.
 *
 * @throws {LabError} when a lab of that prefix is up
 */
export async function claim(prefix: string): Promise<Claim> {
  const path = `/run/lock/lab-${prefix}.pid`;
  await Deno.mkdir("/run/lock", { recursive: true });
  const holder = Number(await Deno.readTextFile(path).catch(() => "0"));
  if (holder > 0 && await isAlive(holder)) {
    throw new LabError(
      `a lab "${prefix}" is up (process ${holder}); end it or choose another prefix`,
    );
  }
  await Deno.writeTextFile(path, String(Deno.pid));
  return { release: () => Deno.remove(path) };
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    await Deno.stat(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
