import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { RecordingLogger } from "../../lib/base/log.ts";
import { ClusterStore } from "../../lib/cluster/store.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";
import {
  findApiAccess,
  inClusterAccess,
} from "../../lib/watcher/credentials.ts";
import { Watcher } from "../../lib/watcher/watcher.ts";
import { makeCertificates } from "../apiserver/certificates.ts";
import { ApiServer } from "../apiserver/server.ts";
import { eventually } from "./eventually.ts";

/** A running watcher. */
class Running implements AsyncDisposable {
  readonly watcher: Watcher;
  started = false;
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  constructor(watcher: Watcher) {
    this.watcher = watcher;
    this.#run = watcher.run({
      signal: this.#stop.signal,
      started: () => {
        this.started = true;
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }
}

function service(name: string, clusterIP: string): {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
} {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: { clusterIP, ports: [{ port: 80 }] },
  };
}

const FAST = { firstPauseMs: 20, longestPauseMs: 80, stableMs: 50 };

Deno.test("an API server gone for an hour: the store stays, readiness says so, and it heals by itself", async () => {
  await using server = await ApiServer.start();
  server.put(service("a", "10.96.0.1"));
  const store = new ClusterStore();
  const clock = new FakeClock();
  const log = new RecordingLogger();
  const watcher = new Watcher({
    store,
    source: {
      kind: "api",
      access: await findApiAccess({ master: server.url }),
    },
    clock,
    log,
    random: () => 0.5,
  });
  await using running = new Running(watcher);
  const activities = (): string[] =>
    watcher.status().api?.resources.map(({ activity }) => activity) ?? [];
  assertMatch(watcher.health().message, /^reading Node, Namespace, Pod, /);
  await eventually("started", () => running.started);
  await eventually(
    "all watch",
    () => server.watches === 6 && activities().every((a) => a === "watching"),
  );
  assertEquals(watcher.health(), {
    ready: true,
    message: `following ${server.url}`,
  });

  const gone = clock.now();
  await server.proxy.refuse();
  const waiting = (): Promise<void> =>
    eventually("all wait", () => activities().every((a) => a === "waiting"));
  await waiting();
  assertEquals(watcher.health().ready, true, "a short break is no alarm");
  while (clock.now() < gone + 3_600_000) {
    await clock.advance(30_000);
    await waiting();
  }
  const { ready, message } = watcher.health();
  assertEquals(ready, false);
  assertMatch(
    message,
    /^not connected to http:\S+ since 2023-11-14T22:13:20.000Z, last event 2023-11-14T22:13:20.000Z: /,
  );
  assertEquals(store.table("Service").size, 1);
  assertEquals(store.isSynced(), true);
  const attempts = watcher.status().api?.resources
    .map(({ restarts }) => restarts.network ?? 0) ?? [];
  assertEquals(attempts.every((count) => count > 100 && count < 250), true);
  const warnings = log.records.filter(({ event, level }) =>
    level === "warn" && event === "watcher.disconnected"
  );
  assertEquals(warnings.length <= 18, true, "an outage is told, not repeated");

  server.delete(service("a", ""));
  server.put(service("b", "10.96.0.2"));
  server.compact();
  await server.proxy.open();
  await clock.advance(30_000);
  await eventually(
    "healed",
    () => store.table("Service").get("shop/b") !== undefined,
  );
  assertEquals([...store.table("Service").keys()], ["shop/b"]);
  await eventually("ready", () => watcher.health().ready);
});

Deno.test("in the cluster, with TLS and a token that is rotated", async () => {
  const { ca, cert, key } = await makeCertificates();
  await using server = await ApiServer.start({
    tls: { cert, key },
    tokens: ["first-secret"],
  });
  const directory = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  await Deno.writeTextFile(`${directory}/ca.crt`, ca);
  await Deno.writeTextFile(`${directory}/token`, "first-secret\n");
  const { hostname, port } = new URL(server.url);
  const environment: Readonly<Record<string, string>> = {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
  };
  const store = new ClusterStore();
  const log = new RecordingLogger();
  const watcher = new Watcher({
    store,
    source: {
      kind: "api",
      access: await inClusterAccess({
        environment: (name) => environment[name],
        directory,
      }),
      settings: FAST,
    },
    clock: new SystemClock(),
    log,
  });
  {
    await using running = new Running(watcher);
    await eventually("started", () => running.started);
    const unauthorized = (): number =>
      watcher.status().api?.resources.reduce(
        (sum, { restarts }) => sum + (restarts.unauthorized ?? 0),
        0,
      ) ?? 0;
    // The old token is revoked before the new one is in its file.
    server.setTokens(["second-secret"]);
    server.endWatches();
    await eventually("refused", () => unauthorized() >= 6);
    await Deno.writeTextFile(`${directory}/token`, "second-secret\n");
    server.put(service("a", "10.96.0.1"));
    await eventually("a arrived", () => store.table("Service").size === 1);
    await eventually("all watch", () => server.watches === 6);
    const before = unauthorized();
    // The new token is in its file first: nobody notices.
    await Deno.writeTextFile(`${directory}/token`, "third-secret\n");
    server.setTokens(["third-secret"]);
    server.endWatches();
    server.put(service("b", "10.96.0.2"));
    await eventually("b arrived", () => store.table("Service").size === 2);
    await eventually("all watch", () => server.watches === 6);
    assertEquals(unauthorized(), before);
  }
  assertEquals(JSON.stringify(log.records).includes("secret"), false);
  assertEquals(JSON.stringify(watcher.status()).includes("secret"), false);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a malformed object is reported, and the others are taken", async () => {
  await using server = await ApiServer.start();
  server.put(service("a", "10.96.0.1"));
  server.put(service("b", "not-an-address"));
  const store = new ClusterStore();
  const watcher = new Watcher({
    store,
    source: {
      kind: "api",
      access: await findApiAccess({ master: server.url }),
    },
    clock: new SystemClock(),
    log: new RecordingLogger(),
  });
  await using running = new Running(watcher);
  await eventually("started", () => running.started);
  assertEquals(store.table("Service").get("shop/a")?.clusterIps.length, 1);
  const [issue] = watcher.issues();
  assertEquals(issue?.object, "Service shop/b");
  assertEquals(watcher.issues().length, 1);
});

