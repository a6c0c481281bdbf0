/**
 * What every target promises, whether it is a fake or the kernel.
 *
 * A suite of steps runs against a new target each; {@linkcode Sample} says with
 * which values, and where tools differ.
 */

import { assert, assertEquals } from "@std/assert";
import type { ApplyResult, Op, Target } from "../../lib/base/target.ts";

/** Values a tool's suite works with. */
export interface Sample<V> {
  /** Entries that can be added together, in any order; each kind the target knows at least once. */
  readonly entries: readonly (readonly [string, V])[];
  /** A key of `entries`, and another value it can change to. */
  readonly changes: readonly (readonly [string, V])[];
  /** A key and value that may be added again to what `entries` made, and are refused; undefined when nothing is. */
  readonly duplicate: readonly [string, V] | undefined;
  /** A key and value that are not there to be removed; undefined when removing nothing is fine. */
  readonly missing: readonly [string, V] | undefined;
  /** Can be rendered but the kernel refuses it. */
  readonly bad: readonly [string, V];
  /** Two more good entries, that stand around the bad one. */
  readonly around: readonly [readonly [string, V], readonly [string, V]];
  /** What becomes of the operations around a refused one. */
  readonly rest: ApplyResult["rest"];
  /** Thousands of entries that stand alone or on `entries`; empty when the tool knows no such number. */
  readonly many: readonly (readonly [string, V])[];
  /** Whether a removal makes the entry unread. */
  readonly removes: boolean;
}

/** A target with its surroundings. */
export interface Subject<V> extends AsyncDisposable {
  readonly target: Target<V>;
  /** Makes things that are not ours but look alike; absent when there is nothing foreign. */
  readonly addForeign?: () => Promise<void>;
}

const DEADLINE_MS = 60_000;

/** Registers the suite as tests. */
export function conformance<V>(
  name: string,
  options: {
    readonly newSubject: () => Promise<Subject<V>>;
    readonly sample: Sample<V>;
    /** Only what may differ from one kernel to another: for a second kernel, where time is dear. */
    readonly brief?: boolean;
  },
): void {
  const { newSubject, sample, brief = false } = options;
  const core = (
    what: string,
    body: (subject: Subject<V>) => Promise<void>,
  ): void => {
    Deno.test({
      name: `${name}: ${what}`,
      fn: async () => {
        await using subject = await newSubject();
        await body(subject);
      },
    });
  };

  const test: typeof core = (what, body) => {
    if (!brief) core(what, body);
  };

  test("reads nothing from an untouched kernel", async ({ target }) => {
    if (!sample.removes) return await assertNotEqualToWanted(target, sample);
    assertEquals([...(await read(target)).keys()], []);
  });

  test("reads back what was added, equal", async ({ target }) => {
    await assertDone(target, adds(target, sample.entries));
    await assertHolds(target, sample.entries);
  });

  test("an empty batch is done and changes nothing", async ({ target }) => {
    assertEquals(await apply(target, []), { refusals: [], rest: "done" });
  });

  core("changes values in place", async ({ target }) => {
    await assertDone(target, adds(target, sample.entries));
    const before = new Map(sample.entries);
    const ops = sample.changes.map(([key, value]): Op<V> => ({
      kind: "change",
      key,
      value,
      previous: must(before.get(key)),
    }));
    await assertDone(target, ops);
    for (const [key, value] of sample.changes) before.set(key, value);
    await assertHolds(target, [...before]);
  });

  core(
    "removes everything that was added, in one batch",
    async ({ target }) => {
      await assertDone(target, adds(target, sample.entries));
      await assertDone(target, removes(target, sample.entries));
      if (sample.removes) assertEquals([...(await read(target)).keys()], []);
      // Nothing is left that a second round would trip over.
      await assertDone(target, adds(target, sample.entries));
      await assertHolds(target, sample.entries);
    },
  );

  test("refuses to add what is there, naming it", async ({ target }) => {
    await assertDone(target, adds(target, sample.entries));
    if (sample.duplicate === undefined) {
      return await assertDone(target, adds(target, sample.entries));
    }
    const result = await apply(target, adds(target, [sample.duplicate]));
    assertEquals(result.refusals.map((refusal) => refusal.index), [0]);
    assertEquals(result.refusals[0]?.error.code, "kernel.exists");
    await assertHolds(target, sample.entries);
  });

  const missing = sample.missing;
  if (missing !== undefined) {
    test("refuses to remove what is not there, naming it", async ({ target }) => {
      await assertDone(target, adds(target, sample.entries));
      const result = await apply(target, removes(target, [missing]));
      assertEquals(result.refusals.map((refusal) => refusal.index), [0]);
      assertEquals(result.refusals[0]?.error.code, "kernel.not_found");
      await assertHolds(target, sample.entries);
    });
  }

  core(
    `refuses a bad value by index; the rest is ${sample.rest}`,
    async ({ target }) => {
      await assertDone(target, adds(target, sample.entries));
      const [first, second] = sample.around;
      const ops = [first, sample.bad, second].flatMap((entry) =>
        adds(target, [entry])
      );
      const result = await apply(target, ops);
      assertEquals(result.refusals.map((refusal) => refusal.index), [1]);
      assertEquals(result.rest, sample.rest);
      const error = must(result.refusals[0]).error;
      assert(error.message.length < 600, error.message);
      assert(!error.message.includes("\n"), error.message);
      const state = await read(target);
      for (const [key, value] of sample.around) {
        const observed = state.get(key);
        const there = observed !== undefined && target.equal(value, observed);
        assertEquals(there, sample.rest === "done", key);
      }
    },
  );

  if (sample.many.length > 0) {
    test(`carries out ${sample.many.length} operations in one batch`, async ({ target }) => {
      await assertDone(target, adds(target, sample.entries));
      await assertDone(target, adds(target, sample.many));
      await assertHolds(target, [...sample.entries, ...sample.many]);
      await assertDone(target, removes(target, sample.many));
      await assertHolds(target, sample.entries);
    });
  }

  test("an aborted signal stops it before it starts", async ({ target }) => {
    const signal = AbortSignal.abort();
    for (
      const attempt of [
        target.read(signal),
        target.apply(adds(target, sample.entries), signal),
      ]
    ) {
      const error = await attempt.then(() => undefined, (error) => error);
      assertEquals(error?.code, "aborted");
    }
    if (sample.removes) assertEquals((await read(target)).size, 0);
  });

  test("renders every operation", ({ target }) => {
    for (const op of adds(target, sample.entries)) {
      assert(target.render(op).length > 0, op.key);
    }
    for (const op of removes(target, sample.entries)) target.render(op);
    return Promise.resolve();
  });

  test("does not read what is foreign", async (subject) => {
    await assertDone(subject.target, adds(subject.target, sample.entries));
    await subject.addForeign?.();
    await assertHolds(subject.target, sample.entries);
  });
}

