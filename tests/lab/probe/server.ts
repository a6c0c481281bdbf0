/**
 * Servers in pods: each says who it is and whom it sees.
 *
 * @module
 */

import { inNamespace } from "../system/namespace.ts";

/** One address and port to serve in a namespace. */
export interface Serving {
  /** Network namespace. */
  readonly namespace: string;
  /** What the server calls itself. */
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly {
    readonly protocol: "TCP" | "UDP";
    readonly port: number;
  }[];
}

/**
 * The server of one pod. A TCP client is told a line `NAME ADDRESS PORT` (the
 * name, and the client as the server sees it) and the connection is closed; a
 * UDP datagram is answered with the same line.
 *
 * It lives in the calling process, on sockets of the namespace.
 */
export class EchoServer implements AsyncDisposable {
  readonly #name: string;
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #datagrams: Deno.DatagramConn[] = [];
  readonly #loops: Promise<void>[] = [];

  /** @throws {Deno.errors.AddrInUse} and the like, as `Deno.listen` does */
  constructor(serving: Serving) {
    this.#name = serving.name;
    inNamespace(serving.namespace, () => {
      for (const hostname of serving.addresses) {
        for (const { protocol, port } of serving.ports) {
          if (protocol === "TCP") {
            this.#listeners.push(Deno.listen({ hostname, port }));
          } else {
            this.#datagrams.push(
              Deno.listenDatagram({ transport: "udp", hostname, port }),
            );
          }
        }
      }
    });
    for (const listener of this.#listeners) {
      this.#loops.push(this.#serveTcp(listener));
    }
    for (const socket of this.#datagrams) {
      this.#loops.push(this.#serveUdp(socket));
    }
  }

  async #serveTcp(listener: Deno.TcpListener): Promise<void> {
    const connections = new Set<Promise<void>>();
    for await (const connection of listener) {
      const done = this.#greet(connection).finally(() =>
        connections.delete(done)
      );
      connections.add(done);
    }
    await Promise.all(connections);
  }

  async #greet(connection: Deno.TcpConn): Promise<void> {
    try {
      await connection.write(this.#line(connection.remoteAddr));
    } catch {
      // The client has gone; its prober says so.
    } finally {
      connection.close();
    }
  }

  async #serveUdp(socket: Deno.DatagramConn): Promise<void> {
    for await (const [, from] of socket) {
      // A reply that cannot be sent is a reply that the prober does not get.
      await socket.send(this.#line(from as Deno.NetAddr), from).catch(() => {});
    }
  }

  #line(client: Deno.NetAddr): Uint8Array {
    return new TextEncoder().encode(
      `${this.#name} ${client.hostname} ${client.port}\n`,
    );
  }

  /** Closes every socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [...this.#listeners, ...this.#datagrams]) {
      socket.close();
    }
    await Promise.all(this.#loops);
  }
}
