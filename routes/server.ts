/**
 * Serving an application on an address.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/base/clock.ts";
import { FairwayError, messageOf } from "../lib/base/errors.ts";

/** What to serve, where, and how to stop. */
export interface ServeOptions {
  readonly app: {
    fetch(request: Request): Response | Promise<Response>;
  };
  /** What is served, for messages: `health`, `state API`. */
  readonly name: string;
  /** An IP address. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** The flag that sets the port, for messages: `--health-port`. */
  readonly portFlag: string;
  /** Stops serving. Event streams must end by the same signal or an earlier one. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How long requests may take to end after the signal, milliseconds. @default {2000} */
  readonly graceMs?: number;
}

/** A server that listens. */
export interface RunningServer {
  readonly address: string;
  readonly port: number;
  /** Settles when no request is left, or the grace is over; the port is free then. */
  readonly finished: Promise<void>;
}

/**
 * Starts serving; it listens when this returns.
 *
 * @throws {FairwayError} `net.failed` or `permission.denied` when it cannot listen
 */
export function serve(options: ServeOptions): RunningServer {
  const { app, address, port } = options;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: address,
      port,
      onListen: () => {},
    }, (request) => app.fetch(request));
  } catch (error) {
    throw listenError(error, options);
  }
  return {
    address: server.addr.hostname,
    port: server.addr.port,
    finished: finish(server, options),
  };
}

async function finish(
  server: Deno.HttpServer<Deno.NetAddr>,
  { signal, clock, graceMs = 2000 }: ServeOptions,
): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const stopped = new AbortController();
  // Aborting the server while it shuts down throws in the runtime, so a client
  // that neither reads nor hangs up is left to the end of the process.
  await Promise.race([
    server.shutdown().then(() => stopped.abort()),
    sleep(clock, graceMs, stopped.signal).catch(() => {}),
  ]);
}

function listenError(error: unknown, options: ServeOptions): FairwayError {
  const { name, address, port, portFlag } = options;
  const where = address.includes(":")
    ? `[${address}]:${port}`
    : `${address}:${port}`;
  const cannot = `cannot serve the ${name} on ${where}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return new FairwayError(
      "net.failed",
      `${cannot}: the port is in use; stop the program that uses it, or choose another with ${portFlag}`,
      { cause: error },
    );
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return new FairwayError(
      "net.failed",
      `${cannot}: this machine has no such address; give one that it has`,
      { cause: error },
    );
  }
  if (
    error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable
  ) {
    return new FairwayError(
      "permission.denied",
      `${cannot}: no permission (${
        messageOf(error)
      }); choose a port above 1023 with ${portFlag}, or grant CAP_NET_BIND_SERVICE`,
      { cause: error },
    );
  }
  return new FairwayError("net.failed", `${cannot}: ${messageOf(error)}`, {
    cause: error,
  });
}
