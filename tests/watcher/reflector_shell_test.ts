import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RESOURCES } from "../../lib/cluster/decode_object.ts";
import { RecordingLogger } from "../../lib/base/log.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";
import { findApiAccess } from "../../lib/watcher/credentials.ts";
import type { ReflectorLimits } from "../../lib/watcher/reflector_requests.ts";
import {
  Reflector,
  type ReflectorStatus,
} from "../../lib/watcher/reflector_shell.ts";
import type { ReflectorSettings } from "../../lib/watcher/reflector_state.ts";
import { Transport } from "../../lib/watcher/transport.ts";
import type { ApiAccess } from "../../lib/watcher/api_access.ts";
import { ApiServer } from "../apiserver/server.ts";
import { eventually } from "./eventually.ts";
import { RecordingSink } from "./recording_sink.ts";

/** A server, and one reflector of its services. */
class Rig implements AsyncDisposable {
  readonly sink = new RecordingSink();
  readonly log = new RecordingLogger();
  readonly server: ApiServer;
  readonly reflector: Reflector;
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  private constructor(
    server: ApiServer,
    access: ApiAccess,
    tuning: Tuning,
  ) {
    this.server = server;
    const resource = RESOURCES.find(({ kind }) => kind === "Service");
    if (resource === undefined) throw new Error("no Service");
    this.reflector = new Reflector({
      resource,
      transport: new Transport(access),
      sink: this.sink,
      clock: new SystemClock(),
      log: this.log,
      random: Math.random,
      settings: {
        firstPauseMs: 20,
        longestPauseMs: 80,
        stableMs: 50,
        ...tuning.settings,
      },
      limits: tuning.limits ?? {},
    });
    this.#run = this.reflector.run(this.#stop.signal);
  }

  static async start(tuning: Tuning = {}): Promise<Rig> {
    const server = await ApiServer.start();
    tuning.prepare?.(server);
    const access = await findApiAccess({ master: server.url });
    return new Rig(server, access, tuning);
  }

  get status(): ReflectorStatus {
    return this.reflector.status();
  }

  put(name: string, value: number): void {
    putService(this.server, name, value);
  }

  remove(name: string): void {
    this.server.delete({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace: "shop" },
    });
  }

  value(name: string): unknown {
    return this.sink.objects.get(`Service shop/${name}`);
  }

  watching(): Promise<void> {
    return eventually(
      "the watch runs",
      () => this.status.activity === "watching" && this.server.watches === 1,
    );
  }

  /** A change arrives, and nothing was missed or removed on the way. */
  async follows(name: string, value: number): Promise<void> {
    this.put(name, value);
    await eventually(`${name} is ${value}`, () => this.value(name) === value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
    await this.server.close();
  }
}

interface Tuning {
  readonly prepare?: (server: ApiServer) => void;
  readonly settings?: Partial<ReflectorSettings>;
  readonly limits?: Partial<ReflectorLimits>;
}

function putService(server: ApiServer, name: string, value: number): void {
  server.put({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: { value },
  });
}

Deno.test("a streaming list, then changes", async () => {
  await using rig = await Rig.start({
    prepare: (server) => putService(server, "a", 1),
  });
  await eventually("synced", () => rig.status.synced);
  assertEquals(rig.value("a"), 1);
  assertEquals(rig.status.mode, "streaming");
  await rig.follows("a", 2);
  await rig.follows("b", 1);
  rig.remove("a");
  await eventually("a is gone", () => rig.value("a") === undefined);
  assertEquals(rig.sink.calls, [
    "replace Service 1",
    "upsert Service shop/a",
    "upsert Service shop/b",
    "remove Service shop/a",
  ]);
  assertEquals(rig.status.resourceVersion, `${rig.server.store.revision}`);
  assertEquals(rig.status.disconnectedSinceMs, undefined);
  assertEquals(rig.server.requests.length, 1);
});

