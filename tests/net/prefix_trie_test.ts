import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Ip, ipFromBytes, parseIp } from "../../lib/net/ip.ts";
import {
  comparePrefix,
  hostPrefix,
  makePrefix,
  parsePrefix,
  type Prefix,
  prefixContains,
  prefixCovers,
  prefixLength,
} from "../../lib/net/prefix.ts";
import { PrefixTrie } from "../../lib/net/prefix_trie.ts";

/** Addresses that share long beginnings, so that forks and splices are met. */
const address = fc.oneof(
  fc.tuple(
    fc.constantFrom(10, 10, 138),
    fc.nat(3),
    fc.constant(0),
    fc.nat(255),
  ).map((octets) => ipFromBytes(Uint8Array.from(octets))),
  fc.array(fc.constantFrom(0, 0, 1, 0x80, 0xff), {
    minLength: 16,
    maxLength: 16,
  }).map((octets) => ipFromBytes(Uint8Array.from(octets))),
);
const prefix = fc.tuple(address, fc.nat(128)).map(([ip, length]) =>
  makePrefix(ip, length % (ip.includes(":") ? 129 : 33))
);
const operation = fc.record({
  prefix,
  value: fc.option(fc.nat(9), { nil: undefined }),
});

/** The naive table that the trie must agree with. */
class List {
  readonly all = new Map<Prefix, number>();

  sorted(keep: (prefix: Prefix) => boolean): [Prefix, number][] {
    return [...this.all].filter(([each]) => keep(each))
      .sort(([a], [b]) => comparePrefix(a, b));
  }

  lookup(ip: Ip): [Prefix, number] | undefined {
    return this.sorted((each) => prefixContains(each, ip))
      .sort(([a], [b]) => prefixLength(a) - prefixLength(b)).at(-1);
  }
}

function pairs(
  entries: Iterable<{ prefix: Prefix; value: number }>,
): [Prefix, number][] {
  return [...entries].map(({ prefix, value }) => [prefix, value]);
}

Deno.test("PrefixTrie agrees with a list after any changes", () => {
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60 }),
      fc.array(address, { minLength: 10, maxLength: 10 }),
      fc.array(prefix, { minLength: 5, maxLength: 5 }),
      (operations, addresses, asked) => {
        const trie = new PrefixTrie<number>();
        const list = new List();
        for (const { prefix, value } of operations) {
          if (value === undefined) {
            assertEquals(trie.delete(prefix), list.all.delete(prefix));
          } else {
            trie.set(prefix, value);
            list.all.set(prefix, value);
          }
          assertEquals(trie.size, list.all.size);
        }
        assertEquals(pairs(trie.entries()), list.sorted(() => true));
        for (const ip of addresses) {
          const found = trie.lookup(ip);
          assertEquals(
            found && [found.prefix, found.value],
            list.lookup(ip),
          );
        }
        const known = operations.slice(0, 5).map((each) => each.prefix);
        for (const each of [...asked, ...known]) {
          assertEquals(trie.get(each), list.all.get(each));
          assertEquals(
            pairs(trie.covering(each)),
            list.sorted((other) => prefixCovers(other, each))
              .sort(([a], [b]) => prefixLength(a) - prefixLength(b)),
          );
          assertEquals(
            pairs(trie.covered(each)),
            list.sorted((other) => prefixCovers(each, other)),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("PrefixTrie keeps the default routes of both families apart", () => {
  const trie = new PrefixTrie<string>();
  trie.set(parsePrefix("0.0.0.0/0"), "four");
  assertEquals(trie.lookup(parseIp("::1")), undefined);
  trie.set(parsePrefix("::/0"), "six");
  assertEquals(trie.lookup(parseIp("10.0.0.1"))?.value, "four");
  assertEquals(trie.lookup(parseIp("ffff::"))?.value, "six");
  assert(trie.delete(parsePrefix("::/0")));
  assert(!trie.delete(parsePrefix("::/0")));
  assertEquals(trie.size, 1);
});

Deno.test("PrefixTrie uses rows again: coming and going does not grow it", () => {
  const trie = new PrefixTrie<number>();
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 200; i++) {
      trie.set(hostPrefix(parseIp(`10.0.${i % 7}.${i}`)), round);
    }
    assertEquals(trie.size, 200);
    for (let i = 0; i < 200; i++) {
      assert(trie.delete(hostPrefix(parseIp(`10.0.${i % 7}.${i}`))));
    }
    assertEquals(trie.size, 0);
    assertEquals([...trie.entries()], []);
  }
});

Deno.test("PrefixTrie can hold undefined as a value", () => {
  const trie = new PrefixTrie<undefined>();
  trie.set(parsePrefix("10.0.0.0/8"), undefined);
  assertEquals(trie.size, 1);
  assertEquals(trie.lookup(parseIp("10.1.1.1")), {
    prefix: parsePrefix("10.0.0.0/8"),
    value: undefined,
  });
});
