import { assertEquals } from "@std/assert";
import { formatAge } from "../../lib/base/age.ts";

Deno.test.each([
  [-5000, "0s"],
  [0, "0s"],
  [999, "0s"],
  [1000, "1s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [312_000, "5m12s"],
  [3_600_000, "1h"],
  [3_605_000, "1h"],
  [7_380_000, "2h3m"],
  [86_400_000, "1d"],
  [273_600_000, "3d4h"],
  [86_460_000, "1d"],
])("formatAge(%d) is %s", (ms, expected) => {
  assertEquals(formatAge(ms), expected);
});
