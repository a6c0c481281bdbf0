/**
 * Acting inside a network namespace without a process for it.
 *
 * @module
 */

import { LabError } from "./error.ts";
import { closeFile, enterNetwork, openFile } from "./libc.ts";

/**
 * Calls `action` with the thread in the named namespace (`ip netns`), and comes
 * back. A socket opened by `action` belongs to that namespace for good, and
 * `/proc/sys/net` is the namespace's.
 *
 * `action` must be synchronous: nothing else may run on the thread meanwhile.
 *
 * @throws {LabError} when there is no such namespace, or without root
 */
export function inNamespace<T>(name: string, action: () => T): T {
  const home = openFile("/proc/thread-self/ns/net");
  const there = openFile(`/run/netns/${name}`);
  try {
    if (there < 0) throw new LabError(`no network namespace ${name}`);
    enterNetwork(there);
    try {
      return action();
    } finally {
      enterNetwork(home);
    }
  } finally {
    closeFile(home);
    if (there >= 0) closeFile(there);
  }
}
