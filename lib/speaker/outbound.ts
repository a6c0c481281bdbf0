/**
 * What goes out on one established session.
 *
 * @module
 */

import {
  AdjRibOut,
  type ExportedRoute,
  type ExportSession,
} from "../bgp/export.ts";
import {
  encodeAnnouncements,
  encodeEndOfRib,
  encodeWithdrawals,
  type UpdateEncoding,
} from "../bgp/wire/encode_update.ts";
import { MAX_LENGTH } from "../bgp/wire/frame.ts";
import type { Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Established, Peer } from "./peer.ts";

/** Octets queued on a connection beyond which routes wait in the table, not in the queue. */
const HIGH_WATER_BYTES = 131_072;
/** Prefixes looked at in one go. */
const SLICE = 1000;

/** The outgoing half of a session. */
export class Outbound {
  readonly table = new AdjRibOut();
  readonly session: ExportSession;
  readonly #peer: Peer;
  readonly #established: Established;
  readonly #encoding: UpdateEncoding;
  #endOfRibSent = false;

  constructor(peer: Peer, established: Established, localAs: number) {
    const { negotiated, link } = established;
    this.#peer = peer;
    this.#established = established;
    this.#encoding = {
      fourOctetAs: negotiated.fourOctetAs,
      maxLength: MAX_LENGTH,
    };
    this.session = {
      peer: peer.config.address,
      external: negotiated.external,
      localAs,
      families: negotiated.families,
      localAddress: link.stream.local.address,
      nextHops: peer.config.nextHops ?? [] as readonly Ip[],
    };
  }

  /**
   * Sends what is waiting, as far as the connection takes it, and once
   * everything has gone out for the first time, End-of-RIB.
   *
   * @param exported what the peer should have of a prefix now
   * @param complete whether what is waiting is all there is; no End-of-RIB before that
   */
  pump(
    exported: (prefix: Prefix) => ExportedRoute | undefined,
    complete: boolean,
  ): void {
    const { link, negotiated } = this.#established;
    while (this.table.pending && link.queuedBytes < HIGH_WATER_BYTES) {
      const { withdrawn, announced } = this.table.take(SLICE, exported);
      const messages = [...encodeWithdrawals(withdrawn, this.#encoding)];
      for (const group of announced) {
        messages.push(...encodeAnnouncements(group, this.#encoding));
      }
      this.#peer.send(messages);
    }
    if (this.table.pending || this.#endOfRibSent || !complete) return;
    this.#endOfRibSent = true;
    this.#peer.send(negotiated.families.map(encodeEndOfRib));
    this.#peer.restarted();
  }
}
