import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  encodeMessage,
  type Frame,
  FrameSplitter,
  KEEPALIVE,
  MESSAGE,
} from "../../lib/bgp/wire/frame.ts";
import { concatBytes } from "../../lib/bgp/wire/attribute_set.ts";
import { hex } from "./support.ts";

/** A message with a length field and type of its own. */
function message(length: number, type: number, octets = length): Uint8Array {
  const bytes = new Uint8Array(Math.max(19, octets));
  bytes.fill(255, 0, 16);
  bytes[16] = length >> 8;
  bytes[17] = length & 255;
  bytes[18] = type;
  return bytes;
}

Deno.test.each([
  ["all ones", KEEPALIVE, undefined],
  ["a marker octet of 0", hex(`00${"ff".repeat(15)}001304`), "1/1 "],
  ["length 18", message(18, 4), "1/2 0012"],
  ["length 4097", message(4097, 2), "1/2 1001"],
  ["length 0", message(0, 4), "1/2 0000"],
  ["an OPEN of 28 octets", message(28, 1), "1/2 001c"],
  ["an UPDATE of 22 octets", message(22, 2), "1/2 0016"],
  ["a NOTIFICATION of 20 octets", message(20, 3), "1/2 0014"],
  ["a KEEPALIVE of 20 octets", message(20, 4), "1/2 0014"],
  ["a ROUTE-REFRESH of 22 octets", message(22, 5), "1/2 0016"],
  ["type 0", message(19, 0), "1/3 00"],
  ["type 9", message(19, 9), "1/3 09"],
])("header: %s", (_name, bytes, expected) => {
  const splitter = new FrameSplitter();
  splitter.push(bytes);
  const result = splitter.next();
  assert(result !== undefined);
  const said = result.ok
    ? undefined
    : `${result.fault.code}/${result.fault.subcode} ${result.fault.data.toHex()}`;
  assertEquals(said, expected);
  if (!result.ok) assertEquals(splitter.next(), result);
});

Deno.test("long messages pass only where RFC 8654 was advertised, and OPEN and KEEPALIVE never are long", () => {
  const long = message(5000, MESSAGE.update);
  const take = (bytes: Uint8Array, extended: boolean): boolean => {
    const splitter = new FrameSplitter({ extended });
    splitter.push(bytes);
    return splitter.next()?.ok === true;
  };
  assertEquals(take(long, true), true);
  assertEquals(take(long, false), false);
  assertEquals(take(message(65535, MESSAGE.update), true), true);
  assertEquals(take(message(5000, MESSAGE.open), true), false);
  assertEquals(take(message(5000, MESSAGE.keepalive), true), false);
});

Deno.test("the same messages come out wherever the stream is cut", () => {
  const body = fc.uint8Array({ minLength: 4, maxLength: 4077 });
  fc.assert(
    fc.property(
      fc.array(body, { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = concatBytes(
          bodies.map((one) => encodeMessage(MESSAGE.update, one)),
        );
        const splitter = new FrameSplitter();
        const seen: Uint8Array[] = [];
        let at = 0;
        for (let i = 0; at < stream.length; i++) {
          const end = at + (cuts[i % cuts.length] ?? 1);
          splitter.push(stream.subarray(at, end));
          at = end;
          for (let next = splitter.next(); next; next = splitter.next()) {
            assert(next.ok);
            const frame: Frame = next.value;
            seen.push(frame.body.slice());
          }
        }
        assertEquals(seen, bodies);
        assertEquals(splitter.pendingBytes, 0);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("a message cut at every offset arrives whole", () => {
  const stream = encodeMessage(MESSAGE.update, hex("00000000"));
  for (let cut = 0; cut <= stream.length; cut++) {
    const splitter = new FrameSplitter();
    splitter.push(stream.subarray(0, cut));
    assertEquals(splitter.next() !== undefined, cut === stream.length);
    splitter.push(stream.subarray(cut));
    if (cut < stream.length) assertEquals(splitter.next()?.ok, true);
  }
});

Deno.test("any octets come to messages or to one fault, never to an exception", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
    const splitter = new FrameSplitter();
    splitter.push(bytes);
    for (let i = 0; i < 300; i++) {
      const next = splitter.next();
      if (next === undefined || !next.ok) break;
    }
  }));
});
