import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import * as fc from "fast-check";
import type {
  AgentState,
  ModuleStatus,
  ServiceStatus,
} from "../../lib/agent/state.ts";
import { FakeClock } from "../../lib/base/clock.ts";
import { SILENT } from "../../lib/base/log.ts";
import { createApiApp } from "../../routes/app.ts";
import { layoutGraph } from "../../routes/dashboard/graph_layout.ts";
import { conditionOf } from "../../routes/dashboard/graph_view.ts";
import { type FakeState, fakeState, STARTED_MS } from "./fake_state.ts";

async function page(
  path = "/",
  changes: Partial<AgentState> = {},
  fill: (state: FakeState) => void = () => {},
): Promise<string> {
  const clock = new FakeClock(STARTED_MS + 65_000);
  const state = fakeState(changes, clock);
  fill(state);
  const app = createApiApp(state, {
    clock,
    log: SILENT,
    signal: new AbortController().signal,
    access: { kind: "loopback" },
  });
  const response = await app.request(`http://localhost${path}`);
  assertEquals(response.status, 200);
  return await response.text();
}

Deno.test("the page shows node, readiness, graph, services, policies, peers and tools", async () => {
  const text = await page();
  assertMatch(text, /^\s*<!doctype html>/);
  for (
    const part of [
      "<title>worker-1 · Fairway</title>",
      "✕ not ready",
      "ipvs does not answer",
      "up 1m5s",
      'aria-label="5 of 5 modules are ready',
      "10.96.0.10:80",
      "[2001:db8::10]:80",
      ":30080",
      "10.244.1.2:8080",
      "nobody is behind it",
      "refused: Numerical result out of range",
      "4200000000",
      "connection refused",
      "Memory allocation problem",
      "ipvsadm did not end within 10 s",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("the page needs no script, style or file from elsewhere, and none in line", async () => {
  const text = await page();
  for (const [, url = ""] of text.matchAll(/(?:src|href)="([^"]*)"/g)) {
    assertMatch(url, /^(?:\/(?!\/)|#)/);
  }
  assert(!/<script(?![^>]*src=)/.test(text));
  assert(!/\sstyle=|\son\w+=/.test(text));
  for (const path of ["/dashboard.js", "/dashboard.css", "/favicon.svg"]) {
    assert((await page(path)).length > 100);
  }
});

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='x'>&`;

Deno.test("no name of an object becomes markup", async () => {
  const [service] = fakeState().services();
  const [policy] = fakeState().policies();
  const [peer] = fakeState().peers();
  const [module] = fakeState().graph();
  const [target] = fakeState().targets();
  assert(service && policy && peer && module && target);
  const hostile = (value: unknown): unknown =>
    typeof value === "string"
      ? HOSTILE
      : Array.isArray(value)
      ? value.map(hostile)
      : typeof value === "object" && value !== null
      ? Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, hostile(item)]),
      )
      : value;
  const text = await page("/", {
    node: HOSTILE,
    version: HOSTILE,
    graph: () => [{
      ...hostile(module) as ModuleStatus,
      phase: "running",
      lastError: HOSTILE,
    }],
    services: () => [hostile(service) as ServiceStatus],
    policies: () => [{ ...policy, name: HOSTILE, refused: HOSTILE }],
    peers: () => [{ ...peer, source: HOSTILE, families: [HOSTILE] }],
    targets: () => [{
      ...target,
      name: HOSTILE,
      lastError: HOSTILE,
      refusedEntries: [{
        key: HOSTILE,
        owner: HOSTILE,
        error: HOSTILE,
        retryAtMs: 0,
      }],
    }],
    issues: () => [{
      object: HOSTILE,
      field: HOSTILE,
      problem: HOSTILE,
      mend: HOSTILE,
    }],
    readiness: () => ({
      ready: false,
      reasons: [{ name: HOSTILE, message: HOSTILE }],
    }),
  }, (state) => state.events.record("warn", HOSTILE, HOSTILE, HOSTILE));
  assertEquals([...text.matchAll(/<script/g)].length, 1);
  assert(!text.includes("<img src=x"));
  assert(!text.includes(HOSTILE));
  const echoed = await page(`/?q=${encodeURIComponent(HOSTILE)}`);
  assert(!echoed.includes(HOSTILE));
});

Deno.test("the filter goes by name and address, and says how many it left out", async () => {
  const text = await page("/view?q=SHOP/");
  assertStringIncludes(text, "1 of 2");
  assertStringIncludes(text, "default-deny");
  assert(!text.includes("10.96.0.10:80"));
  const byAddress = await page("/view?q=10.244.1.2");
  assertStringIncludes(byAddress, "10.96.0.10:80");
  assertStringIncludes(byAddress, "No policy matches.");
});

Deno.test("a cluster of thousands of services gives a page of bounded size", async () => {
  const [service] = fakeState().services();
  assert(service !== undefined);
  const many = Array.from({ length: 5000 }, (_, i) => ({
    ...service,
    name: `web-${i}`,
  }));
  const text = await page("/view", { services: () => many });
  assert(text.length < 300_000, `${text.length}`);
  assertStringIncludes(text, "4900 more");
});

Deno.test("every phase has a word and a sign of its own", () => {
  const [module] = fakeState().graph();
  assert(module !== undefined);
  const phases = [
    "waiting",
    "starting",
    "running",
    "backing_off",
    "stopping",
    "stopped",
    "failed",
  ] as const;
  const seen = phases.map((phase) => conditionOf({ ...module, phase }));
  assertEquals(new Set(seen.map(({ word }) => word)).size, phases.length);
  assertEquals(new Set(seen.map(({ sign }) => sign)).size, phases.length);
});

Deno.test("layoutGraph() draws needs left of who needs them, and implied lines not at all", () => {
  const layout = layoutGraph([
    { name: "c", needs: ["a", "b", "gone"] },
    { name: "b", needs: ["a"] },
    { name: "a", needs: [] },
    { name: "d", needs: [] },
  ]);
  const column = Object.fromEntries(
    layout.placed.map((at) => [at.node.name, at.column]),
  );
  assertEquals(column, { c: 2, b: 1, a: 0, d: 0 });
  assertEquals(layout.edges.map((edge) => `${edge.from}>${edge.to}`), [
    "b>c",
    "a>b",
  ]);
});

Deno.test("layoutGraph() places any graph without overlap, lines from left to right", () => {
  const graphs = fc.array(
    fc.array(fc.nat(11), { maxLength: 4 }),
    { maxLength: 12 },
  ).map((needs) =>
    needs.map((list, at) => ({
      name: `m${at}`,
      // Mostly without circles, as real graphs are; some with.
      needs: list.map((need) => `m${need}`),
    }))
  );
  fc.assert(fc.property(graphs, (nodes) => {
    const layout = layoutGraph(nodes);
    assertEquals(layout.placed.length, nodes.length);
    for (const a of layout.placed) {
      assert(a.row >= 0.5 - 1e-9 && a.row <= layout.rows - 0.5 + 1e-9);
      for (const b of layout.placed) {
        if (a.node.name < b.node.name && a.column === b.column) {
          assert(Math.abs(a.row - b.row) >= 1 - 1e-9);
        }
      }
    }
    for (const edge of layout.edges) {
      edge.points.forEach((point, at) => {
        const next = edge.points[at + 1];
        assert(next === undefined || next.column === point.column + 1);
      });
      // A line that passes a column keeps off its modules.
      for (const point of edge.points.slice(1, -1)) {
        for (const { column, row } of layout.placed) {
          assert(column !== point.column || Math.abs(row - point.row) >= 0.5);
        }
      }
    }
  }));
});

Deno.test("layoutGraph() survives a circle", () => {
  const layout = layoutGraph([
    { name: "a", needs: ["b"] },
    { name: "b", needs: ["a"] },
  ]);
  assertEquals(layout.placed.length, 2);
});
