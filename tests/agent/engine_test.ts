import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { Engine } from "../../lib/agent/engine/engine.ts";
import { FakeClock } from "../../lib/base/clock.ts";
import { KernelError } from "../../lib/base/errors.ts";
import { SILENT } from "../../lib/base/log.ts";
import type { Entry } from "../../lib/base/target.ts";
import { type FailureMode, MemoryTarget } from "./memory_target.ts";

const MODES: readonly FailureMode[] = [
  "atomic_silent",
  "atomic_named",
  "rest_done",
  "stops",
];

function makeEngine(
  target: MemoryTarget,
  clock = new FakeClock(),
): Engine<string> {
  return new Engine({ target, clock, log: SILENT });
}

const signal = new AbortController().signal;

function entry(key: string, value: string, needs?: string[]): Entry<string> {
  return needs === undefined ? { key, value } : { key, value, needs };
}

const key = fc.tuple(fc.nat(2), fc.nat(6)).map(([order, id]) =>
  `${order}/${id}`
);
const state = fc.dictionary(key, fc.constantFrom("p", "q"), { maxKeys: 12 });

Deno.test("sync() converges from any observed state and then does nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      state,
      state,
      fc.constantFrom(...MODES),
      async (observed, desired, mode) => {
        const target = new MemoryTarget(mode);
        for (const [k, v] of Object.entries(observed)) target.state.set(k, v);
        const engine = makeEngine(target);
        const contributor = engine.contributor("test");
        await engine.adopt(signal);
        contributor.put([{
          source: "all",
          entries: Object.entries(desired).map(([k, v]) => entry(k, v)),
        }]);
        contributor.complete();
        await engine.sync(signal);
        assertEquals(Object.fromEntries(target.state), { ...desired });
        const runs = target.runs;
        await engine.sync(signal);
        await engine.audit(signal);
        await engine.sync(signal);
        assertEquals(target.runs, runs);
        assertEquals(engine.plan(), []);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("sync() carries out everything but what the kernel refuses", async () => {
  await fc.assert(
    fc.asyncProperty(
      state,
      fc.uniqueArray(key, { maxLength: 4 }),
      fc.constantFrom(...MODES),
      async (desired, bad, mode) => {
        const target = new MemoryTarget(mode);
        for (const k of bad) target.bad.add(k);
        const engine = makeEngine(target);
        const contributor = engine.contributor("test");
        await engine.adopt(signal);
        contributor.put([{
          source: "all",
          entries: Object.entries(desired).map(([k, v]) => entry(k, v)),
        }]);
        contributor.complete();
        await engine.sync(signal);
        const good = Object.fromEntries(
          Object.entries(desired).filter(([k]) => !bad.includes(k)),
        );
        assertEquals(Object.fromEntries(target.state), good);
        assertEquals(
          engine.status().refused.map((refused) => refused.key).sort(),
          Object.keys(desired).filter((k) => bad.includes(k)).sort(),
        );
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("sync() after any sequence of hand-overs equals one hand-over of the last", async () => {
  const updates = fc.array(
    fc.record({ source: fc.constantFrom("a", "b", "c"), state }),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(updates, async (sequence) => {
      const target = new MemoryTarget();
      const engine = makeEngine(target);
      const contributor = engine.contributor("test");
      contributor.complete();
      await engine.adopt(signal);
      const last = new Map<string, Record<string, string>>();
      for (const update of sequence) {
        contributor.put([{
          source: update.source,
          // Values differ by key only, so that sources never disagree.
          entries: Object.keys(update.state).map((k) => entry(k, `v${k}`)),
        }]);
        last.set(update.source, update.state);
        await engine.sync(signal);
      }
      const wanted = new Set(
        [...last.values()].flatMap((entries) => Object.keys(entries)),
      );
      assertEquals([...target.state.keys()].sort(), [...wanted].sort());
    }),
    { numRuns: 200 },
  );
});

Deno.test("sync() writes only the keys that changed", async () => {
  const target = new MemoryTarget();
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  const many = Array.from({ length: 1000 }, (_, i) => entry(`0/${i}`, "v"));
  contributor.put(
    many.map((one) => ({ source: `s${one.key}`, entries: [one] })),
  );
  await engine.sync(signal);
  const before = target.operations;
  contributor.put([{ source: "s0/7", entries: [entry("0/7", "w")] }]);
  const report = await engine.sync(signal);
  assertEquals(target.operations - before, 1);
  assertEquals(report.operations, { add: 0, change: 1, remove: 0 });
});

Deno.test("sync() orders additions upward and removals downward, additions first", async () => {
  const target = new MemoryTarget();
  target.state.set("0/old", "v");
  target.state.set("2/old", "v");
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{
    source: "s",
    entries: [entry("2/new", "v"), entry("0/new", "v")],
  }]);
  assertEquals(engine.plan().map((op) => `${op.kind} ${op.key}`), [
    "add 0/new",
    "add 2/new",
    "remove 2/old",
    "remove 0/old",
  ]);
});

Deno.test("an entry waits for what it needs and is made when that is accepted", async () => {
  const clock = new FakeClock();
  const target = new MemoryTarget();
  target.bad.add("0/chain");
  const engine = makeEngine(target, clock);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{
    source: "s",
    entries: [
      entry("0/chain", "v"),
      entry("1/element", "v", ["0/chain"]),
      entry("1/other", "v"),
    ],
  }]);
  await engine.sync(signal);
  assertEquals([...target.state.keys()], ["1/other"]);
  assertEquals(engine.status().refused.map((one) => one.key), ["0/chain"]);
  assertEquals(engine.status().pending, 1);
  target.bad.clear();
  await engine.sync(signal);
  assertEquals([...target.state.keys()], ["1/other"], "held back for a second");
  await clock.advance(1_000);
  await engine.sync(signal);
  assertEquals([...target.state.keys()].sort(), [
    "0/chain",
    "1/element",
    "1/other",
  ]);
  assertEquals(engine.status().pending, 0);
});

Deno.test("a refused entry pauses longer each time, and a new wish is tried at once", async () => {
  const clock = new FakeClock();
  const target = new MemoryTarget();
  target.bad.add("0/x");
  const engine = makeEngine(target, clock);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{ source: "s", entries: [entry("0/x", "v")] }]);
  const pauses: number[] = [];
  for (let i = 0; i < 4; i++) {
    await engine.sync(signal);
    const [refused] = engine.status().refused;
    assert(refused !== undefined);
    pauses.push(refused.retryAtMs - clock.monotonic());
    const { runs } = target;
    contributor.put([{ source: "s", entries: [entry("0/x", "v")] }]);
    await engine.sync(signal);
    assertEquals(target.runs, runs, "the same wish again is not tried early");
    await clock.advance(refused.retryAtMs - clock.monotonic());
  }
  assertEquals(pauses, [1_000, 2_000, 4_000, 8_000]);
  target.bad.clear();
  contributor.put([{ source: "s", entries: [entry("0/x", "w")] }]);
  await engine.sync(signal);
  assertEquals(target.state.get("0/x"), "w");
  assertEquals(engine.status().refused, []);
});

Deno.test("bisection finds k guilty among n in about k log n runs", async () => {
  const target = new MemoryTarget("atomic_silent");
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  for (const i of [17, 600, 999]) target.bad.add(`0/${i}`);
  contributor.put([{
    source: "s",
    entries: Array.from({ length: 1024 }, (_, i) => entry(`0/${i}`, "v")),
  }]);
  await engine.sync(signal);
  assertEquals(target.state.size, 1021);
  assert(target.runs <= 3 * 2 * 10 + 1, `took ${target.runs} runs`);
});

Deno.test("nothing is removed before every owner has spoken, and nothing nobody owns", async () => {
  const target = new MemoryTarget();
  for (const k of ["0/mine", "1/shared", "2/foreign"]) target.state.set(k, "v");
  const engine = makeEngine(target);
  const first = engine.contributor("first", (k) => !k.startsWith("2/"));
  const second = engine.contributor("second", (k) => k.startsWith("1/"));
  await engine.adopt(signal);
  await engine.sync(signal);
  assertEquals(target.state.size, 3);
  first.complete();
  await engine.sync(signal);
  assertEquals([...target.state.keys()], ["1/shared", "2/foreign"]);
  second.complete();
  await engine.sync(signal);
  assertEquals([...target.state.keys()], ["2/foreign"]);
});

Deno.test("replace() ends the sources that are not named, put() does not", async () => {
  const target = new MemoryTarget();
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([
    { source: "a", entries: [entry("0/a", "v")] },
    { source: "b", entries: [entry("0/b", "v")] },
  ]);
  contributor.put([{ source: "c", entries: [entry("0/c", "v")] }]);
  await engine.sync(signal);
  assertEquals([...target.state.keys()], ["0/a", "0/b", "0/c"]);
  contributor.replace([{ source: "b", entries: [entry("0/b", "w")] }]);
  await engine.sync(signal);
  assertEquals(Object.fromEntries(target.state), { "0/b": "w" });
});

Deno.test("audit() counts what others changed, and sync() repairs it", async () => {
  const target = new MemoryTarget();
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{
    source: "s",
    entries: ["0/a", "0/b", "0/c"].map((k) => entry(k, "v")),
  }]);
  await engine.sync(signal);
  target.state.delete("0/a");
  target.state.set("0/b", "edited");
  target.state.set("0/stray", "v");
  assertEquals(await engine.audit(signal), 3);
  await engine.sync(signal);
  assertEquals(
    Object.fromEntries(target.state),
    { "0/a": "v", "0/b": "v", "0/c": "v" },
  );
  assertEquals(engine.status().driftTotal, 3);
});

