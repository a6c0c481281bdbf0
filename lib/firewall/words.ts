/**
 * Parts of policies in words for people.
 *
 * @module
 */

import type { Pod, PolicyPeer, PolicyPort } from "../cluster/model.ts";
import type { Selector } from "../cluster/selector.ts";

/**
 * A peer: `pods app=web in namespace shop`, `10.0.0.0/8 except 10.1.0.0/16`.
 *
 * @param namespace of the policy
 */
export function describePeer(peer: PolicyPeer, namespace: string): string {
  if (peer.kind === "block") {
    const { cidr, except } = peer;
    return except.length === 0 ? cidr : `${cidr} except ${except.join(", ")}`;
  }
  const pods = describe(peer.pods, "every pod", "pods");
  const where = peer.namespaces === undefined
    ? `namespace ${namespace}`
    : describe(peer.namespaces, "every namespace", "namespaces");
  return `${pods} in ${where}`;
}

/**
 * A port: `TCP 80`, `UDP 53-60`, `port http (TCP 8080 on shop/web)`, `every port`.
 *
 * @param destination the pod on which a name is looked up
 */
export function describePort(
  port: PolicyPort | undefined,
  destination: Pod | undefined,
): string {
  if (port === undefined) return "every port and protocol";
  const { protocol } = port;
  if (port.port === undefined) return `every ${protocol} port`;
  if (typeof port.port === "number") {
    return port.endPort === undefined
      ? `${protocol} ${port.port}`
      : `${protocol} ${port.port}-${port.endPort}`;
  }
  const declared = destination?.ports.find((each) =>
    each.name === port.port && each.protocol === protocol
  );
  const meaning = declared === undefined
    ? "which the destination does not declare"
    : `${protocol} ${declared.port} on ${destination?.key}`;
  return `port ${port.port} (${meaning})`;
}

function describe(selector: Selector, all: string, some: string): string {
  return selector.requirements.length === 0 && !selector.nothing
    ? all
    : `${some} ${selector.text}`;
}
