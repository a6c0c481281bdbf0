/**
 * Deletions of tracked connections as lines for `conntrack -R -`.
 *
 * @see conntrack(8); `--load-file` is there since conntrack-tools 1.4.7
 * @module
 */

import { filterFamily, type FlowFilter } from "./conntrack.ts";

/** Protocols whose ports conntrack can be asked for, by the name it wants. */
const WITH_PORTS: Readonly<Record<number, string>> = {
  6: "tcp",
  17: "udp",
  132: "sctp",
};

/** One line. Ports of protocols that have none are left out. */
export function renderConntrackDelete(filter: FlowFilter): string {
  const family = filterFamily(filter);
  const words = ["-D"];
  if (family !== undefined) words.push(`-f ipv${family}`);
  const named = WITH_PORTS[filter.protocol ?? -1];
  if (filter.protocol !== undefined) {
    words.push(`-p ${named ?? filter.protocol}`);
  }
  if (filter.source !== undefined) words.push(`-s ${filter.source}`);
  if (filter.destination !== undefined) words.push(`-d ${filter.destination}`);
  if (filter.replySource !== undefined) words.push(`-r ${filter.replySource}`);
  if (named !== undefined) {
    if (filter.sourcePort !== undefined) {
      words.push(`--sport ${filter.sourcePort}`);
    }
    if (filter.destinationPort !== undefined) {
      words.push(`--dport ${filter.destinationPort}`);
    }
    if (filter.replySourcePort !== undefined) {
      words.push(`--reply-port-src ${filter.replySourcePort}`);
    }
  }
  return words.join(" ");
}