Deno.test("two sources that disagree: the first keeps the key and the other is reported", async () => {
  const target = new MemoryTarget();
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{ source: "one", entries: [entry("0/x", "1")] }]);
  contributor.put([{ source: "two", entries: [entry("0/x", "2")] }]);
  await engine.sync(signal);
  assertEquals(target.state.get("0/x"), "1");
  assertEquals(engine.status().conflicts, [
    { key: "0/x", winner: "test: one", losers: ["test: two"] },
  ]);
  contributor.put([{ source: "one", entries: [] }]);
  await engine.sync(signal);
  assertEquals(target.state.get("0/x"), "2");
  assertEquals(engine.status().conflicts, []);
});

Deno.test("a tool that cannot be run leaves every wish due", async () => {
  const target = new MemoryTarget();
  const engine = makeEngine(target);
  const contributor = engine.contributor("test");
  contributor.complete();
  await engine.adopt(signal);
  contributor.put([{ source: "s", entries: [entry("0/x", "v")] }]);
  target.broken = new KernelError("tool.missing", "memory", "not there", "");
  await assertRejects(() => engine.sync(signal), KernelError, "not there");
  assert(!engine.isSettled);
  target.broken = undefined;
  await engine.sync(signal);
  assertEquals(target.state.get("0/x"), "v");
});

