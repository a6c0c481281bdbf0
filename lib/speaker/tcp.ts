/**
 * TCP through Deno's own sockets.
 *
 * @module
 */

import { type ErrorCode, FairwayError, messageOf } from "../base/errors.ts";
import { type Ip, tryParseIp } from "../net/ip.ts";
import type {
  ConnectOptions,
  Endpoint,
  Listener,
  Stream,
  Transport,
} from "./transport.ts";

/** Plain TCP, without delay (RFC 1122 §4.2.3.4 lets an application ask for that). */
export const TCP: Transport = {
  async connect({ address, port, signal }: ConnectOptions): Promise<Stream> {
    try {
      const connection = await Deno.connect({
        hostname: address,
        port,
        signal,
        autoSelectFamily: false,
      });
      return new TcpStream(connection);
    } catch (error) {
      const code = signal.aborted ? "aborted" : codeOfSocketError(error);
      throw new FairwayError(
        code,
        `Cannot connect to ${formatEndpoint({ address, port })}: ${
          messageOf(error)
        }`,
        { cause: error },
      );
    }
  },

  listen({ address, port }: Endpoint): Listener {
    try {
      return new TcpListener(Deno.listen({ hostname: address, port }));
    } catch (error) {
      const where = formatEndpoint({ address, port });
      const why = error instanceof Deno.errors.AddrInUse
        ? "another program listens there; stop it or choose another port"
        : error instanceof Deno.errors.AddrNotAvailable
        ? "this host does not have the address"
        : messageOf(error);
      throw new FairwayError(
        codeOfSocketError(error),
        `Cannot listen for BGP on ${where}: ${why}`,
        { cause: error },
      );
    }
  },
};

/** An endpoint as text: `192.0.2.1:179`, `[2001:db8::1]:179`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function codeOfSocketError(error: unknown): ErrorCode {
  return error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable
    ? "permission.denied"
    : "net.failed";
}

const UNKNOWN = "0.0.0.0" as Ip;

/** The endpoint of a socket; an IPv4 address in IPv6 clothes is taken out of them. */
function endpointOf(address: Deno.NetAddr): Endpoint {
  const bare = address.hostname.replace(/%.*$/, "").replace(
    /^::ffff:(?=\d+\.)/i,
    "",
  );
  return { address: tryParseIp(bare) ?? UNKNOWN, port: address.port };
}

class TcpStream implements Stream {
  readonly #connection: Deno.TcpConn;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  #closed = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.local = endpointOf(connection.localAddr);
    this.remote = endpointOf(connection.remoteAddr);
    connection.setNoDelay(true);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#connection.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#connection.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }
}

class TcpListener implements Listener {
  readonly #listener: Deno.TcpListener;
  readonly endpoint: Endpoint;
  #closed = false;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.endpoint = endpointOf(listener.addr);
  }

  async accept(): Promise<Stream | undefined> {
    for (;;) {
      try {
        return new TcpStream(await this.#listener.accept());
      } catch (error) {
        if (this.#closed) return undefined;
        // A connection that was reset while it waited is no reason to stop listening.
        if (
          error instanceof Deno.errors.ConnectionReset ||
          error instanceof Deno.errors.ConnectionAborted
        ) continue;
        throw new FairwayError(
          "net.failed",
          `Cannot accept connections on ${formatEndpoint(this.endpoint)}: ${
            messageOf(error)
          }`,
          { cause: error },
        );
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }
}
