/** Recorded traffic through the codec. The dumps lie beside the checkout, not in it. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { AttributeStore } from "../../lib/bgp/attribute_store.ts";
import { Rib, type RibPeer } from "../../lib/bgp/rib.ts";
import {
  type AttributeSet,
  encodeAttributes,
} from "../../lib/bgp/wire/attribute_set.ts";
import { encodeAnnouncements } from "../../lib/bgp/wire/encode_update.ts";
import { FrameSplitter, MESSAGE } from "../../lib/bgp/wire/frame.ts";
import { decodeUpdate, type Update } from "../../lib/bgp/wire/update.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { fromFileUrl } from "@std/path";
import { readGzip, readMrt } from "./mrt.ts";
import { EXTERNAL } from "./support.ts";

const DIRECTORY = fromFileUrl(
  new URL("../../../shared/data/mrt", import.meta.url),
);

function isThere(): boolean {
  try {
    return Deno.statSync(DIRECTORY).isDirectory;
  } catch {
    return false;
  }
}

const PRESENT = isThere();
if (!PRESENT) {
  console.error(
    `LEFT OUT: the tests with recorded BGP traffic, because ${DIRECTORY} is not there`,
  );
}

interface Counts {
  updates: number;
  announced: number;
  withdrawn: number;
  resets: number;
  treatedAsWithdrawn: number;
}

/** Cheaper than comparing as values, 90,000 times. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

/** Plays a dump, stream of octets and all; hands over each UPDATE. */
async function play(
  name: string,
  take: (update: Update, body: Uint8Array, fourOctetAs: boolean) => void,
): Promise<Counts> {
  const counts: Counts = {
    updates: 0,
    announced: 0,
    withdrawn: 0,
    resets: 0,
    treatedAsWithdrawn: 0,
  };
  const splitter = new FrameSplitter({ extended: true });
  for (
    const { message, fourOctetAs } of readMrt(
      await readGzip(`${DIRECTORY}/${name}`),
    )
  ) {
    splitter.push(message);
    const frame = splitter.next();
    assert(frame?.ok === true, "the recorded message is not whole");
    if (frame.value.type !== MESSAGE.update) continue;
    const { body } = frame.value;
    const context = { ...EXTERNAL, fourOctetAs, allowAsSets: true };
    const result = decodeUpdate(body, context);
    counts.updates++;
    if (result.kind === "reset") {
      counts.resets++;
      continue;
    }
    for (const { prefixes } of result.announced) {
      counts.announced += prefixes.length;
    }
    if (result.verdict === "withdraw") {
      counts.treatedAsWithdrawn += result.withdrawn.length;
    } else counts.withdrawn += result.withdrawn.length;
    take(result, body, fourOctetAs);
  }
  return counts;
}

Deno.test({
  name:
    "a recorded full table: every message, prefix and attribute set is read, held and written again",
  ignore: !PRESENT,
  fn: async () => {
    const store = new AttributeStore();
    const rib = new Rib({
      localAs: 64_999,
      routerId: parseIp("10.0.0.1"),
      store,
      maxPaths: 1,
      judge: () => true,
    });
    const address = parseIp("192.0.2.1");
    const peer: RibPeer = {
      address,
      routerId: address,
      external: true,
      allowOwnAs: 0,
    };
    const sets = new Set<AttributeSet>();
    const nextHops = new Set<string>();
    const counts = await play("updates.et-header.2015.gz", (update) => {
      rib.learn(peer, update);
      if (update.attributes !== undefined) {
        const set = store.intern(update.attributes);
        if (!sets.has(set)) {
          assert(sameBytes(encodeAttributes(set.view), set.bytes));
          sets.add(set);
        }
      }
      for (const { family, nextHop, prefixes } of update.announced) {
        nextHops.add(nextHop);
        if (update.attributes === undefined) continue;
        const attributes = store.intern(update.attributes);
        const [message] = encodeAnnouncements(
          { family, nextHop, attributes, prefixes },
          { fourOctetAs: true, maxLength: 4096 },
        );
        assert(message !== undefined);
        const again = decodeUpdate(message.subarray(19), {
          ...EXTERNAL,
          allowAsSets: true,
        });
        assert(again.kind === "update");
        assert(again.attributes !== undefined);
        assert(sameBytes(again.attributes, update.attributes));
      }
    });
    assertEquals(counts, {
      updates: 89_679,
      announced: 577_733,
      withdrawn: 3,
      resets: 0,
      // AS 0 stands in one path (RFC 7607); 577,737 prefixes in all.
      treatedAsWithdrawn: 4,
    });
    assertEquals(rib.count(address), 577_699);
    // The peer's LOCAL_PREF and next hops aside, sets that differ on the wire differ here.
    assertGreater(sets.size, 88_000);
    assertEquals(nextHops.size > 0, true);
  },
});

const CHURN = [
  ["updates.20160811.1600.gz", {
    updates: 17_216,
    announced: 39_256,
    withdrawn: 1956,
    resets: 0,
    treatedAsWithdrawn: 0,
  }],
  ["updates.20020722.2238.gz", {
    updates: 393,
    announced: 825,
    withdrawn: 2419,
    resets: 0,
    treatedAsWithdrawn: 0,
  }],
  ["updates.long_withdrawal.gz", {
    updates: 1,
    announced: 0,
    withdrawn: 4096,
    resets: 0,
    treatedAsWithdrawn: 0,
  }],
  // Its second prefix is cut short, for which RFC 4271 §6.3 has the session reset.
  ["updates.nlri_mask_trailing_bits.gz", {
    updates: 1,
    announced: 0,
    withdrawn: 0,
    resets: 1,
    treatedAsWithdrawn: 0,
  }],
] as const;

for (const [name, expected] of CHURN) {
  Deno.test({
    name: `recorded traffic is read as it should be: ${name}`,
    ignore: !PRESENT,
    fn: async () => {
      assertEquals(await play(name, () => {}), { ...expected });
    },
  });
}
