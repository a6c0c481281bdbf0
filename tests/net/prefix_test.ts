import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FairwayError } from "../../lib/base/errors.ts";
import { ipFromBytes, ipToBytes, parseIp } from "../../lib/net/ip.ts";
import {
  comparePrefix,
  hostPrefix,
  makePrefix,
  parsePrefix,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixCovers,
  prefixFamily,
  prefixLength,
  tryParsePrefix,
} from "../../lib/net/prefix.ts";

const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
).map(ipFromBytes);
const prefix = fc.tuple(address, fc.nat(128)).map(([ip, length]) =>
  makePrefix(ip, length % (ip.includes(":") ? 129 : 33))
);

/** The first `length` bits, as text: a check that shares no code with what it checks. */
function bits(ip: Parameters<typeof ipToBytes>[0], length: number): string {
  return [...ipToBytes(ip)].map((octet) => octet.toString(2).padStart(8, "0"))
    .join("").slice(0, length);
}

Deno.test("tryParsePrefix() takes a prefix in its one form", async (t) => {
  for (
    const text of [
      "0.0.0.0/0",
      "10.0.0.0/8",
      "10.0.0.1/32",
      "::/0",
      "2001:db8::/32",
      "::1/128",
      "8000::/1",
    ]
  ) {
    await t.step(
      text,
      () => assertEquals(tryParsePrefix(text), text as Prefix),
    );
  }
});

Deno.test("tryParsePrefix() refuses the rest", async (t) => {
  for (
    const text of [
      "",
      "10.0.0.0",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/08",
      "10.0.0.0/+8",
      "10.0.0.0/-1",
      "10.0.0.0/8 ",
      "10.0.0.0/8/8",
      "10.0.0.0/255.0.0.0",
      "10.0/8",
      "010.0.0.0/8",
      "::/129",
      "::/",
      "/8",
      "::ffff:10.0.0.0/104",
      "::ffff:0:0/96",
      "fe80::%eth0/64",
      "2001:db8::/1e1",
    ]
  ) {
    await t.step(JSON.stringify(text), () => {
      assertEquals(tryParsePrefix(text, { mask: true }), undefined);
    });
  }
});

Deno.test("host bits are refused, or cleared on request", () => {
  assertEquals(tryParsePrefix("10.0.0.5/24"), undefined);
  assertEquals(
    tryParsePrefix("10.0.0.5/24", { mask: true }),
    "10.0.0.0/24" as Prefix,
  );
  assertEquals(
    tryParsePrefix("2001:db8::1/33", { mask: true }),
    "2001:db8::/33" as Prefix,
  );
  assertEquals(
    tryParsePrefix("1.2.3.4/0", { mask: true }),
    "0.0.0.0/0" as Prefix,
  );
  const error = assertThrows(() => parsePrefix("10.0.0.5/24"), FairwayError);
  assertEquals(error.code, "input.invalid");
});

Deno.test("makePrefix() clears exactly the bits beyond the length", () => {
  fc.assert(fc.property(address, fc.nat(128), (ip, some) => {
    const width = ip.includes(":") ? 128 : 32;
    const length = some % (width + 1);
    const made = makePrefix(ip, length);
    assertEquals(prefixLength(made), length);
    assertEquals(
      bits(prefixAddress(made), width),
      bits(ip, length).padEnd(width, "0"),
    );
    assertEquals(parsePrefix(made), made);
  }));
  for (const length of [-1, 33, 1.5, Number.NaN]) {
    assertThrows(() => makePrefix(parseIp("10.0.0.1"), length), RangeError);
  }
});

Deno.test("prefixContains() and prefixCovers() compare leading bits, within a family", () => {
  fc.assert(fc.property(prefix, address, fc.nat(128), (outer, ip, cut) => {
    const length = prefixLength(outer);
    const sameFamily = prefixFamily(outer) === (ip.includes(":") ? 6 : 4);
    assertEquals(
      prefixContains(outer, ip),
      sameFamily && bits(ip, length) === bits(prefixAddress(outer), length),
    );
    const inside = makePrefix(
      prefixAddress(outer),
      Math.max(length, cut % (prefixFamily(outer) === 4 ? 33 : 129)),
    );
    assert(prefixContains(outer, prefixAddress(inside)));
    assert(prefixCovers(outer, inside));
    assertEquals(prefixCovers(inside, outer), inside === outer);
  }));
  assert(!prefixContains(parsePrefix("0.0.0.0/0"), parseIp("::1")));
  assert(prefixContains(parsePrefix("::/0"), parseIp("ffff::")));
  assert(!prefixContains(parsePrefix("10.0.0.0/31"), parseIp("10.0.0.2")));
  assert(!prefixContains(parsePrefix("8000::/1"), parseIp("7fff::")));
});

Deno.test("hostPrefix() holds one address", () => {
  assertEquals(hostPrefix(parseIp("10.0.0.1")), "10.0.0.1/32" as Prefix);
  assertEquals(hostPrefix(parseIp("::1")), "::1/128" as Prefix);
});

Deno.test("comparePrefix() orders by family, address, then shorter first", () => {
  const sorted = [
    "0.0.0.0/0",
    "9.0.0.0/8",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.1.0.0/16",
    "::/0",
    "2001:db8::/32",
  ].map((text) => parsePrefix(text));
  assertEquals([...sorted].reverse().sort(comparePrefix), sorted);
});
