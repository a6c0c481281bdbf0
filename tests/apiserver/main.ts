/**
 * The test API server on its own:
 * `deno run -A tests/apiserver/main.ts --port 8080 --load DIR`.
 *
 * @module
 */

import { Command } from "commander";
import { serveAdmin } from "./admin.ts";
import { makeCertificates } from "./certificates.ts";
import { loadDirectory } from "./load.ts";
import { ApiServer } from "./server.ts";

const options = new Command("apiserver")
  .option("--host <address>", "address to listen on", "127.0.0.1")
  .option("--port <number>", "port; 0 takes a free one", "0")
  .option("--load <directory>", "manifests to start with")
  .option("--token <token...>", "bearer tokens that are accepted")
  .option("--tls <directory>", "serve TLS, and write ca.crt there")
  .option("--admin-port <number>", "port of the fault knobs")
  .parse(Deno.args, { from: "user" })
  .opts<{
    host: string;
    port: string;
    load?: string;
    token?: string[];
    tls?: string;
    adminPort?: string;
  }>();

const tls = options.tls === undefined ? undefined : await makeCertificates();
if (tls !== undefined && options.tls !== undefined) {
  await Deno.mkdir(options.tls, { recursive: true });
  await Deno.writeTextFile(`${options.tls}/ca.crt`, tls.ca);
}
const server = await ApiServer.start({
  hostname: options.host,
  port: Number(options.port),
  ...(options.token === undefined ? {} : { tokens: options.token }),
  ...(tls === undefined ? {} : { tls }),
});
if (options.load !== undefined) {
  const { objects, ignored } = await loadDirectory(server, options.load);
  console.log(`loaded ${objects} objects`);
  if (ignored.length > 0) console.log(`left out: ${ignored.join(", ")}`);
}
const admin = options.adminPort === undefined ? undefined : serveAdmin(server, {
  hostname: options.host,
  port: Number(options.adminPort),
});
if (admin !== undefined) console.log(`knobs on port ${admin.addr.port}`);
console.log(`serving on ${server.url}`);

const stop = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stop.resolve());
}
await stop.promise;
await admin?.shutdown();
await server.close();
Deno.exit(0);