for (const streamingLists of ["refused", "ignored"] as const) {
  Deno.test(`where streaming lists are ${streamingLists}, pages are read`, async () => {
    await using rig = await Rig.start({
      prepare: (server) => {
        server.faults.streamingLists = streamingLists;
        for (let i = 0; i < 25; i++) putService(server, `s${i}`, i);
      },
      limits: { pageSize: 10, streamingQuietMs: 30 },
    });
    await rig.watching();
    assertEquals(rig.sink.objects.size, 25);
    assertEquals(rig.status.mode, "paging");
    assertEquals(rig.status.restarts, { no_streaming: 1 });
    const pages = rig.server.requests.filter(({ query }) =>
      !query.has("watch")
    );
    assertEquals(pages.length, 3);
    assertEquals(pages[0]?.query.get("limit"), "10");
    await rig.follows("new", 1);
  });
}

Deno.test("a list whose pages expire begins anew", async () => {
  await using rig = await Rig.start({
    settings: { streaming: false },
    prepare: (server) => {
      for (let i = 0; i < 25; i++) putService(server, `s${i}`, i);
      // The second page is too old.
      let pages = 0;
      const read = server.store.snapshot.bind(server.store);
      server.store.snapshot = (resource) => {
        if (resource.plural === "services" && pages++ === 0) {
          queueMicrotask(() => server.compact());
        }
        return read(resource);
      };
    },
    limits: { pageSize: 10 },
  });
  await rig.watching();
  assertEquals(rig.sink.objects.size, 25);
  assertEquals(rig.status.restarts.gone, 1);
  assertEquals(rig.sink.calls, ["replace Service 25"]);
});

Deno.test("the server ends the stream: the watch resumes where it was", async () => {
  await using rig = await Rig.start();
  await rig.follows("a", 1);
  rig.server.endWatches();
  await rig.follows("a", 2);
  await eventually("it was noticed", () => rig.status.restarts.ended === 1);
  assertEquals(rig.sink.calls.filter((c) => c.startsWith("replace")).length, 1);
});

Deno.test("a reset connection: a new client resumes, and nothing is listed again", async () => {
  await using rig = await Rig.start();
  await rig.follows("a", 1);
  rig.server.proxy.reset();
  rig.put("a", 2);
  await rig.follows("b", 2);
  assertEquals(rig.value("a"), 2);
  assertEquals(rig.status.restarts.network, 1);
  assertEquals(rig.sink.calls.filter((c) => c.startsWith("replace")).length, 1);
});

Deno.test("410 on a running watch: listed again, and what is the same is not touched", async () => {
  await using rig = await Rig.start();
  await rig.follows("a", 1);
  await rig.follows("b", 1);
  rig.server.expireWatches();
  await rig.follows("b", 2);
  assertEquals(rig.status.restarts.gone, 1);
  assertEquals(rig.value("a"), 1);
  assertEquals(rig.sink.calls.filter((c) => c.startsWith("remove")), []);
});

for (const expiredAsStatus of [true, false]) {
  Deno.test(`a version forgotten while away (${expiredAsStatus ? "status" : "event"} 410): listed again, removals included`, async () => {
    await using rig = await Rig.start({
      prepare: (server) => server.faults.expiredAsStatus = expiredAsStatus,
    });
    await rig.follows("a", 1);
    await rig.follows("b", 1);
    await rig.server.proxy.refuse();
    rig.remove("a");
    rig.put("c", 1);
    rig.server.compact();
    await rig.server.proxy.open();
    await eventually("c is there", () => rig.value("c") === 1);
    assertEquals(rig.value("a"), undefined);
    assertEquals(rig.value("b"), 1);
    assertEquals(rig.status.restarts.gone, 1);
  });
}

