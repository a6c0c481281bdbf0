/**
 * Waiting for the model to hold the cluster.
 *
 * @module
 */

import type { ClusterStore } from "../cluster/store.ts";

/**
 * Resolves when every kind was read completely once: before that, what is
 * missing in the model is not missing in the cluster.
 *
 * @throws the signal's reason
 */
export function modelKnown(
  store: ClusterStore,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    store.onSynced(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}
