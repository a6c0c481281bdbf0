/**
 * The sockets on which peers reach us.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { ListenAddress } from "./api.ts";
import type { Endpoint, Listener, Stream, Transport } from "./transport.ts";

/** Listening sockets that hand over what connects. */
export class Listeners {
  readonly #transport: Transport;
  readonly #log: Logger;
  readonly #take: (stream: Stream) => void;
  readonly #open = new Set<Listener>();
  readonly #loops: Promise<void>[] = [];

  constructor(
    transport: Transport,
    log: Logger,
    take: (stream: Stream) => void,
  ) {
    this.#transport = transport;
    this.#log = log;
    this.#take = take;
  }

  /** Where peers reach us. */
  get endpoints(): readonly Endpoint[] {
    return [...this.#open].map(({ endpoint }) => endpoint);
  }

  /**
   * Opens all of the addresses or, when one cannot be had, none.
   *
   * @throws {FairwayError} `net.failed`, `permission.denied`
   */
  open(addresses: readonly ListenAddress[]): void {
    try {
      for (const address of addresses) {
        this.#open.add(this.#transport.listen(address));
      }
    } catch (error) {
      for (const listener of this.#open) listener.close();
      this.#open.clear();
      throw error;
    }
    for (const listener of this.#open) this.#loops.push(this.#accept(listener));
  }

  /** Closes all. @returns when nothing more is handed over */
  async close(): Promise<void> {
    for (const listener of this.#open) listener.close();
    this.#open.clear();
    await Promise.all(this.#loops);
  }

  async #accept(listener: Listener): Promise<void> {
    try {
      for (;;) {
        const stream = await listener.accept();
        if (stream === undefined) return;
        if (this.#open.has(listener)) this.#take(stream);
        else stream.close();
      }
    } catch (error) {
      this.#open.delete(listener);
      listener.close();
      this.#log.error("bgp.listen.failed", messageOf(error));
    }
  }
}