Deno.test("a black hole: silence renews the client and resumes", async () => {
  await using rig = await Rig.start({ limits: { idleMs: 100 } });
  await rig.follows("a", 1);
  rig.server.proxy.freeze();
  rig.put("a", 2);
  await eventually("a is 2", () => rig.value("a") === 2);
  assertEquals(rig.status.restarts.silent, 1);
  assertEquals(rig.sink.calls.filter((c) => c.startsWith("replace")).length, 1);
});

Deno.test("a server that accepts and never answers: told, and healed when it does", async () => {
  await using rig = await Rig.start({
    prepare: (server) => server.proxy.blackHole = true,
    limits: { answerMs: 50 },
  });
  await eventually("told", () => (rig.status.restarts.network ?? 0) >= 2);
  assertEquals(rig.status.problem, "no answer within 50 ms");
  assertEquals(rig.status.synced, false);
  rig.server.proxy.blackHole = false;
  await rig.follows("a", 1);
  assertEquals(rig.status.problem, undefined);
});

Deno.test("500 on watches, 503 on lists: pauses that grow, then healed", async () => {
  await using rig = await Rig.start({ settings: { streaming: false } });
  await rig.follows("a", 1);
  rig.server.faults.refuse({ status: 500, verb: "watch", count: 3 });
  rig.server.endWatches();
  await rig.follows("a", 2);
  assertEquals(rig.status.restarts.server, 3);
  rig.server.faults.refuse({ status: 503, verb: "list", count: 2 });
  rig.server.expireWatches();
  await rig.follows("a", 3);
  assertEquals(rig.status.restarts.server, 5);
});

Deno.test("429: not asked again before Retry-After is over", async () => {
  await using rig = await Rig.start({
    prepare: (server) =>
      server.faults.refuse({ status: 429, count: 1, retryAfterSeconds: 1 }),
  });
  const start = performance.now();
  await eventually("synced", () => rig.status.synced);
  assertEquals(performance.now() - start >= 950, true);
  assertEquals(rig.status.restarts, { throttled: 1 });
  assertEquals(rig.server.requests.length, 2);
});

Deno.test("403 says what is refused", async () => {
  await using rig = await Rig.start({
    prepare: (server) => server.faults.refuse({ status: 403 }),
  });
  await eventually("told", () => rig.status.restarts.forbidden !== undefined);
  assertStringIncludes(rig.status.problem ?? "", "403 ");
  const [warning] = rig.log.records.filter(({ level }) => level === "warn");
  assertMatch(warning?.message ?? "", /^services: 403 /);
});

Deno.test("answers cut anywhere, in the middle of letters too", async () => {
  await using rig = await Rig.start({
    prepare: (server) => {
      server.faults.chunkBytes = 7;
      server.put({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "a", namespace: "shop" },
        spec: { value: "grüße 🚢" },
      });
    },
  });
  await eventually("synced", () => rig.status.synced);
  assertEquals(rig.value("a"), "grüße 🚢");
  await rig.follows("b", 1);
});

Deno.test("an object without a usable name is counted, and stops nothing", async () => {
  await using rig = await Rig.start();
  await rig.watching();
  const decode = rig.sink.decode.bind(rig.sink);
  rig.sink.decode = (kind, raw) => {
    const { metadata } = raw as { metadata: { name: string } };
    return metadata.name === "odd" ? decode(kind, {}) : decode(kind, raw);
  };
  rig.put("odd", 1);
  await rig.follows("a", 1);
  assertEquals(rig.status.skipped, 1);
});

Deno.test("quiet resources are kept by bookmarks, so that compaction costs no list", async () => {
  await using rig = await Rig.start({
    prepare: (server) => server.faults.bookmarkMs = 20,
  });
  await rig.watching();
  rig.server.store.skipRevisions(1000);
  const newest = `${rig.server.store.revision}`;
  await eventually("bookmark", () => rig.status.resourceVersion === newest);
  rig.server.compact();
  rig.server.endWatches();
  await rig.follows("a", 1);
  assertEquals(rig.status.restarts.gone, undefined);
});
