import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { FakeClock, sleep } from "../../lib/base/clock.ts";
import {
  codeOf,
  FairwayError,
  KernelError,
  messageOf,
} from "../../lib/base/errors.ts";
import { shortHash } from "../../lib/base/hash.ts";
import { formatIssue } from "../../lib/base/issue.ts";
import { RecordingLogger } from "../../lib/base/log.ts";

/** FNV-1a in 64 bits with BigInt, as its authors write it. */
function referenceHash(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (
    const unit of Array.from(
      { length: text.length },
      (_, i) => text.charCodeAt(i),
    )
  ) {
    for (const byte of unit < 0x100 ? [unit] : [unit & 0xff, unit >>> 8]) {
      hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
    }
  }
  let name = "";
  for (let shift = 59n; shift > -5n; shift -= 5n) {
    const five = shift >= 0n ? (hash >> shift) & 31n : (hash << -shift) & 31n;
    name += "abcdefghijklmnopqrstuvwxyz234567"[Number(five)];
  }
  return name;
}

Deno.test("shortHash() is FNV-1a and tells where one part ends", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(shortHash(text), referenceHash(text));
  }));
  assert(shortHash("a", "bc") !== shortHash("ab", "c"));
  assert(shortHash("team", "a-web") !== shortHash("team-a", "web"));
});

Deno.test("sleep() ends when time has passed, or with the signal's reason", async () => {
  const clock = new FakeClock();
  let done = false;
  const waiting = sleep(clock, 100).then(() => done = true);
  await clock.advance(99);
  assertEquals(done, false);
  await clock.advance(1);
  assertEquals(done, true);
  await waiting;
  const stop = new AbortController();
  const aborted = sleep(clock, 100, stop.signal);
  stop.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  assertEquals(clock.pending, 0);
});

Deno.test("FakeClock fires timers in the order they fall due, also those set meanwhile", async () => {
  const clock = new FakeClock(0);
  const fired: string[] = [];
  clock.timer(20, () => fired.push(`b${clock.now()}`));
  clock.timer(10, () => {
    fired.push(`a${clock.now()}`);
    clock.timer(5, () => fired.push(`c${clock.now()}`));
  });
  const cancel = clock.timer(1, () => fired.push("never"));
  cancel();
  cancel();
  await clock.advance(100);
  assertEquals(fired, ["a10", "c15", "b20"]);
  assertEquals(clock.now(), 100);
});

Deno.test("errors carry a code, say whether to try again, and print on one line", () => {
  const error = new KernelError("kernel.busy", "nft", "Chain is in use", "x");
  assert(error instanceof FairwayError);
  assertEquals([error.code, error.retryable], ["kernel.busy", true]);
  assertEquals(new FairwayError("config.invalid", "x").retryable, false);
  assertEquals(codeOf(new Error("x")), "internal");
  assertEquals(codeOf(new DOMException("x", "AbortError")), "aborted");
  assertEquals(messageOf(new Error("one\n  two")), "one; two");
  assertEquals(messageOf("text"), "text");
});

Deno.test("an issue prints as object, field, problem and mend", () => {
  assertEquals(
    formatIssue({
      object: "Service default/web",
      field: "spec.ports[0].port",
      problem: '"99999" is not a port',
      mend: "give a number from 1 to 65535",
    }),
    'Service default/web spec.ports[0].port: "99999" is not a port; ' +
      "give a number from 1 to 65535",
  );
});

Deno.test("RecordingLogger keeps what was said", () => {
  const log = new RecordingLogger();
  log.warn("a.b", "Something", { count: 1 });
  assertEquals(log.records, [
    { level: "warn", event: "a.b", message: "Something", fields: { count: 1 } },
  ]);
});
