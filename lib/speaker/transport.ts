/**
 * How the speaker reaches its peers: byte streams behind a small interface, so
 * that sockets made in other ways (with an MD5 key, a source address or a TTL of
 * their own) and scripted ones can take TCP's place.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";

/** One end of a connection. */
export interface Endpoint {
  readonly address: Ip;
  readonly port: number;
}

/** A byte stream in both directions. */
export interface Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Reads into a buffer; the number of octets, or null when the peer has closed. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the octets; how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that nothing more will be written. */
  closeWrite(): Promise<void>;
  /** Closes at once; what is pending fails. Calling it again does nothing. */
  close(): void;
}

/** Where and how to connect. */
export interface ConnectOptions extends Endpoint {
  /** Gives up the attempt. */
  readonly signal: AbortSignal;
}

/** An open listening socket. */
export interface Listener {
  /** With the port that the kernel chose, when it was asked to. */
  readonly endpoint: Endpoint;
  /** The next connection, or undefined after `close`. */
  accept(): Promise<Stream | undefined>;
  close(): void;
}

/** Makes streams. */
export interface Transport {
  /** @throws {FairwayError} `net.failed`, or `aborted` */
  connect(options: ConnectOptions): Promise<Stream>;
  /** @throws {FairwayError} `net.failed` when the address or port cannot be had, `permission.denied` */
  listen(endpoint: Endpoint): Listener;
}
