import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { FairwayError } from "../../lib/base/errors.ts";
import {
  compareIp,
  familyOf,
  type Ip,
  ipFromBytes,
  ipFromWords,
  ipToBytes,
  ipToWords,
  parseIp,
  tryParseIp,
} from "../../lib/net/ip.ts";

const octets4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Many zero groups, so that compression is met. */
const octets16 = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })),
  { minLength: 8, maxLength: 8 },
).map((groups) =>
  Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
);

Deno.test("tryParseIp() takes an address in its one form", async (t) => {
  for (
    const [text, canonical] of [
      ["0.0.0.0", "0.0.0.0"],
      ["10.0.0.1", "10.0.0.1"],
      ["255.255.255.255", "255.255.255.255"],
      ["::", "::"],
      ["::1", "::1"],
      ["1::", "1::"],
      ["2001:DB8::A", "2001:db8::a"],
      ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
      // RFC 5952 §4.2.2: one zero group is not shortened.
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      // §4.2.3: the longest run, and the first of equal ones.
      ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
      ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
      ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
      ["fe80::1", "fe80::1"],
      ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
      ["::c000:221", "::c000:221"],
    ] as const
  ) {
    await t.step(text, () => {
      assertEquals(tryParseIp(text), canonical as Ip);
      assertEquals(parseIp(canonical), canonical as Ip);
    });
  }
});

Deno.test("tryParseIp() refuses what tools read differently", async (t) => {
  for (
    const text of [
      "",
      "010.1.1.1",
      "10.01.1.1",
      "10.0.0.00",
      "127.1",
      "127.0.1",
      "2130706433",
      "0x7f.1",
      "0x7f000001",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "256.0.0.1",
      "1.2.3.4.5",
      "1.2.3",
      "1.2.3.",
      ".1.2.3",
      "1..2.3",
      " 10.0.0.1",
      "10.0.0.1 ",
      "10.0.0.1\n",
      "+10.0.0.1",
      "-1.0.0.1",
      "10.0.0.1/32",
      "١٠.0.0.1",
      "example",
      "::ffff:10.0.0.1",
      // IPv4-compatible (RFC 4291 §2.5.5.1, deprecated): some tools read it as the mapped form.
      "::10.0.0.1",
      "::ffff:a00:1",
      "::FFFF:0A00:0001",
      "0:0:0:0:0:ffff:10.0.0.1",
      "::ffff:010.0.0.1",
      "::010.0.0.1",
      "fe80::1%eth0",
      "fe80::1%0",
      "%eth0",
      ":",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::",
      ":1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:",
      "12345::",
      "g::",
      "[::1]",
      "::1/128",
      "1:2:3:4:5:6:7:1.2.3.4",
    ]
  ) {
    await t.step(JSON.stringify(text), () => {
      assertEquals(tryParseIp(text), undefined);
    });
  }
});

Deno.test("parseIp() throws an error that quotes the value", () => {
  const error = assertThrows(() => parseIp("010.1.1.1"), FairwayError);
  assertEquals(error.code, "input.invalid");
  assertStringIncludes(error.message, '"010.1.1.1"');
});

Deno.test("addresses, octets and words are one another's inverse", () => {
  fc.assert(fc.property(fc.oneof(octets4, octets16), (octets) => {
    const address = ipFromBytes(octets);
    assertEquals(ipToBytes(address), octets);
    assertEquals(ipFromWords(familyOf(address), ipToWords(address)), address);
    assertEquals(familyOf(address), octets.length === 4 ? 4 : 6);
  }));
});

Deno.test("ipFromBytes() writes as RFC 5952 asks, like an implementation of its own", () => {
  fc.assert(fc.property(octets16, (octets) => {
    const other = new ipaddr.IPv6([...octets]);
    assertEquals<string>(ipFromBytes(octets), other.toRFC5952String());
    if (!other.isIPv4MappedAddress()) {
      assertEquals(tryParseIp(other.toNormalizedString()), ipFromBytes(octets));
    }
  }));
});

Deno.test("ipToWords() fills the array it is given", () => {
  const words = new Uint32Array([9, 9, 9, 9]);
  ipToWords(parseIp("255.0.0.1"), words);
  assertEquals([...words], [0xff000001, 0, 0, 0]);
  ipToWords(parseIp("8000::ffff:1"), words);
  assertEquals([...words], [0x80000000, 0, 0, 0xffff0001]);
});

Deno.test("ipFromBytes() throws on a length that is no address", () => {
  for (const length of [0, 3, 5, 15, 17]) {
    assertThrows(() => ipFromBytes(new Uint8Array(length)), RangeError);
  }
});

Deno.test("compareIp() orders by family, then by value", () => {
  const sorted = [
    "0.0.0.0",
    "9.255.255.255",
    "10.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "2001:db8::",
    "ffff::",
  ].map((text) => parseIp(text));
  assertEquals([...sorted].reverse().sort(compareIp), sorted);
  fc.assert(
    fc.property(fc.oneof(octets4, octets16), octets16, (left, right) => {
      const [a, b] = [ipFromBytes(left), ipFromBytes(right)];
      assertEquals(
        Math.sign(compareIp(a, b)),
        -Math.sign(compareIp(b, a)),
      );
      assertEquals(compareIp(a, b) === 0, a === b);
    }),
  );
});

Deno.test("tryParseIp() yields a canonical address or nothing, whatever the text", () => {
  const nearly = fc.string({
    unit: fc.constantFrom(..."0123456789abcdfx:.:.%/ "),
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), nearly), (text) => {
      const parsed = tryParseIp(text);
      if (parsed === undefined) return;
      assertEquals(tryParseIp(parsed), parsed);
      assertEquals(ipFromBytes(ipToBytes(parsed)), parsed);
      assert(!/\s|%/.test(parsed));
    }),
    { numRuns: 2000 },
  );
});
