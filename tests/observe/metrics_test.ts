import { assert, assertEquals, assertMatch } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { METRICS } from "../../lib/observe/metric_names.ts";
import { Metrics } from "../../lib/observe/metrics.ts";

function makeMetrics(): Metrics {
  return new Metrics({
    clock: new FakeClock(1_700_000_000_000),
    version: "1.2.3",
    startedAtMs: 1_700_000_000_000,
  });
}

/** Text with every metric used once, so that each has a sample. */
function exercise(metrics: Metrics): Promise<string> {
  metrics.module("watcher", true);
  metrics.moduleRestarted("watcher");
  metrics.reconciled("nft", 4, { add: 3, remove: 1 });
  metrics.reconcileFailed("nft", "kernel.invalid");
  metrics.drift("nft", 2);
  metrics.entries("nft", 10, 1);
  metrics.converged(20);
  metrics.watchEvent("Pod", "added");
  metrics.watchRestarted("Pod", "kube.gone");
  metrics.clusterObjects("Pod", 7);
  metrics.bgpSession("10.0.0.1", "Established", 1_700_000_000_000);
  metrics.bgpMessage("10.0.0.1", "update", "in");
  metrics.bgpPrefixes("10.0.0.1", { received: 3, accepted: 2, advertised: 1 });
  return metrics.text();
}

Deno.test("every metric that has a name is served exactly once, and no other", async () => {
  const text = await exercise(makeMetrics());
  const served = [...text.matchAll(/^# TYPE (\S+) /gm)].map((m) => m[1] ?? "");
  const named = Object.values(METRICS).map((metric) => metric.name);
  assertEquals(served.toSorted(), named.toSorted());
  assertEquals(new Set(named).size, named.length);
  for (const name of named) {
    assertMatch(text, new RegExp(`^${name}(?:_bucket)?[ {]`, "m"));
  }
});

Deno.test("metric names follow the rules of their kind", async () => {
  const text = await exercise(makeMetrics());
  for (const [, name = "", kind] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assertMatch(name, /^fairway_[a-z][a-z_]*[a-z]$/);
    assertEquals(name.endsWith("_total"), kind === "counter", name);
    if (kind === "histogram") assert(name.endsWith("_seconds"), name);
  }
});

Deno.test("metric names are written in one file only", async () => {
  const root = new URL("../../", import.meta.url);
  const names = Object.values(METRICS).map((metric) => metric.name);
  for await (const path of sources(root)) {
    if (path.pathname.endsWith("/lib/observe/metric_names.ts")) continue;
    const text = await Deno.readTextFile(path);
    for (const name of names) {
      assert(!text.includes(`"${name}"`), `${path.pathname} writes "${name}"`);
    }
  }
});

async function* sources(folder: URL): AsyncGenerator<URL> {
  for (const top of ["lib/", "routes/"]) yield* walk(new URL(top, folder));
}

async function* walk(folder: URL): AsyncGenerator<URL> {
  for await (const entry of Deno.readDir(folder)) {
    if (entry.isDirectory) yield* walk(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith(".ts")) yield new URL(entry.name, folder);
  }
}

Deno.test("durations are counted in seconds", async () => {
  const text = await exercise(makeMetrics());
  assertMatch(
    text,
    /^fairway_reconcile_duration_seconds_sum\{target="nft"\} 0\.004$/m,
  );
  assertMatch(text, /^fairway_convergence_seconds_bucket\{le="0\.025"\} 1$/m);
});

Deno.test("a peer that is dropped leaves no series", async () => {
  const metrics = makeMetrics();
  await exercise(metrics);
  metrics.dropPeer("10.0.0.1");
  assert(!(await metrics.text()).includes("10.0.0.1"));
});

Deno.test("memory is read when metrics are", async () => {
  const text = await makeMetrics().text();
  const heap = /^fairway_memory_heap_used_bytes (\S+)$/m.exec(text)?.[1];
  assert(Number(heap) > 100_000, heap);
});

Deno.test("beforeScrape() runs until it is taken back", async () => {
  const metrics = makeMetrics();
  let count = 0;
  const stop = metrics.beforeScrape(() => {
    metrics.clusterObjects("Node", ++count);
  });
  assertMatch(
    await metrics.text(),
    /^fairway_cluster_objects\{kind="Node"\} 1$/m,
  );
  stop();
  await metrics.text();
  assertEquals(count, 1);
});

Deno.test("two agents in one process count apart", async () => {
  const a = makeMetrics();
  const b = makeMetrics();
  a.drift("nft", 5);
  assert(!(await b.text()).includes("fairway_reconcile_drift_total{"));
});
