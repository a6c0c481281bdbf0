import { assert, assertGreaterOrEqual } from "@std/assert";
import { sleep } from "../../lib/base/clock.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";

Deno.test("SystemClock fires no timer early", async () => {
  const clock = new SystemClock();
  for (const ms of [0, 1, 5, 12.5]) {
    const start = clock.monotonic();
    await sleep(clock, ms);
    assertGreaterOrEqual(clock.monotonic() - start, ms);
  }
});

Deno.test("SystemClock leaves no timer behind when it is cancelled", () => {
  const clock = new SystemClock();
  const cancel = clock.timer(3_600_000, () => {});
  cancel();
  cancel();
});

Deno.test("SystemClock does not fire a timer of weeks at once", async () => {
  const clock = new SystemClock();
  let fired = false;
  const cancel = clock.timer(2 ** 32, () => fired = true);
  await sleep(clock, 5);
  cancel();
  assert(!fired);
});

Deno.test("SystemClock.now() is the wall clock", () => {
  const before = Date.now();
  assertGreaterOrEqual(new SystemClock().now(), before);
});
