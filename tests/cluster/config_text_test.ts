import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  formatDuration,
  parseDuration,
} from "../../lib/cluster/config/duration.ts";
import { editDistance, nearest } from "../../lib/cluster/config/nearest.ts";
import { renderSettingsReference } from "../../lib/cluster/config/reference.ts";
import { variableOf } from "../../lib/cluster/config/setting.ts";
import { SETTINGS } from "../../lib/cluster/config/settings.ts";

Deno.test("durations are read as Go reads them", async (t) => {
  for (
    const [text, ms] of [
      ["0", 0],
      ["+0", 0],
      ["0s", 0],
      ["90s", 90_000],
      ["1m30s", 90_000],
      ["1h2m3.5s", 3_723_500],
      ["500ms", 500],
      [".5s", 500],
      ["1.s", 1000],
      ["+5s", 5000],
      ["1us", 0.001],
      ["1µs", 0.001],
      ["1000000ns", 1],
      ["", undefined],
      ["+", undefined],
      ["90", undefined],
      ["s", undefined],
      ["-5s", undefined],
      ["5 s", undefined],
      ["5S", undefined],
      ["1d", undefined],
      ["1e3s", undefined],
      ["5s!", undefined],
    ] as [string, number | undefined][]
  ) {
    await t.step(
      JSON.stringify(text),
      () => assertEquals(parseDuration(text), ms),
    );
  }
});

Deno.test("parsing a formatted duration gives it back", () => {
  fc.assert(fc.property(fc.nat(1_000_000_000), (ms) => {
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("nearest() finds what was meant, and does not guess wildly", () => {
  const names = SETTINGS.map((each) => each.name);
  assertEquals(editDistance("abcd", "abdc"), 1);
  assertEquals(editDistance("", "abc"), 3);
  assertEquals(nearest("bgp-prot", names), "bgp-port");
  assertEquals(nearest("enablecni", names), "enable-cni");
  assertEquals(
    nearest("nodeport-bind-on-all-ip", names),
    "nodeport-bindon-all-ip",
  );
  assertEquals(nearest("frobnicate", names), undefined);
  for (const name of names) assertEquals(nearest(name, names), name);
});

Deno.test("the reference has a row for every setting", () => {
  const reference = renderSettingsReference();
  for (const { name, description } of SETTINGS) {
    const rows = reference.split("\n").filter((line) =>
      line.includes(`\`${variableOf(name)}\``)
    );
    assertEquals([name, rows.length], [name, 1]);
    assertStringIncludes(rows[0] ?? "", description);
    assertEquals((rows[0] ?? "").split(/(?<!\\)\|/).length, 7);
  }
});
