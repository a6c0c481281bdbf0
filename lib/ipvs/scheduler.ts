/**
 * The IPVS scheduler a service asks for.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Service } from "../cluster/model.ts";

/** A scheduler and its flags, as ipvsadm names them. */
export interface Scheduling {
  readonly scheduler: string;
  /** Sorted: `flag-1` falls back to another destination, `flag-2` hashes the port too (ipvsadm(8)). */
  readonly flags: readonly string[];
}

const SCHEDULERS: ReadonlySet<string> = new Set([
  "rr",
  "wrr",
  "lc",
  "wlc",
  "dh",
  "sh",
  "mh",
]);

/** Schedulers that take flags. */
const FLAGGED: ReadonlySet<string> = new Set(["sh", "mh"]);
const FLAGS: ReadonlySet<string> = new Set(["flag-1", "flag-2", "flag-3"]);

const SCHEDULER_KEY = "kube-router.io/service.scheduler";
const FLAGS_KEY = "kube-router.io/service.schedflags";

/** Reads the annotations `service.scheduler` and `service.schedflags`; what cannot be used counts as absent. */
export function parseScheduling(
  service: Service,
): Scheduling & { readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const issue = (key: string, problem: string, mend: string): void => {
    issues.push({
      object: `Service ${service.key}`,
      field: `metadata.annotations["${key}"]`,
      problem,
      mend,
    });
  };
  let scheduler = "rr";
  const asked = service.annotations.get(SCHEDULER_KEY)?.trim();
  if (asked !== undefined && SCHEDULERS.has(asked)) scheduler = asked;
  else if (asked !== undefined) {
    issue(
      SCHEDULER_KEY,
      `${JSON.stringify(asked)} is not a scheduler, so rr is used`,
      `use one of ${[...SCHEDULERS].join(", ")}`,
    );
  }
  const flags = new Set<string>();
  for (const part of service.annotations.get(FLAGS_KEY)?.split(",") ?? []) {
    const flag = part.trim();
    if (flag === "") continue;
    if (!FLAGS.has(flag)) {
      issue(
        FLAGS_KEY,
        `${JSON.stringify(flag)} is not a scheduler flag`,
        "use flag-1, flag-2 or flag-3",
      );
    } else if (!FLAGGED.has(scheduler)) {
      issue(
        FLAGS_KEY,
        `scheduler ${scheduler} takes no flags`,
        "use scheduler mh or sh, or remove the annotation",
      );
      break;
    } else flags.add(flag);
  }
  return { scheduler, flags: [...flags].sort(), issues };
}
