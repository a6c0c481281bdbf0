import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { SILENT } from "../../lib/base/log.ts";
import type { EventLog } from "../../lib/observe/events.ts";
import { createApiApp } from "../../routes/app.ts";
import type { StreamOptions } from "../../routes/event_stream.ts";
import { eventSchema } from "../../routes/schemas.ts";
import { fakeState } from "./fake_state.ts";

/** An event stream as a client reads it. */
class Client {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    const body = response.body;
    assert(body !== null);
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The next block; undefined at the end of the stream. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** Ids of the next events. */
  async ids(count: number): Promise<number[]> {
    const ids: number[] = [];
    while (ids.length < count) {
      const block = await this.next();
      assert(block !== undefined, "the stream has ended");
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue;
      const event = eventSchema.parse(JSON.parse(data));
      assert(block.includes(`id: ${event.id}`));
      ids.push(event.id);
    }
    return ids;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

interface Rig {
  readonly events: EventLog;
  readonly clock: FakeClock;
  readonly stop: AbortController;
  get(headers?: Record<string, string>, query?: string): Promise<Response>;
}

function makeRig(
  streams: Omit<StreamOptions, "clock" | "signal"> = {},
): Rig {
  const clock = new FakeClock();
  const state = fakeState({}, clock);
  const stop = new AbortController();
  const app = createApiApp(state, {
    clock,
    log: SILENT,
    signal: stop.signal,
    access: { kind: "loopback" },
    streams,
  });
  return {
    events: state.events,
    clock,
    stop,
    get: (headers = {}, query = "") =>
      Promise.resolve(
        app.request(`http://localhost/api/v1/events${query}`, { headers }),
      ),
  };
}

Deno.test("a client gets what happened lately, and then what happens", async () => {
  const rig = makeRig();
  rig.events.record("info", "test.one", "one");
  rig.events.record("info", "test.two", "two");
  const client = new Client(await rig.get());
  assertEquals(await client.next(), "retry: 2000");
  assertEquals(await client.ids(2), [1, 2]);
  rig.events.record("warn", "test.three", "line\nbreak", "Service a/b");
  assertEquals(await client.ids(1), [3]);
  await client.cancel();
});

Deno.test("a client that comes back gets what it missed", async () => {
  const rig = makeRig();
  for (let i = 0; i < 5; i++) rig.events.record("info", "test", `${i}`);
  const client = new Client(await rig.get({ "last-event-id": "3" }));
  assertEquals(await client.ids(2), [4, 5]);
  await client.cancel();
  const since = new Client(await rig.get({}, "?since=4"));
  assertEquals(await since.ids(1), [5]);
  await since.cancel();
  const older = new Client(await rig.get({ "last-event-id": "900" }));
  assertEquals(await older.ids(5), [1, 2, 3, 4, 5]);
  await older.cancel();
});

Deno.test("a client that hangs up is seen, and leaves nothing behind", async () => {
  const rig = makeRig();
  const client = new Client(await rig.get());
  await client.next();
  assertEquals(rig.events.listenerCount, 1);
  await client.cancel();
  await rig.clock.advance(0);
  assertEquals(rig.events.listenerCount, 0);
  assertEquals(rig.clock.pending, 0);
});

Deno.test("a quiet stream says that it is still there", async () => {
  const rig = makeRig({ keepAliveMs: 1000 });
  const client = new Client(await rig.get());
  await client.next();
  await rig.clock.advance(1000);
  assertEquals(await client.next(), ": still here");
  await client.cancel();
});

Deno.test("streams end when the agent stops, and no new one begins", async () => {
  const rig = makeRig();
  const client = new Client(await rig.get());
  await client.next();
  rig.stop.abort();
  assertEquals(await client.next(), undefined);
  assertEquals(rig.events.listenerCount, 0);
  const response = await rig.get();
  assertEquals(response.status, 503);
  await response.body?.cancel();
});

Deno.test("a client that does not read is cut off", async () => {
  const rig = makeRig({ maxQueue: 10 });
  const client = new Client(await rig.get());
  for (let i = 0; i < 100; i++) rig.events.record("info", "test", `${i}`);
  let last: string | undefined = "";
  while (last !== undefined) last = await client.next();
  assertEquals(rig.events.listenerCount, 0);
});

Deno.test("there are only so many streams at once", async () => {
  const rig = makeRig({ maxStreams: 1 });
  const client = new Client(await rig.get());
  const refused = await rig.get();
  assertEquals(refused.status, 503);
  await refused.body?.cancel();
  await client.cancel();
  await rig.clock.advance(0);
  const next = new Client(await rig.get());
  await next.next();
  await next.cancel();
});
