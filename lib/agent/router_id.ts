/**
 * The BGP identifier of a node.
 *
 * @module
 */

import { familyOf, type Ip, ipFromBytes } from "../net/ip.ts";

/**
 * `--router-id`: an address, `generate`, or empty for the node's own IPv4
 * address.
 *
 * `generate` is FNV-1a of 32 bits over the text of the node's primary address,
 * as kube-router makes it, so identifiers stay when it is replaced.
 *
 * @returns undefined when the node has only IPv6 and nothing was chosen
 */
export function routerIdOf(
  chosen: Ip | "generate" | "",
  primary: Ip,
): Ip | undefined {
  if (chosen === "generate") return generate(primary);
  if (chosen !== "") return chosen;
  return familyOf(primary) === 4 ? primary : undefined;
}

function generate(primary: Ip): Ip {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(primary)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, hash);
  return ipFromBytes(bytes);
}
