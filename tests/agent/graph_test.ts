import { assert, assertEquals, assertThrows } from "@std/assert";
import { renderGraph, ServiceGraph } from "../../lib/agent/graph.ts";
import type { Health, Module, ModuleContext } from "../../lib/agent/module.ts";
import { FakeClock } from "../../lib/base/clock.ts";
import { FairwayError } from "../../lib/base/errors.ts";
import { RecordingLogger } from "../../lib/base/log.ts";

interface Behaviour {
  readonly needs?: readonly string[];
  /** Throws this many times before it works. */
  readonly failures?: number;
  readonly ignoresStop?: boolean;
  readonly unready?: string;
}

class TestModule implements Module {
  readonly name: string;
  readonly purpose = "a test";
  readonly needs: readonly string[];
  readonly #behaviour: Behaviour;
  readonly #log: string[];
  #failed = 0;

  constructor(name: string, log: string[], behaviour: Behaviour = {}) {
    this.name = name;
    this.needs = behaviour.needs ?? [];
    this.#behaviour = behaviour;
    this.#log = log;
  }

  async run(context: ModuleContext): Promise<void> {
    if (this.#failed < (this.#behaviour.failures ?? 0)) {
      this.#failed++;
      this.#log.push(`${this.name} fails`);
      throw new Error("broken");
    }
    this.#log.push(`${this.name} starts`);
    context.started();
    await new Promise<void>((resolve) => {
      context.signal.addEventListener("abort", () => {
        if (!this.#behaviour.ignoresStop) resolve();
      });
    });
    this.#log.push(`${this.name} stops`);
  }

  health(): Health {
    const message = this.#behaviour.unready;
    return message === undefined
      ? { ready: true, message: "fine" }
      : { ready: false, message };
  }
}

const signal = new AbortController().signal;

Deno.test("modules start after their needs and stop before them", async () => {
  const log: string[] = [];
  const clock = new FakeClock();
  const graph = new ServiceGraph([
    new TestModule("c", log, { needs: ["a", "b"] }),
    new TestModule("b", log, { needs: ["a"] }),
    new TestModule("a", log),
  ], { clock, log: new RecordingLogger() });
  graph.start();
  await graph.started(signal);
  assertEquals(graph.unready(), []);
  await graph.stop();
  assertEquals(log, [
    "a starts",
    "b starts",
    "c starts",
    "c stops",
    "b stops",
    "a stops",
  ]);
  assertEquals(clock.pending, 0);
});

Deno.test("a failed module is run again after a growing pause and others go on", async () => {
  const log: string[] = [];
  const clock = new FakeClock();
  const graph = new ServiceGraph([
    new TestModule("good", log),
    new TestModule("bad", log, { failures: 3 }),
    new TestModule("after", log, { needs: ["bad"] }),
  ], { clock, log: new RecordingLogger() });
  graph.start();
  await clock.advance(0);
  assertEquals(log, ["good starts", "bad fails"]);
  assertEquals(graph.unready(), [
    { name: "bad", message: "broken" },
    { name: "after", message: "waits for bad" },
  ]);
  await clock.advance(500);
  assertEquals(log.length, 3);
  await clock.advance(999);
  assertEquals(log.length, 3);
  await clock.advance(1);
  assertEquals(log.length, 4);
  await clock.advance(2_000);
  assertEquals(log.slice(-2), ["bad starts", "after starts"]);
  const bad = graph.nodes().find((node) => node.name === "bad");
  assertEquals(bad?.restarts, 3);
  assertEquals(bad?.lastError, "broken");
  assertEquals(graph.unready(), []);
  await graph.stop();
});

Deno.test("a module that does not stop is abandoned after its deadline", async () => {
  const log: string[] = [];
  const clock = new FakeClock();
  const graph = new ServiceGraph([
    new TestModule("base", log),
    new TestModule("stuck", log, { needs: ["base"], ignoresStop: true }),
  ], { clock, log: new RecordingLogger(), stopDeadlineMs: 5_000 });
  graph.start();
  await graph.started(signal);
  const stopping = graph.stop();
  await clock.advance(4_999);
  assert(!log.includes("base stops"));
  await clock.advance(1);
  await stopping;
  assert(log.includes("base stops"));
  assertEquals(graph.nodes().map((node) => node.phase), ["stopped", "failed"]);
});

Deno.test("health takes a running module out of readiness with its reason", async () => {
  const graph = new ServiceGraph(
    [new TestModule("w", [], { unready: "lists pods" })],
    { clock: new FakeClock(), log: new RecordingLogger() },
  );
  graph.start();
  await graph.started(signal);
  assertEquals(graph.unready(), [{ name: "w", message: "lists pods" }]);
  await graph.stop();
});

Deno.test("circles and unknown needs are refused with their names", () => {
  const options = { clock: new FakeClock(), log: new RecordingLogger() };
  assertThrows(
    () =>
      new ServiceGraph([
        new TestModule("a", [], { needs: ["b"] }),
        new TestModule("b", [], { needs: ["a"] }),
      ], options),
    FairwayError,
    "a -> b -> a",
  );
  assertThrows(
    () =>
      new ServiceGraph([new TestModule("a", [], { needs: ["x"] })], options),
    FairwayError,
    "needs x",
  );
});

Deno.test("renderGraph() prints one line a module below what it needs", async () => {
  const graph = new ServiceGraph([
    new TestModule("b", [], { needs: ["a"] }),
    new TestModule("a", []),
  ], { clock: new FakeClock(), log: new RecordingLogger() });
  graph.start();
  await graph.started(signal);
  assertEquals(
    renderGraph(graph.nodes()),
    "a: running - fine\n  b: running (needs a) - fine\n",
  );
  await graph.stop();
});
