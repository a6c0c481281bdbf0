/**
 * A TCP proxy that breaks connections on demand: resets, black holes, closed
 * ports. It knows nothing of what it carries.
 *
 * @module
 */

import net from "node:net";

/** Where a socket listens. */
export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
}

interface Pair {
  readonly client: net.Socket;
  readonly upstream: net.Socket;
}

/** The proxy; close it with `await using` or {@linkcode close}. */
export class FaultProxy implements AsyncDisposable {
  readonly #target: Endpoint;
  readonly #pairs = new Set<Pair>();
  #server: net.Server | undefined;
  #listen: Endpoint;
  /** New connections are accepted and then ignored. */
  blackHole = false;
  /** Connections accepted since the start. */
  accepted = 0;

  private constructor(listen: Endpoint, target: Endpoint) {
    this.#listen = listen;
    this.#target = target;
  }

  /** Starts a proxy; port 0 takes a free one. */
  static async start(listen: Endpoint, target: Endpoint): Promise<FaultProxy> {
    const proxy = new FaultProxy(listen, target);
    await proxy.open();
    return proxy;
  }

  get port(): number {
    return this.#listen.port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Listens, at the start or again after {@linkcode refuse}. */
  async open(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = net.createServer(
      { allowHalfOpen: false },
      (client) => this.#accept(client),
    );
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#listen.port, this.#listen.hostname, () => resolve());
    });
    const address = server.address();
    if (typeof address === "object" && address !== null) {
      this.#listen = { ...this.#listen, port: address.port };
    }
  }

  /** Resets every connection, and refuses new ones until {@linkcode open}. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server === undefined
      ? Promise.resolve()
      : new Promise<void>((resolve) => server.close(() => resolve()));
    this.reset();
    await closed;
  }

  /** Ends every connection with a reset (RST). */
  reset(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    this.#pairs.clear();
  }

  /** Carries nothing any more on the connections that are open now, and tells neither end. */
  freeze(): void {
    for (const { client, upstream } of this.#pairs) {
      client.unpipe(upstream);
      upstream.unpipe(client);
      client.pause();
      upstream.pause();
    }
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: net.Socket): void {
    this.accepted++;
    const upstream = net.connect(this.#target.port, this.#target.hostname);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      socket.on("error", end);
      socket.on("close", end);
      socket.setNoDelay(true);
    }
    if (this.blackHole) return;
    client.pipe(upstream);
    upstream.pipe(client);
  }
}