Deno.test("run() gathers a burst into one batch and repairs drift by itself", async () => {
  const clock = new FakeClock();
  const target = new MemoryTarget();
  const engine = new Engine({
    target,
    clock,
    log: SILENT,
    coalesceMs: 10,
    auditEveryMs: 60_000,
  });
  const contributor = engine.contributor("test");
  contributor.complete();
  const stop = new AbortController();
  let started = false;
  const running = engine.run(stop.signal, () => started = true);
  await clock.advance(1);
  assert(started);
  for (let i = 0; i < 50; i++) {
    contributor.put([{ source: `s${i}`, entries: [entry(`0/${i}`, "v")] }]);
    await clock.advance(i < 5 ? 1 : 0);
  }
  await clock.advance(20);
  await engine.settled(stop.signal);
  assertEquals(target.state.size, 50);
  assertEquals(target.runs, 1);
  target.state.clear();
  await clock.advance(60_100);
  assertEquals(target.state.size, 50);
  stop.abort();
  await running;
  assertEquals(clock.pending, 0);
});

Deno.test("run() tries again after the tool was broken, and says why meanwhile", async () => {
  const clock = new FakeClock();
  const target = new MemoryTarget();
  const engine = makeEngine(target, clock);
  const contributor = engine.contributor("test");
  contributor.complete();
  const stop = new AbortController();
  const running = engine.run(stop.signal, () => {});
  await clock.advance(1);
  target.broken = new KernelError("tool.missing", "memory", "not there", "");
  contributor.put([{ source: "s", entries: [entry("0/x", "v")] }]);
  await clock.advance(100);
  assertEquals(engine.status().failure, "not there");
  target.broken = undefined;
  await clock.advance(2_000);
  assertEquals(engine.status().failure, undefined);
  assertEquals(target.state.get("0/x"), "v");
  stop.abort();
  await running;
});
