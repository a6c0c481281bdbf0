/**
 * One connection to a peer: octets in, messages out, and the other way round.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { type Frame, FrameSplitter } from "../bgp/wire/frame.ts";
import type { Fault } from "../bgp/wire/notification.ts";
import type { Stream } from "./transport.ts";

/** What a link reports; never after {@linkcode Link.close}. */
export interface LinkEvents {
  /** A message; its body is valid during the call only. */
  frame(frame: Frame): void;
  /** The octets are no BGP any more. */
  fault(fault: Fault): void;
  /** The peer closed, or the connection broke. */
  closed(reason: string): void;
  /** Octets went out. */
  sent(): void;
  /** Everything queued went out. */
  drained(): void;
}

/** How long a closing link waits for the peer to read the last message, milliseconds. */
const LINGER_MS = 1000;
/** Most octets handed to the kernel at a time. */
const WRITE_BYTES = 65_536;

/**
 * A connection with a write queue. Closing lets out what is queued, so that the
 * peer learns from the NOTIFICATION why, then waits a moment for it to close
 * too: a socket closed with unread octets would be reset, and the NOTIFICATION
 * lost with it.
 */
export class Link {
  readonly stream: Stream;
  readonly #clock: Clock;
  readonly #events: LinkEvents;
  readonly #splitter = new FrameSplitter();
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #writing = false;
  #closing = false;
  readonly #done: Promise<void>;
  #wroteAll: (() => void) | undefined;

  constructor(stream: Stream, clock: Clock, events: LinkEvents) {
    this.stream = stream;
    this.#clock = clock;
    this.#events = events;
    this.#done = this.#read();
  }

  /** Octets queued and not yet taken by the kernel. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues octets; nothing happens after `close`. */
  send(bytes: Uint8Array): void {
    if (this.#closing) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.#writing) void this.#write();
  }

  /** Lets out what is queued, then closes. @returns when the socket is closed */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      void this.#finish();
    }
    return this.#done;
  }

  async #finish(): Promise<void> {
    const cancel = this.#clock.timer(LINGER_MS, () => this.stream.close());
    if (this.#writing) {
      await new Promise<void>((resolve) => this.#wroteAll = resolve);
    }
    try {
      await this.stream.closeWrite();
      await this.#done;
    } catch {
      // Best effort: the peer was quicker to go.
    }
    cancel();
    this.stream.close();
  }

  async #read(): Promise<void> {
    let reason = "the peer closed the connection";
    try {
      for (;;) {
        const count = await this.stream.read(this.#splitter.writable());
        if (count === null) break;
        // A closing link reads on only to see the peer's end.
        if (this.#closing) continue;
        this.#splitter.commit(count);
        this.#takeFrames();
      }
    } catch (error) {
      reason = `the connection broke: ${messageOf(error)}`;
    }
    if (this.#closing) return;
    this.#closing = true;
    this.stream.close();
    this.#events.closed(reason);
  }

  #takeFrames(): void {
    while (!this.#closing) {
      const frame = this.#splitter.next();
      if (frame === undefined) return;
      if (frame.ok) this.#events.frame(frame.value);
      else return this.#events.fault(frame.fault);
    }
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        let chunk = this.#nextChunk();
        while (chunk.length > 0) {
          const count = await this.stream.write(chunk);
          chunk = chunk.subarray(count);
          this.#queuedBytes -= count;
          if (!this.#closing) this.#events.sent();
        }
        if (this.#queue.length === 0 && !this.#closing) this.#events.drained();
      }
    } catch {
      // The reader sees the broken connection too, and reports it.
      this.#queue = [];
      this.#queuedBytes = 0;
      this.stream.close();
    }
    this.#writing = false;
    this.#wroteAll?.();
  }

  /** Queued messages as one piece. */
  #nextChunk(): Uint8Array {
    let length = 0;
    let count = 0;
    for (const bytes of this.#queue) {
      if (count > 0 && length + bytes.length > WRITE_BYTES) break;
      length += bytes.length;
      count++;
    }
    const [first] = this.#queue;
    if (count === 1 && first !== undefined) {
      this.#queue.shift();
      return first;
    }
    const chunk = new Uint8Array(length);
    let at = 0;
    for (const bytes of this.#queue.splice(0, count)) {
      chunk.set(bytes, at);
      at += bytes.length;
    }
    return chunk;
  }
}
