/**
 * Which of a node's addresses stands for it.
 *
 * @module
 */

import { type Family, familyOf, type Ip } from "../net/ip.ts";
import type { Node } from "./model.ts";

/** At most one address of each family. */
export interface FamilyIps {
  readonly 4?: Ip;
  readonly 6?: Ip;
}

/** Which address families the operator switched on. */
export interface Families {
  readonly 4: boolean;
  readonly 6: boolean;
}

/** The address a node is known by: its first InternalIP, else its first ExternalIP. */
export function primaryNodeIp(node: Node): Ip | undefined {
  return node.internalIps[0] ?? node.externalIps[0];
}

/** A node's address of one family: the first InternalIP of it, else the first ExternalIP of it. */
export function nodeIpOf(node: Node, family: Family): Ip | undefined {
  const ofFamily = (ip: Ip): boolean => familyOf(ip) === family;
  return node.internalIps.find(ofFamily) ?? node.externalIps.find(ofFamily);
}

/** {@linkcode nodeIpOf} for every family that is switched on. */
export function nodeIpsOf(node: Node, families: Families): FamilyIps {
  const v4 = families[4] ? nodeIpOf(node, 4) : undefined;
  const v6 = families[6] ? nodeIpOf(node, 6) : undefined;
  return {
    ...(v4 === undefined ? {} : { 4: v4 }),
    ...(v6 === undefined ? {} : { 6: v6 }),
  };
}

/** All addresses of a node, internal ones first. */
export function allNodeIps(node: Node): readonly Ip[] {
  return [...node.internalIps, ...node.externalIps];
}
