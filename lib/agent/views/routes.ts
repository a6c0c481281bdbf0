/**
 * Kernel routes of ours, as the API shows them.
 *
 * @module
 */

import type { IpValue } from "../../dataplane/ip.ts";
import type { Engine } from "../engine/engine.ts";
import type { RouteStatus } from "../state.ts";

/** Every route of ours that exists, as far as is known. */
export function viewRoutes(ip: Engine<IpValue>): readonly RouteStatus[] {
  const routes: RouteStatus[] = [];
  for (const [key, value] of ip.observed) {
    if (value.kind !== "route") continue;
    routes.push({
      destination: value.destination,
      table: value.table,
      type: value.type,
      nextHops: value.nextHops.map((hop) => ({
        via: hop.via ?? null,
        link: hop.link ?? null,
        weight: hop.weight,
      })),
      source: value.source ?? null,
      owner: ip.ownerOf(key) ?? "",
    });
  }
  return routes.sort((a, b) =>
    a.table - b.table || (a.destination < b.destination ? -1 : 1)
  );
}
