import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Hono } from "hono";
import type { z } from "zod";
import type { AgentState } from "../../lib/agent/state.ts";
import { FakeClock } from "../../lib/base/clock.ts";
import { FairwayError } from "../../lib/base/errors.ts";
import { RecordingLogger, SILENT } from "../../lib/base/log.ts";
import { createApiApp } from "../../routes/app.ts";
import * as schemas from "../../routes/schemas.ts";
import { fakeState, STARTED_MS } from "./fake_state.ts";

function makeApp(changes: Partial<AgentState> = {}, log = SILENT): Hono {
  return createApiApp(fakeState(changes), {
    clock: new FakeClock(STARTED_MS + 5000),
    log,
    signal: new AbortController().signal,
    access: { kind: "loopback" },
    metricsPath: "/metrics",
  });
}

const LIST_ROUTES: readonly (readonly [string, z.ZodType])[] = [
  ["/status", schemas.summarySchema],
  ["/graph", schemas.graphSchema],
  ["/targets", schemas.targetsSchema],
  ["/services", schemas.servicesSchema],
  ["/ipvs", schemas.ipvsSchema],
  ["/policies", schemas.policiesSchema],
  ["/firewall", schemas.firewallSchema],
  ["/bgp/peers", schemas.peersSchema],
  ["/bgp/routes", schemas.bgpRoutesSchema],
  ["/routes", schemas.routesSchema],
  ["/watcher", schemas.watcherSchema],
  ["/issues", schemas.issuesSchema],
];

Deno.test.each(LIST_ROUTES)(
  "%s answers what its schema describes, no more and no less",
  async (path, schema) => {
    const response = await makeApp().request(`/api/v1${path}`, {
      headers: { host: "localhost:20245" },
    });
    assertEquals(response.status, 200);
    assertMatch(
      response.headers.get("content-type") ?? "",
      /^application\/json/,
    );
    assertEquals(response.headers.get("cache-control"), "no-store");
    const body: unknown = await response.json();
    // Parsing drops what a schema does not know, so equality shows it knows all.
    assertEquals(schema.parse(body), body);
  },
);

Deno.test("the description holds every route, and each has an answer described", async () => {
  const response = await makeApp().request(
    "http://localhost/api/v1/openapi.json",
  );
  const description = await response.json();
  assertMatch(description.openapi, /^3\.1/);
  assertEquals(
    Object.keys(description.paths).toSorted(),
    [...LIST_ROUTES.map(([path]) => path), "/events"].toSorted(),
  );
  for (const [path, item] of Object.entries<Described>(description.paths)) {
    const content = Object.values(item.get.responses["200"].content)[0];
    assert(content !== undefined && "schema" in content, path);
  }
  const { Service } = description.components.schemas;
  assertEquals(Service.properties.vips.type, "array");
  assertEquals(
    description.paths["/services"].get.parameters.map(
      (parameter: { name: string }) => parameter.name,
    ),
    ["namespace", "name"],
  );
});

interface Described {
  readonly get: {
    readonly responses: {
      readonly "200": { readonly content: Record<string, object> };
    };
  };
}

Deno.test("services and policies can be asked by name, BGP paths by prefix and peer", async () => {
  const app = makeApp();
  const count = async (path: string): Promise<number> => {
    const response = await app.request(`http://localhost/api/v1${path}`);
    const body = await response.json();
    return (body.items ?? body.received).length;
  };
  assertEquals(await count("/services?namespace=shop"), 1);
  assertEquals(await count("/services?namespace=shop&name=web"), 0);
  assertEquals(await count("/policies?name=odd"), 1);
  assertEquals(await count("/bgp/routes?prefix=10.244.2.0/24"), 1);
  assertEquals(await count("/bgp/routes?peer=192.0.2.9"), 0);
});

Deno.test.each(
  [
    ["/services?namespce=shop", 400],
    ["/services?namespace=", 400],
    [`/services?name=${"x".repeat(300)}`, 400],
    ["/graph?x=1", 400],
    ["/nothing", 404],
  ] as const,
)("%s is answered with a problem, status %d", async (path, status) => {
  const response = await makeApp().request(`http://localhost/api/v1${path}`);
  assertEquals(response.status, status);
  assertEquals(
    response.headers.get("content-type"),
    "application/problem+json",
  );
  const problem = schemas.problemSchema.parse(await response.json());
  assertEquals(problem.status, status);
});

Deno.test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
  "%s is not served",
  async (method) => {
    for (const path of ["/", "/api/v1/services", "/healthz"]) {
      const response = await makeApp().request(`http://localhost${path}`, {
        method,
      });
      assertEquals(response.status, 405);
      assertEquals(response.headers.get("allow"), "GET, HEAD");
      schemas.problemSchema.parse(await response.json());
    }
  },
);

Deno.test("HEAD is answered as GET, without a body", async () => {
  const response = await makeApp().request("http://localhost/api/v1/graph", {
    method: "HEAD",
  });
  assertEquals(response.status, 200);
  assertEquals(await response.text(), "");
});

Deno.test("a fault while answering is a problem with its code, and logged", async () => {
  const log = new RecordingLogger();
  const app = makeApp({
    services: () => {
      throw new FairwayError("internal", "no such table");
    },
  }, log);
  const response = await app.request("http://localhost/api/v1/services");
  assertEquals(response.status, 500);
  assertEquals(await response.json(), {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    detail: "no such table",
    code: "internal",
  });
  assertEquals(log.records.map((record) => record.event), ["http.failed"]);
});
