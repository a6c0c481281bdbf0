/**
 * A port of the caller's namespace that leads to one inside another namespace,
 * as for the HTTP interface of an agent that listens on its node's loopback.
 *
 * @module
 */

import { createServer, type Server, Socket } from "node:net";
import { LabError } from "../system/error.ts";
import { closeFile, startConnect } from "../system/libc.ts";
import { inNamespace } from "../system/namespace.ts";

/** From where to where. */
export interface ForwardOptions {
  /** Address and port to listen on; default 127.0.0.1 and any free port. */
  readonly hostname?: string;
  readonly port?: number;
  /** Namespace, address (default 127.0.0.1) and port to lead to. */
  readonly namespace: string;
  readonly targetAddress?: string;
  readonly targetPort: number;
}

/** A running forwarder. */
export class Forwarder implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  /** Port that it listens on. */
  readonly port: number;

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  /** @throws when the port is taken */
  static async start(options: ForwardOptions): Promise<Forwarder> {
    const sockets = new Set<Socket>();
    const keep = (socket: Socket): Socket => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      // Either end may go away at any time; the other is told by the close.
      socket.on("error", () => socket.destroy());
      return socket;
    };
    const server = createServer((client) => {
      keep(client);
      const { fd, error } = inNamespace(options.namespace, () =>
        startConnect({
          protocol: "TCP",
          address: options.targetAddress ?? "127.0.0.1",
          port: options.targetPort,
          blocking: true,
        }));
      if (error !== 0) {
        closeFile(fd);
        client.destroy();
        return;
      }
      const target = keep(new Socket({ fd, readable: true, writable: true }));
      client.pipe(target);
      target.pipe(client);
      client.on("close", () => target.destroy());
      target.on("close", () => client.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        options.port ?? 0,
        options.hostname ?? "127.0.0.1",
        resolve,
      );
    });
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new LabError("the forwarder has no port");
    }
    return new Forwarder(server, sockets, address.port);
  }

  /** Closes every connection and the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) =>
      this.#server.close(() => resolve())
    );
    const ended = [...this.#sockets].map((socket) =>
      new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.destroy();
      })
    );
    await Promise.all([closed, ...ended]);
  }
}
