/**
 * Where the cluster's objects come from, checked before the agent starts.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { ProblemsError } from "../base/errors.ts";
import { formatIssue } from "../base/issue.ts";
import { SILENT } from "../base/log.ts";
import type { Settings } from "../cluster/config/settings.ts";
import { ClusterStore } from "../cluster/store.ts";
import { ClusterSink } from "../watcher/cluster_sink.ts";
import { findApiAccess } from "../watcher/credentials.ts";
import { Manifests } from "../watcher/manifests.ts";
import type { WatcherSource } from "../watcher/watcher.ts";

/**
 * Finds the source that the settings name.
 *
 * A manifests directory is read once here: when some object would be missing
 * because its document cannot be used, the agent does not start, as there is no
 * last good version to fall back to and a missing policy opens what it closed.
 * An edit that breaks a document later keeps the last good version.
 *
 * @throws {ProblemsError} `config.invalid` for documents that cannot be used
 * @throws {FairwayError} `config.invalid` for a kubeconfig or directory that
 * cannot be used
 */
export async function findSource(
  settings: Settings,
  clock: Clock,
): Promise<WatcherSource> {
  if (settings.manifests === "") {
    return {
      kind: "api",
      access: await findApiAccess({
        kubeconfig: settings.kubeconfig,
        master: settings.master,
      }),
    };
  }
  const manifests = new Manifests({
    directory: settings.manifests,
    sink: new ClusterSink(new ClusterStore(), SILENT),
    clock,
    log: SILENT,
  });
  const stop = new AbortController();
  await manifests.run(stop.signal, () => stop.abort());
  const unusable = manifests.unusable();
  if (unusable.length > 0) {
    throw new ProblemsError("config.invalid", unusable.map(formatIssue));
  }
  return { kind: "manifests", directory: settings.manifests };
}
