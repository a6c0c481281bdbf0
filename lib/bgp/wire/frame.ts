/**
 * Messages out of a byte stream (RFC 4271 §4.1 and §6.1).
 *
 * @module
 */

import { type Decoded, ERROR, fault } from "./notification.ts";

/** Octets of the header: marker, length, type. */
export const HEADER_LENGTH = 19;
/** Longest message without extended messages (RFC 4271 §4.1). */
export const MAX_LENGTH = 4096;
/** Longest message with extended messages (RFC 8654). */
export const MAX_LENGTH_EXTENDED = 65535;

/** Message types. */
export const MESSAGE = {
  open: 1,
  update: 2,
  notification: 3,
  keepalive: 4,
  routeRefresh: 5,
} as const;

/** One message. */
export interface Frame {
  /** One of {@linkcode MESSAGE}. */
  readonly type: number;
  /** What follows the header; a view, valid until the splitter is fed again. */
  readonly body: Uint8Array;
}

/** Shortest message of each type, header included (RFC 4271 §6.1, RFC 2918 §3). */
const MIN_LENGTH: Readonly<Record<number, number>> = {
  [MESSAGE.open]: 29,
  [MESSAGE.update]: 23,
  [MESSAGE.notification]: 21,
  [MESSAGE.keepalive]: 19,
  [MESSAGE.routeRefresh]: 23,
};

/**
 * Cuts a byte stream into messages, over one buffer that is used again and
 * again. Feed it with {@linkcode FrameSplitter.writable} and
 * {@linkcode FrameSplitter.commit}, or with {@linkcode FrameSplitter.push}, then
 * take messages until there is none. After a fault the stream has lost its
 * place: the same fault comes back for ever.
 */
export class FrameSplitter {
  #buffer = new Uint8Array(16_384);
  #view = new DataView(this.#buffer.buffer);
  #start = 0;
  #end = 0;
  readonly #maxLength: number;
  #fault: Decoded<never> | undefined;

  /** @param options `extended`: we advertised RFC 8654, so the peer may send long messages */
  constructor(options: { readonly extended?: boolean } = {}) {
    this.#maxLength = options.extended === true
      ? MAX_LENGTH_EXTENDED
      : MAX_LENGTH;
  }

  /** Octets received and not yet taken as messages. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Room for the next read; at least one octet, in practice thousands. */
  writable(): Uint8Array {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#buffer.length - this.#end < MAX_LENGTH) {
      if (this.#start > 0) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        this.#start = 0;
      }
      if (this.#buffer.length - this.#end < MAX_LENGTH) {
        const larger = new Uint8Array(this.#buffer.length * 2);
        larger.set(this.#buffer.subarray(0, this.#end));
        this.#buffer = larger;
        this.#view = new DataView(larger.buffer);
      }
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Says how many octets were put into {@linkcode FrameSplitter.writable}. */
  commit(count: number): void {
    this.#end += count;
  }

  /** Copies octets in. */
  push(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const room = this.writable();
      const part = rest.subarray(0, room.length);
      room.set(part);
      this.commit(part.length);
      rest = rest.subarray(part.length);
    }
  }

  /** The next whole message, the fault that ends the stream, or undefined for "not yet". */
  next(): Decoded<Frame> | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.pendingBytes < HEADER_LENGTH) return undefined;
    const at = this.#start;
    for (let i = at; i < at + 16; i++) {
      if (this.#buffer[i] !== 0xff) {
        return this.#fail(1, "the marker is not all ones", new Uint8Array(0));
      }
    }
    const length = this.#view.getUint16(at + 16);
    const type = this.#buffer[at + 18] ?? 0;
    const lengthOctets = this.#buffer.slice(at + 16, at + 18);
    if (length < HEADER_LENGTH || length > this.#maxLength) {
      return this.#fail(2, `a message of ${length} octets`, lengthOctets);
    }
    const least = MIN_LENGTH[type];
    if (least === undefined) {
      return this.#fail(3, `message type ${type}`, Uint8Array.of(type));
    }
    // RFC 8654 §4: OPEN and KEEPALIVE stay within 4096 octets whatever was agreed.
    const most = type === MESSAGE.keepalive
      ? HEADER_LENGTH
      : type === MESSAGE.open
      ? MAX_LENGTH
      : this.#maxLength;
    if (length < least || length > most) {
      return this.#fail(
        2,
        `a message of type ${type} and ${length} octets`,
        lengthOctets,
      );
    }
    if (this.pendingBytes < length) return undefined;
    this.#start = at + length;
    return {
      ok: true,
      value: {
        type,
        body: this.#buffer.subarray(at + HEADER_LENGTH, at + length),
      },
    };
  }

  #fail(subcode: number, reason: string, data: Uint8Array): Decoded<never> {
    return this.#fault = {
      ok: false,
      fault: fault(ERROR.header, subcode, reason, data),
    };
  }
}

/** A whole message: header and body. */
export function encodeMessage(type: number, body: Uint8Array): Uint8Array {
  const length = HEADER_LENGTH + body.length;
  const message = new Uint8Array(length);
  message.fill(0xff, 0, 16);
  message[16] = length >> 8;
  message[17] = length & 0xff;
  message[18] = type;
  message.set(body, HEADER_LENGTH);
  return message;
}

/** The KEEPALIVE message. */
export const KEEPALIVE: Uint8Array = encodeMessage(
  MESSAGE.keepalive,
  new Uint8Array(0),
);
