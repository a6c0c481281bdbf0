import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FairwayError } from "../../lib/base/errors.ts";
import { SILENT } from "../../lib/base/log.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";
import { createApiApp } from "../../routes/app.ts";
import { serve, type ServeOptions } from "../../routes/server.ts";
import { fakeState } from "./fake_state.ts";

const clock = new SystemClock();

function options(changes: Partial<ServeOptions>): ServeOptions {
  return {
    app: { fetch: () => new Response("OK") },
    name: "state API",
    address: "127.0.0.1",
    port: 0,
    portFlag: "--api-port",
    signal: new AbortController().signal,
    clock,
    ...changes,
  };
}

Deno.test("serve() serves until the signal aborts, and lets the port go", async () => {
  for (const address of ["127.0.0.1", "::1"]) {
    const stop = new AbortController();
    const server = serve(options({ address, signal: stop.signal }));
    const host = address.includes(":") ? `[${address}]` : address;
    const response = await fetch(`http://${host}:${server.port}/`);
    assertEquals(await response.text(), "OK");
    stop.abort();
    await server.finished;
    const again = Deno.listen({ hostname: address, port: server.port });
    again.close();
  }
});

Deno.test("serve() ends although an event stream is open", async () => {
  const stop = new AbortController();
  const app = createApiApp(fakeState(), {
    clock,
    log: SILENT,
    signal: stop.signal,
    access: { kind: "loopback" },
  });
  const server = serve(options({ app, signal: stop.signal }));
  const response = await fetch(
    `http://127.0.0.1:${server.port}/api/v1/events`,
  );
  const reader = response.body?.getReader();
  await reader?.read();
  const start = clock.monotonic();
  stop.abort();
  await server.finished;
  assert(clock.monotonic() - start < 1500);
  while (!(await reader?.read())?.done);
});

Deno.test("serve() waits for an answer as long as the grace, not for ever", async () => {
  const stop = new AbortController();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const server = serve(options({
    app: {
      fetch: () => {
        asked.resolve();
        return answer.promise;
      },
    },
    signal: stop.signal,
    graceMs: 50,
  }));
  const client = fetch(`http://127.0.0.1:${server.port}/`);
  await asked.promise;
  const start = clock.monotonic();
  stop.abort();
  await server.finished;
  assert(clock.monotonic() - start >= 50);
  // The port is free although the answer is still owed.
  Deno.listen({ hostname: "127.0.0.1", port: server.port }).close();
  answer.resolve(new Response("late"));
  assertEquals(await (await client).text(), "late");
});

Deno.test("a port in use is told with address, port and flag", () => {
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = other.addr;
  const error = assertThrows(() => serve(options({ port })), FairwayError);
  other.close();
  assertEquals(error.code, "net.failed");
  assertMatch(
    error.message,
    new RegExp(
      `^cannot serve the state API on 127\\.0\\.0\\.1:${port}: the port is in use; .*--api-port$`,
    ),
  );
});

Deno.test("an address of another machine is told", () => {
  const error = assertThrows(
    () => serve(options({ address: "192.0.2.77" })),
    FairwayError,
    "cannot serve the state API on 192.0.2.77:0: this machine has no such address",
  );
  assertEquals(error.code, "net.failed");
});
