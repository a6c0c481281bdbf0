import { assertEquals, assertThrows } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { type AgentEvent, EventLog } from "../../lib/observe/events.ts";

Deno.test("EventLog keeps the newest events, oldest first, with ids that count up", async () => {
  const clock = new FakeClock(1000);
  const log = new EventLog(clock, 3);
  for (let i = 1; i <= 5; i++) {
    log.record("info", "test.tick", `tick ${i}`);
    await clock.advance(10);
  }
  assertEquals(log.recent().map((event) => [event.id, event.timeMs]), [
    [3, 1020],
    [4, 1030],
    [5, 1040],
  ]);
  assertEquals(log.recent(1).map((event) => event.id), [5]);
  assertEquals(log.recent(0), []);
  assertEquals(log.since(4).map((event) => event.id), [5]);
  assertEquals(log.since(5), []);
});

Deno.test("EventLog tells listeners until they leave", () => {
  const log = new EventLog(new FakeClock());
  const heard: AgentEvent[] = [];
  const leave = log.subscribe((event) => heard.push(event));
  const event = log.record("warn", "test.one", "one", "Service default/web");
  leave();
  leave();
  log.record("info", "test.two", "two");
  assertEquals(heard, [event]);
  assertEquals(log.listenerCount, 0);
});

Deno.test("EventLog drops a listener that throws, and the others hear on", () => {
  const log = new EventLog(new FakeClock());
  const heard: number[] = [];
  log.subscribe(() => {
    throw new Error("broken");
  });
  log.subscribe((event) => heard.push(event.id));
  log.record("info", "test.one", "one");
  log.record("info", "test.two", "two");
  assertEquals(heard, [1, 2]);
  assertEquals(log.listenerCount, 1);
});

Deno.test("EventLog refuses to keep nothing", () => {
  assertThrows(() => new EventLog(new FakeClock(), 0), RangeError);
});
