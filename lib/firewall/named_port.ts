/**
 * Names of container ports, as policies use them.
 *
 * For ingress a name is looked up on the selected pod, for egress on each
 * destination. A name that a pod does not declare for the protocol matches
 * nothing there.
 *
 * @module
 */

import { contentHash } from "../base/content_hash.ts";
import type { Pod, PolicyPort, Protocol } from "../cluster/model.ts";
import type { Family, Ip } from "../net/ip.ts";
import { addressType, transportWord } from "./names.ts";

/** A port name with its protocol. */
export interface PortName {
  readonly name: string;
  readonly protocol: Protocol;
}

/** The name in a policy port; undefined when it has a number, or a range, which names cannot have. */
export function portNameOf(port: PolicyPort): PortName | undefined {
  return typeof port.port === "string" && port.endPort === undefined
    ? { name: port.port, protocol: port.protocol }
    : undefined;
}

/** Unique text of a port name. */
export function portNameKey(port: PortName): string {
  return `${port.protocol}/${port.name}`;
}

/** The number a pod gives a name: of its first port of that name and protocol, as Services find it. */
export function resolvePortName(
  pod: Pod,
  wanted: PortName,
): number | undefined {
  return pod.ports.find((port) =>
    port.name === wanted.name && port.protocol === wanted.protocol
  )?.port;
}

/** The set of the addresses and ports at which pods serve a name. */
export function portNameSet(port: PortName, family: Family): string {
  return `n_${contentHash(port.protocol, port.name)}_${family}`;
}

/** The type of {@linkcode portNameSet} in nft's words. */
export function portNameSetType(family: Family): string {
  return `${addressType(family)} . inet_proto . inet_service`;
}

/** An element of {@linkcode portNameSet}. */
export function portNameElement(
  ip: Ip,
  port: PortName,
  number: number,
): string {
  return `${ip} . ${transportWord(port.protocol)} . ${number}`;
}