Deno.test("manifests through the watcher: projected, synced, issues with their line", async () => {
  const directory = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  const text = JSON.stringify(service("a", "10.96.0.1"));
  await Deno.writeTextFile(`${directory}/a.yaml`, text);
  const store = new ClusterStore();
  const watcher = new Watcher({
    store,
    source: { kind: "manifests", directory },
    clock: new SystemClock(),
    log: new RecordingLogger(),
  });
  {
    await using running = new Running(watcher);
    assertEquals(watcher.health().ready, false);
    await eventually("started", () => running.started);
    assertEquals(store.isSynced(), true);
    assertEquals(watcher.health(), {
      ready: true,
      message: `1 objects in 1 files of ${directory}`,
    });
    await Deno.writeTextFile(
      `${directory}/a.yaml`,
      "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n" +
        "spec:\n  clusterIP: 10.96.0.1\n  ports:\n  - port: 99999\n",
    );
    await eventually("reported", () => watcher.issues().length === 1);
    assertEquals(watcher.issues()[0]?.object, "a.yaml:7 Service shop/a");
    assertEquals(watcher.issues()[0]?.field, "spec.ports[0].port");
    assertEquals(store.table("Service").get("shop/a")?.ports[0]?.port, 80);
    assertMatch(watcher.health().message, /, 1 issues$/);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a fault of ours in one resource ends the watcher, for the graph to start it again", async () => {
  await using server = await ApiServer.start();
  const store = new ClusterStore();
  let calls = 0;
  const watcher = new Watcher({
    store,
    source: {
      kind: "api",
      access: await findApiAccess({ master: server.url }),
    },
    clock: new SystemClock(),
    log: new RecordingLogger(),
    random: () => {
      if (calls++ > 10) throw new Error("broken");
      return 0;
    },
  });
  await assertRejects(
    () =>
      watcher.run({
        signal: new AbortController().signal,
        started: () => {},
      }),
    Error,
    "broken",
  );
});

Deno.test("list and watch against an API server given by URL", async () => {
  // A real server when FAIRWAY_TEST_APISERVER names one, else our own.
  const given = Deno.env.get("FAIRWAY_TEST_APISERVER");
  await using own = given === undefined ? await ApiServer.start() : null;
  const url = given ?? own?.url ?? "";
  const store = new ClusterStore();
  const watcher = new Watcher({
    store,
    source: { kind: "api", access: await findApiAccess({ master: url }) },
    clock: new SystemClock(),
    log: new RecordingLogger(),
  });
  await using running = new Running(watcher);
  await eventually("started", () => running.started);
  const name = `fairway-test-${crypto.randomUUID().slice(0, 8)}`;
  const namespaces = `${url}/api/v1/namespaces`;
  const send = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<void> => {
    const response = await fetch(path, {
      method,
      headers: {
        "content-type": method === "PATCH"
          ? "application/merge-patch+json"
          : "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assertEquals(response.ok, true, await response.text());
  };
  await send("POST", namespaces, { metadata: { name } });
  await eventually(
    "the namespace is there",
    () => store.table("Namespace").get(name) !== undefined,
  );
  await send("PATCH", `${namespaces}/${name}`, {
    metadata: { labels: { team: "x" } },
  });
  await eventually(
    "its label is there",
    () => store.table("Namespace").get(name)?.labels.get("team") === "x",
  );
  await send("DELETE", `${namespaces}/${name}`);
  await eventually(
    "the namespace is gone",
    () => store.table("Namespace").get(name) === undefined,
    60_000,
  );
});
