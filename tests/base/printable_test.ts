import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { printable } from "../../lib/base/printable.ts";

Deno.test.each([
  ["Service default/web", "Service default/web"],
  ["Größe ☂", "Größe ☂"],
  ["a\u001b[2Jb", "a\\u001b[2Jb"],
  ["a\nb", "a\\u000ab"],
  ["a\u202eb", "a\\u202eb"],
  ["a\u2028b", "a\\u2028b"],
])("printable(%o) is %o", (text, expected) => {
  assertEquals(printable(text), expected);
});

Deno.test("printable() leaves no control character of any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert(!/\p{Cc}/u.test(printable(text)));
  }));
});
