/**
 * A BGP peer that says what the test tells it to, right or wrong, over a real
 * socket.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { localOpen, type SessionConfig } from "../../lib/bgp/negotiate.ts";
import {
  encodeMessage,
  FrameSplitter,
  KEEPALIVE,
  MESSAGE,
} from "../../lib/bgp/wire/frame.ts";
import { encodeOpenBody } from "../../lib/bgp/wire/open.ts";
import { type Ip, parseIp } from "../../lib/net/ip.ts";

/** A message as the speaker sent it. */
export interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

const DEADLINE_MS = 5000;

/** What a scripted peer says of itself when nothing else is asked for. */
export const SCRIPT: SessionConfig = {
  localAs: 65_002,
  remoteAs: 65_001,
  routerId: parseIp("10.0.0.2"),
  holdTimeSeconds: 90,
  minimumHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  passive: false,
  families: [4, 6],
};

/** The body of an OPEN. */
export function openBody(changes: Partial<SessionConfig> = {}): Uint8Array {
  return encodeOpenBody(localOpen({ ...SCRIPT, ...changes }));
}

/** One connection, as the scripted peer holds it. */
export class ScriptConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #splitter = new FrameSplitter();
  #closed = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Connects to a speaker. */
  static async connect(address: Ip, port: number): Promise<ScriptConnection> {
    return new ScriptConnection(
      await Deno.connect({ hostname: address, port }),
    );
  }

  /** Sends octets as they are. */
  async send(...octets: readonly Uint8Array[]): Promise<void> {
    for (const bytes of octets) {
      let rest = bytes;
      while (rest.length > 0) {
        rest = rest.subarray(await this.#connection.write(rest));
      }
    }
  }

  /** The next message, or undefined at the end of the stream. */
  async next(): Promise<Message | undefined> {
    const timer = setTimeout(() => this[Symbol.dispose](), DEADLINE_MS);
    try {
      for (;;) {
        const frame = this.#splitter.next();
        if (frame !== undefined) {
          assert(frame.ok, "the speaker sent no BGP message");
          const { type, body } = frame.value;
          return { type, body: body.slice() };
        }
        const count = await this.#connection.read(this.#splitter.writable());
        if (count === null) return undefined;
        this.#splitter.commit(count);
      }
    } catch (error) {
      assert(!this.#closed, `no message came in ${DEADLINE_MS} ms`);
      // A reset after the last message is an end too.
      if (error instanceof Deno.errors.ConnectionReset) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The next message that is no KEEPALIVE and, unless asked for, no End-of-RIB. */
  async say(type: number): Promise<Uint8Array> {
    for (;;) {
      const message = await this.next();
      assert(message !== undefined, `the speaker closed; wanted type ${type}`);
      if (message.type === type) return message.body;
      assert(
        message.type === MESSAGE.keepalive || message.type === MESSAGE.update,
        `type ${message.type} ${message.body.toHex()}; wanted ${type}`,
      );
    }
  }

  /** Waits for a NOTIFICATION and the end: `6/5 data`. */
  async farewell(): Promise<string> {
    const body = await this.say(MESSAGE.notification);
    assertEquals(await this.next(), undefined);
    const data = body.subarray(2).toHex();
    return `${body[0]}/${body[1]}${data === "" ? "" : ` ${data}`}`;
  }

  /** Goes through OPEN and KEEPALIVE; the body of the speaker's OPEN. */
  async handshake(changes: Partial<SessionConfig> = {}): Promise<Uint8Array> {
    const open = await this.say(MESSAGE.open);
    await this.send(encodeMessage(MESSAGE.open, openBody(changes)), KEEPALIVE);
    await this.say(MESSAGE.keepalive);
    return open;
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }
}

/** A place where a speaker finds its scripted peer. */
export class ScriptPeer implements Disposable {
  readonly address: Ip;
  readonly port: number;
  readonly #listener: Deno.TcpListener;

  constructor(address: string) {
    this.address = parseIp(address);
    this.#listener = Deno.listen({ hostname: address, port: 0 });
    this.port = this.#listener.addr.port;
  }

  /** The speaker's next connection. */
  async accept(): Promise<ScriptConnection> {
    return new ScriptConnection(await this.#listener.accept());
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}
