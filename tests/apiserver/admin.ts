/**
 * The knobs over HTTP, on a port of its own, for tests in other processes.
 *
 * @module
 */

import type { Refuse, StreamingLists } from "./faults.ts";
import type { ApiServer } from "./server.ts";

/** What can be asked for; every field is optional. */
interface AdminCommand {
  readonly refuse?: Refuse;
  readonly allowAll?: boolean;
  readonly tokens?: readonly string[];
  readonly chunkBytes?: number;
  readonly chunkDelayMs?: number;
  readonly bookmarkMs?: number;
  readonly streamingLists?: StreamingLists;
  readonly expiredAsStatus?: boolean;
  readonly blackHole?: boolean;
  readonly freeze?: boolean;
  readonly reset?: boolean;
  readonly compact?: boolean;
  readonly expireWatches?: boolean;
  readonly endWatches?: boolean;
  /** False closes the port, true opens it again. */
  readonly listen?: boolean;
}

/** Serves the knobs: POST a command, GET the state. */
export function serveAdmin(
  server: ApiServer,
  options: { readonly hostname: string; readonly port: number },
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ ...options, onListen: () => {} }, async (request) => {
    if (request.method === "POST") {
      await carryOut(server, await request.json());
    }
    return Response.json({
      url: server.url,
      revision: server.store.revision,
      watches: server.watches,
      connections: server.proxy.connections,
      requests: server.requests.length,
    });
  });
}

async function carryOut(
  server: ApiServer,
  command: AdminCommand,
): Promise<void> {
  const { faults, proxy } = server;
  if (command.allowAll) faults.allowAll();
  if (command.refuse !== undefined) faults.refuse(command.refuse);
  if (command.tokens !== undefined) server.setTokens(command.tokens);
  faults.chunkBytes = command.chunkBytes ?? faults.chunkBytes;
  faults.chunkDelayMs = command.chunkDelayMs ?? faults.chunkDelayMs;
  faults.bookmarkMs = command.bookmarkMs ?? faults.bookmarkMs;
  faults.streamingLists = command.streamingLists ?? faults.streamingLists;
  faults.expiredAsStatus = command.expiredAsStatus ?? faults.expiredAsStatus;
  proxy.blackHole = command.blackHole ?? proxy.blackHole;
  if (command.freeze) proxy.freeze();
  if (command.compact) server.compact();
  if (command.expireWatches) server.expireWatches();
  if (command.endWatches) server.endWatches();
  if (command.reset) proxy.reset();
  if (command.listen === true) await proxy.open();
  if (command.listen === false) await proxy.refuse();
}
