import { assertEquals } from "@std/assert";
import {
  asPathLength,
  countAs,
  decodeAsPath,
  encodeAsPath,
  formatAsPath,
  mergeAs4Path,
  neighbourAs,
  prependAs,
  SEGMENT,
} from "../../lib/bgp/wire/as_path.ts";

const sequence = (...asns: number[]) => ({ type: SEGMENT.sequence, asns });
const set = (...asns: number[]) => ({ type: SEGMENT.set, asns });
const confed = (...asns: number[]) => ({ type: SEGMENT.confedSequence, asns });

Deno.test("a path's length counts a set once and confederation segments never", () => {
  const path = [confed(1, 2), sequence(3, 4), set(5, 6, 7)];
  assertEquals(asPathLength(path), 3);
  assertEquals(formatAsPath(path), "(1 2) 3 4 {5 6 7}");
  assertEquals(neighbourAs(path), undefined);
  assertEquals(neighbourAs(path.slice(1)), 3);
  assertEquals(countAs(path, 6), 1);
});

Deno.test.each([
  ["an empty path", [], [sequence(9)]],
  ["a sequence", [sequence(1, 2)], [sequence(9, 1, 2)]],
  ["a set", [set(1)], [sequence(9), set(1)]],
  ["a full sequence", [sequence(...Array(255).fill(1))], [
    sequence(9),
    sequence(...Array(255).fill(1)),
  ]],
])("our AS goes in front of %s", (_name, before, after) => {
  assertEquals(prependAs(before, 9), after);
  const bytes = encodeAsPath(after, 4);
  assertEquals(decodeAsPath(bytes, 4), after);
});

Deno.test.each([
  ["equal lengths", [sequence(23456, 2)], [sequence(70000, 2)], "70000 2"],
  ["a longer path", [sequence(1, 23456)], [sequence(70000)], "1 70000"],
  ["a shorter path", [sequence(1)], [sequence(70000, 2)], "1"],
  ["an empty AS4_PATH", [sequence(1, 2)], [], "1 2"],
  [
    "a set in front",
    [set(1, 2), sequence(23456)],
    [sequence(70000)],
    "{1 2} 70000",
  ],
  [
    "confederation segments in front",
    [confed(64512), sequence(1, 23456)],
    [sequence(70000)],
    "(64512) 1 70000",
  ],
])("AS4_PATH: %s", (_name, path, as4Path, expected) => {
  assertEquals(formatAsPath(mergeAs4Path(path, as4Path)), expected);
});