/** Additions in the order the target asks for. */
export function adds<V>(
  target: Target<V>,
  entries: readonly (readonly [string, V])[],
): Op<V>[] {
  return [...entries]
    .sort((a, b) => target.order(a[0]) - target.order(b[0]))
    .map(([key, value]) => ({ kind: "add", key, value }));
}

/** Removals in the order the target asks for. */
export function removes<V>(
  target: Target<V>,
  entries: readonly (readonly [string, V])[],
): Op<V>[] {
  return [...entries]
    .sort((a, b) => target.order(b[0]) - target.order(a[0]))
    .map(([key, previous]) => ({ kind: "remove", key, previous }));
}

function read<V>(target: Target<V>): Promise<Map<string, V>> {
  return target.read(AbortSignal.timeout(DEADLINE_MS));
}

function apply<V>(
  target: Target<V>,
  ops: readonly Op<V>[],
): Promise<ApplyResult> {
  return target.apply(ops, AbortSignal.timeout(DEADLINE_MS));
}

async function assertDone<V>(
  target: Target<V>,
  ops: readonly Op<V>[],
): Promise<void> {
  const result = await apply(target, ops);
  assertEquals(
    result.refusals.map(({ index, error }) =>
      `${index === undefined ? "?" : ops[index]?.key}: ${error.message}`
    ),
    [],
  );
  assertEquals(result.rest, "done");
}

async function assertHolds<V>(
  target: Target<V>,
  entries: readonly (readonly [string, V])[],
): Promise<void> {
  const state = await read(target);
  assertEquals([...state.keys()].sort(), entries.map(([key]) => key).sort());
  for (const [key, value] of entries) {
    const observed = must(state.get(key));
    assert(
      target.equal(value, observed),
      `${key}: ${JSON.stringify(observed)} read for ${JSON.stringify(value)}`,
    );
  }
}

async function assertNotEqualToWanted<V>(
  target: Target<V>,
  sample: Sample<V>,
): Promise<void> {
  const state = await read(target);
  for (const [key, value] of sample.changes) {
    const observed = state.get(key);
    assert(observed === undefined || !target.equal(value, observed), key);
  }
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a sample is incomplete");
  return value;
}
