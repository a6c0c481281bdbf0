import { assertEquals, assertMatch } from "@std/assert";
import type { AgentState, ModuleStatus } from "../../lib/agent/state.ts";
import { SILENT } from "../../lib/base/log.ts";
import { createHealthApp } from "../../routes/app.ts";
import { readinessSchema } from "../../routes/schemas.ts";
import { fakeState } from "./fake_state.ts";

function ask(
  path: string,
  changes: Partial<AgentState> = {},
  metricsPath: string | undefined = "/metrics",
): Promise<Response> {
  const app = createHealthApp(fakeState(changes), {
    log: SILENT,
    metricsPath,
  });
  return Promise.resolve(app.request(path));
}

function withModule(change: Partial<ModuleStatus>): Partial<AgentState> {
  const [first, ...rest] = fakeState().graph();
  return {
    graph: () => first === undefined ? [] : [{ ...first, ...change }, ...rest],
  };
}

Deno.test("/livez answers as long as the process does", async () => {
  const response = await ask("/livez", withModule({ phase: "failed" }));
  assertEquals([response.status, await response.text()], [200, "OK"]);
});

Deno.test("/readyz is 503 with the reasons, or 200", async () => {
  const not = await ask("/readyz");
  assertEquals(not.status, 503);
  assertEquals(readinessSchema.parse(await not.json()), {
    ready: false,
    reasons: [{ name: "kernel", message: "ipvs does not answer" }],
  });
  const ready = await ask("/readyz", {
    readiness: () => ({ ready: true, reasons: [] }),
  });
  assertEquals(ready.status, 200);
  assertEquals(await ready.json(), { ready: true, reasons: [] });
});

Deno.test("/healthz is OK while modules wait, back off, or are not ready", async () => {
  for (
    const change of [
      { phase: "waiting" },
      { phase: "backing_off", lastError: "API server unreachable" },
      { health: { ready: false, message: "API server unreachable" } },
    ] as const
  ) {
    const response = await ask("/healthz", withModule(change));
    assertEquals([response.status, await response.text()], [200, "OK"]);
  }
});

Deno.test("/healthz is 503 with the reason when a module has given up", async () => {
  const response = await ask(
    "/healthz",
    withModule({ phase: "failed", lastError: "out of luck" }),
  );
  assertEquals(response.status, 503);
  assertEquals(await response.text(), "[-]watcher failed: out of luck\n");
});

Deno.test("/healthz?verbose has a line for each module", async () => {
  const well = await ask(
    "/healthz?verbose",
    withModule({ health: { ready: false, message: "reading" } }),
  );
  assertEquals(
    await well.text(),
    "[!]watcher not ready: reading\n[+]kernel ok\n[+]ipvs ok\n[+]firewall ok\n" +
      "[+]bgp ok\nhealthz check passed\n",
  );
  const ill = await ask("/healthz?verbose", withModule({ phase: "failed" }));
  assertEquals(ill.status, 503);
  assertMatch(await ill.text(), /^\[-\]watcher failed: synced\n[^]*failed\n$/);
});

Deno.test("metrics are served in Prometheus' text format, where asked for", async () => {
  const response = await ask("/metrics");
  assertMatch(
    response.headers.get("content-type") ?? "",
    /^text\/plain; version=0\.0\.4/,
  );
  assertEquals(
    await response.text(),
    "# TYPE fairway_x gauge\nfairway_x 1\n",
  );
  assertEquals((await ask("/m", {}, "/m")).status, 200);
  assertEquals((await ask("/metrics", {}, "/m")).status, 404);
});

Deno.test("the health application serves no state and no dashboard", async () => {
  for (const path of ["/", "/api/v1/status", "/dashboard.js"]) {
    assertEquals((await ask(path)).status, 404);
  }
});
