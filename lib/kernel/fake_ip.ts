/**
 * Links, addresses, routes and rules in memory: addresses and routes need their
 * link and go with it, and a gateway must be reachable.
 *
 * @module
 */

import type { Op } from "../base/target.ts";
import { ipEqual } from "../dataplane/equal_ip.ts";
import type { IpRoute, IpValue, NextHop } from "../dataplane/ip.ts";
import { ipOrder, renderIpOp } from "../dataplane/render_ip.ts";
import { prefixContains } from "../net/prefix.ts";
import {
  carryOutPlainly,
  type FakeRefusal,
  FakeTarget,
  refuseByPresence,
} from "./fake_target.ts";

/** What is there besides what the target makes. */
export interface FakeIpOptions {
  /** Links that somebody else made, for example `eth0`. */
  readonly links?: readonly string[];
}

/** An ip target without a kernel. */
export function fakeIp(options: FakeIpOptions = {}): FakeTarget<IpValue> {
  const foreign = new Set(options.links ?? []);
  return new FakeTarget<IpValue>({
    name: "ip",
    atomic: false,
    refuse: (op, state) => refuse(op, state, foreign),
    carryOut,
    equal: ipEqual,
    order: ipOrder,
    render: (op) => renderIpOp(op).map((line) => `ip ${line}`).join("\n"),
  });
}

function refuse(
  op: Op<IpValue>,
  state: ReadonlyMap<string, IpValue>,
  foreign: ReadonlySet<string>,
): FakeRefusal | undefined {
  const refused = refuseByPresence(op, state);
  if (refused !== undefined || op.kind === "remove") return refused;
  const value = op.value;
  const hasLink = (name: string): boolean =>
    foreign.has(name) || state.has(`link/${name}`);
  if (value.kind === "address" && !hasLink(value.link)) {
    return { code: "kernel.not_found", message: "Cannot find device" };
  }
  if (value.kind !== "route") return undefined;
  for (const hop of value.nextHops) {
    if (hop.link !== undefined && !hasLink(hop.link)) {
      return { code: "kernel.not_found", message: "Cannot find device" };
    }
    if (!isReachable(hop, state, foreign)) {
      return {
        code: "kernel.invalid",
        message: "Nexthop has invalid gateway.",
      };
    }
  }
  return undefined;
}

/** What foreign links reach is not known here, so it counts as reachable. */
function isReachable(
  hop: NextHop,
  state: ReadonlyMap<string, IpValue>,
  foreign: ReadonlySet<string>,
): boolean {
  const { via, link } = hop;
  if (via === undefined || hop.onLink === true) return true;
  if (link === undefined ? foreign.size > 0 : foreign.has(link)) return true;
  return [...state.values()].some((value) =>
    value.kind === "address"
      ? prefixContains(value.prefix, via)
      : value.kind === "route" && isDirect(value) &&
        prefixContains(value.destination, via)
  );
}

function isDirect(route: IpRoute): boolean {
  return route.type === "unicast" &&
    route.nextHops.some((hop) => hop.via === undefined);
}

function carryOut(op: Op<IpValue>, state: Map<string, IpValue>): void {
  carryOutPlainly(op, state);
  if (op.kind !== "remove" || op.previous.kind !== "link") return;
  const gone = op.previous.name;
  for (const [key, value] of state) {
    if (
      value.kind === "address" ? value.link === gone : value.kind === "route" &&
        value.nextHops.some((hop) => hop.link === gone)
    ) state.delete(key);
  }
}
