import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { disjoint, subtract } from "../../lib/net/interval.ts";
import { type Ip, parseIp } from "../../lib/net/ip.ts";
import {
  makePrefix,
  parsePrefix,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixCovers,
  prefixLength,
} from "../../lib/net/prefix.ts";

function block(cidr: string, ...except: string[]): {
  cidr: Prefix;
  except: Prefix[];
} {
  return {
    cidr: parsePrefix(cidr),
    except: except.map((each) => parsePrefix(each)),
  };
}

Deno.test("interval: nested, equal and adjacent prefixes become one", () => {
  assertEquals(
    disjoint([
      "10.1.0.0/16",
      "10.0.0.0/8",
      "10.0.0.0/8",
      "11.0.0.0/8",
      "2001:db8:8000::/33",
      "2001:db8::/33",
      "::1/128",
    ].map((each) => parsePrefix(each))),
    ["10.0.0.0/7", "::1/128", "2001:db8::/32"] as Prefix[],
  );
});

Deno.test("interval: everything, and everything but one address", () => {
  assertEquals(subtract([block("0.0.0.0/0"), block("::/0")]), [
    "0.0.0.0/0",
    "::/0",
  ] as Prefix[]);
  const rest = subtract([block("::/0", "::5/128")]);
  assertEquals(rest.length, 128);
  assert(!rest.some((each) => prefixContains(each, parseIp("::5"))));
});

Deno.test("interval: an exception takes from its own block only, and may overlap others", () => {
  assertEquals(
    subtract([
      block("10.0.0.0/24", "10.0.0.0/25", "10.0.0.64/26", "192.0.2.0/24"),
      block("10.0.0.8/30"),
    ]),
    ["10.0.0.8/30", "10.0.0.128/25"] as Prefix[],
  );
  assertEquals(subtract([block("10.0.0.0/24", "10.0.0.0/8")]), []);
});

Deno.test("interval: ten thousand prefixes take no noticeable time", () => {
  const many = Array.from(
    { length: 10_000 },
    (_, i) => parsePrefix(`10.${i >> 8}.${i & 255}.0/25`),
  );
  assertEquals(disjoint(many).length, 10_000);
});

Deno.test("interval: membership is that of the blocks, for any blocks", () => {
  const prefix = fc.tuple(fc.nat(255), fc.integer({ min: 22, max: 32 })).map(
    ([low, length]) => makePrefix(parseIp(`10.0.${low & 3}.${low}`), length),
  );
  const blocks = fc.array(
    fc.record({ cidr: prefix, except: fc.array(prefix, { maxLength: 3 }) }),
    { maxLength: 4 },
  );
  const address = fc.tuple(fc.nat(3), fc.nat(255)).map(([a, b]): Ip =>
    parseIp(`10.0.${a}.${b}`)
  );
  fc.assert(
    fc.property(
      blocks,
      fc.array(address, { minLength: 20, maxLength: 20 }),
      (some, addresses) => {
        const parts = subtract(some);
        for (const ip of addresses) {
          const wanted = some.some((each) =>
            prefixContains(each.cidr, ip) &&
            !each.except.some((hole) => prefixContains(hole, ip))
          );
          assertEquals(
            parts.filter((part) => prefixContains(part, ip)).length,
            wanted ? 1 : 0,
          );
        }
        for (const [i, part] of parts.entries()) {
          assert(
            !parts.some((other, j) => i !== j && prefixCovers(part, other)),
          );
        }
      },
    ),
  );
});

Deno.test("interval: no two parts could be one", () => {
  const prefix = fc.tuple(fc.nat(63), fc.integer({ min: 26, max: 32 })).map(
    ([low, length]) => makePrefix(parseIp(`10.0.0.${low}`), length),
  );
  const blocks = fc.array(
    fc.record({ cidr: prefix, except: fc.array(prefix, { maxLength: 2 }) }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(blocks, (some) => {
      const parts = subtract(some);
      const parents = parts.map((part) =>
        makePrefix(prefixAddress(part), prefixLength(part) - 1)
      );
      // Two disjoint halves of one parent are all of it.
      const halves = parts.map((part, i) =>
        `${parents[i]} ${prefixLength(part)}`
      );
      assertEquals(new Set(halves).size, parts.length);
    }),
  );
});
