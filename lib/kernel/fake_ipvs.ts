/**
 * IPVS in memory: a destination needs its virtual server and goes with it.
 *
 * @module
 */

import type { Op } from "../base/target.ts";
import { ipvsAddressText, type IpvsValue } from "../dataplane/ipvs.ts";
import {
  ipvsEqual,
  ipvsOrder,
  renderIpvsOp,
} from "../dataplane/render_ipvs.ts";
import { ipToBytes } from "../net/ip.ts";
import {
  carryOutPlainly,
  type FakeRefusal,
  FakeTarget,
  refuseByPresence,
} from "./fake_target.ts";

/** Schedulers of the kernel. */
const SCHEDULERS: ReadonlySet<string> = new Set(
  "rr wrr lc wlc fo ovf lblc lblcr dh sh sed nq mh twos".split(" "),
);

/** An ipvs target without a kernel. */
export function fakeIpvs(): FakeTarget<IpvsValue> {
  return new FakeTarget<IpvsValue>({
    name: "ipvs",
    atomic: false,
    // Destinations that leave with their virtual server are not removed one by one.
    sequence: (ops) => {
      const leaving = new Set(
        ops.flatMap((op) =>
          op.kind === "remove" && op.previous.kind === "service"
            ? [ipvsAddressText(op.previous.at)]
            : []
        ),
      );
      return ops.map((op, index) => ({ op, index })).filter(({ op }) =>
        op.kind !== "remove" || op.previous.kind === "service" ||
        !leaving.has(ipvsAddressText(op.previous.at))
      );
    },
    refuse,
    carryOut,
    equal: ipvsEqual,
    order: ipvsOrder,
    render: (op) => `ipvsadm ${renderIpvsOp(op)}`,
  });
}

function refuse(
  op: Op<IpvsValue>,
  state: ReadonlyMap<string, IpvsValue>,
): FakeRefusal | undefined {
  const value = op.kind === "remove" ? op.previous : op.value;
  if (
    value.kind === "destination" &&
    !state.has(`service/${ipvsAddressText(value.at)}`)
  ) return { code: "kernel.not_found", message: "Service not defined" };
  const refused = refuseByPresence(op, state);
  if (refused !== undefined || op.kind === "remove") return refused;
  if (value.kind === "service" && !SCHEDULERS.has(value.scheduler)) {
    return {
      code: "kernel.unsupported",
      message: "Scheduler or persistence engine not found",
    };
  }
  if (value.kind === "destination" && !isUnicast(value)) {
    return { code: "kernel.invalid", message: "Invalid operation" };
  }
  return undefined;
}

function isUnicast(value: IpvsValue & { kind: "destination" }): boolean {
  const bytes = ipToBytes(value.address);
  const first = bytes[0] ?? 0;
  return bytes.length === 4 ? first > 0 && first < 224 : first !== 0xff;
}

function carryOut(op: Op<IpvsValue>, state: Map<string, IpvsValue>): void {
  carryOutPlainly(op, state);
  if (op.kind !== "remove" || op.previous.kind !== "service") return;
  const gone = `destination/${ipvsAddressText(op.previous.at)}/`;
  for (const key of state.keys()) {
    if (key.startsWith(gone)) state.delete(key);
  }
}
