import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { FairwayError } from "../../lib/base/errors.ts";
import { SILENT } from "../../lib/base/log.ts";
import { askStatus } from "../../lib/cli/status_client.ts";
import { createApiApp } from "../../routes/app.ts";
import { fakeState, STARTED_MS } from "../routes/fake_state.ts";

Deno.test("askStatus() takes the answer of the API and of nothing else", async () => {
  const app = createApiApp(fakeState(), {
    clock: new FakeClock(STARTED_MS + 5000),
    log: SILENT,
    signal: new AbortController().signal,
    access: { kind: "loopback" },
  });
  const answers: ((request: Request) => Response | Promise<Response>)[] = [
    (request) => app.fetch(request),
    () => new Response("hello"),
    () => Response.json({ node: "x" }),
    () => new Response("no", { status: 401 }),
  ];
  let at = 0;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => answers[at]?.(request) ?? new Response(null, { status: 500 }),
  );
  const location = {
    address: "0.0.0.0",
    port: server.addr.port,
    token: "",
  };
  const { signal } = new AbortController();
  const summary = await askStatus(location, signal);
  assertEquals(summary.nowMs, STARTED_MS + 5000);
  for (
    const [index, code] of [
      [1, "input.invalid"],
      [2, "input.invalid"],
      [3, "permission.denied"],
    ] as const
  ) {
    at = index;
    const error = await assertRejects(
      () => askStatus(location, signal),
      FairwayError,
    );
    assertEquals(error.code, code);
  }
  await server.shutdown();
  const error = await assertRejects(
    () => askStatus(location, signal),
    FairwayError,
    "connection refused",
  );
  assertEquals(error.code, "net.failed");
});
