/**
 * One odd message a session, then a good one: what the speaker makes of it, and
 * what it tells another peer. The rows are the differential probe that BGP
 * daemons are compared with; the expectation is what the RFCs say.
 */

import { assert, assertEquals } from "@std/assert";
import { concatBytes } from "../../lib/bgp/wire/attribute_set.ts";
import { encodeMessage, KEEPALIVE, MESSAGE } from "../../lib/bgp/wire/frame.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import {
  attribute,
  hex,
  NEXT_HOP,
  ORDINARY,
  ORIGIN_IGP,
  PATH_65001,
  updateBody,
} from "../bgp/support.ts";
import { openBody, ScriptPeer } from "./script_peer.ts";
import { testSpeaker, until } from "./support.ts";

const PROBE = parsePrefix("20.45.254.0/24");
const SENTINEL = parsePrefix("203.0.113.0/24");
const LOCAL_AS = 65_000;

/** What came of it: `A` accepted, `W` not there, `R c/s data` for a NOTIFICATION. */
type Expected = string;

interface Probe {
  readonly message: Uint8Array;
  readonly expected: Expected;
  /** The attribute that the other peer must, or must not, see: `200 e0`, `no 5`. */
  readonly passedOn?: string;
  /** Where the route lands when not at the probe's prefix. */
  readonly prefix?: string;
}

function update(body: Uint8Array): Uint8Array {
  return encodeMessage(MESSAGE.update, body);
}

/** An UPDATE with some attributes replaced or added. */
function changed(...attributes: readonly Uint8Array[]): Uint8Array {
  const types = new Set(attributes.map((bytes) => bytes[1]));
  const kept = ORDINARY.filter((bytes) => !types.has(bytes[1]));
  return update(
    updateBody({ attributes: [...kept, ...attributes], nlri: [PROBE] }),
  );
}

/** An UPDATE with exactly these attributes. */
function only(...attributes: readonly Uint8Array[]): Uint8Array {
  return update(updateBody({ attributes, nlri: [PROBE] }));
}

/** An UPDATE whose NLRI are octets. */
function nlri(octets: string): Uint8Array {
  return update(
    concatBytes([updateBody({ attributes: ORDINARY }), hex(octets)]),
  );
}

/** A header of one's own. */
function header(
  length: number,
  type: number,
  octets = Math.max(19, length),
): Uint8Array {
  const bytes = new Uint8Array(octets).fill(0);
  bytes.fill(255, 0, 16);
  bytes.set([length >> 8, length & 255, type], 16);
  return bytes;
}

const badMarker = KEEPALIVE.slice();
badMarker[3] = 0;

const W = "W";
const A = "A";
const unreach6 = attribute(0x80, 15, "000201 20 20010db8");

const PROBES: Readonly<Record<string, Probe>> = {
  "baseline": { message: changed(), expected: A },
  "origin-value-3": { message: changed(attribute(0x40, 1, "03")), expected: W },
  "origin-len-2": { message: changed(attribute(0x40, 1, "0000")), expected: W },
  "origin-flag-optional": {
    message: changed(attribute(0xc0, 1, "00")),
    expected: W,
  },
  "origin-flag-partial": {
    message: changed(attribute(0x60, 1, "00")),
    expected: A,
    passedOn: "1 40",
  },
  "flag-low-bits-set": {
    message: changed(attribute(0x4f, 1, "00")),
    expected: A,
    passedOn: "1 40",
  },
  "missing-origin": { message: only(PATH_65001, NEXT_HOP), expected: W },
  "missing-nexthop": { message: only(ORIGIN_IGP, PATH_65001), expected: W },
  "aspath-seg-type-5": {
    message: changed(attribute(0x40, 2, "0501 0000fde9")),
    expected: W,
  },
  "aspath-seg-len-0": {
    message: changed(attribute(0x40, 2, "0200")),
    expected: W,
  },
  "aspath-overrun": {
    message: changed(attribute(0x40, 2, "0205 0000fde9")),
    expected: W,
  },
  "aspath-as0": {
    message: changed(attribute(0x40, 2, "0202 0000fde9 00000000")),
    expected: W,
  },
  "aspath-confed-from-ebgp": {
    message: changed(attribute(0x40, 2, "0301 0000fde9")),
    expected: W,
  },
  "aspath-as-set": {
    message: changed(attribute(0x40, 2, "0201 0000fde9 0101 0000fde8")),
    expected: W,
  },
  "own-as-loop": {
    message: changed(attribute(0x40, 2, "0202 0000fde9 0000fde8")),
    expected: W,
  },
  "first-as-mismatch": {
    message: changed(attribute(0x40, 2, "0201 00000007")),
    expected: A,
  },
  "empty-aspath-ebgp": {
    message: changed(attribute(0x40, 2, "")),
    expected: A,
  },
  "nexthop-len-3": {
    message: changed(attribute(0x40, 3, "c00002")),
    expected: W,
  },
  "nexthop-0.0.0.0": {
    message: changed(attribute(0x40, 3, "00000000")),
    expected: W,
  },
  "nexthop-self-of-dut": {
    message: changed(attribute(0x40, 3, "7f000001")),
    expected: W,
  },
  "med-len-3": { message: changed(attribute(0x80, 4, "000001")), expected: W },
  "localpref-from-ebgp": {
    message: changed(attribute(0x40, 5, "0000012c")),
    expected: A,
    passedOn: "no 5",
  },
  "localpref-len-3-ebgp": {
    message: changed(attribute(0x40, 5, "00012c")),
    expected: A,
    passedOn: "no 5",
  },
  "atomic-len-1": {
    message: changed(attribute(0x40, 6, "00")),
    expected: A,
    passedOn: "no 6",
  },
  "aggregator-len-5": {
    message: changed(attribute(0xc0, 7, "0000fde9c0")),
    expected: A,
    passedOn: "no 7",
  },
  "community-len-5": {
    message: changed(attribute(0xc0, 8, "fde9000100")),
    expected: W,
  },
  "community-len-0": { message: changed(attribute(0xc0, 8, "")), expected: W },
  "originator-from-ebgp": {
    message: changed(attribute(0x80, 9, "0a000001")),
    expected: A,
    passedOn: "no 9",
  },
  "extcomm-len-9": {
    message: changed(attribute(0xc0, 16, "00".repeat(9))),
    expected: W,
  },
  "as4path-from-new": {
    message: changed(attribute(0xc0, 17, "0201 0000fde9")),
    expected: A,
    passedOn: "no 17",
  },
  "as4path-bad-seg": {
    message: changed(attribute(0xc0, 17, "0001 0000fde9")),
    expected: A,
    passedOn: "no 17",
  },
  "largecomm-len-13": {
    message: changed(attribute(0xc0, 32, "00".repeat(13))),
    expected: W,
  },
  "otc-len-3": { message: changed(attribute(0xc0, 35, "00fde9")), expected: W },
  "dup-med": {
    message: changed(
      attribute(0x80, 4, "00000001"),
      attribute(0x80, 4, "00000002"),
    ),
    expected: A,
  },
  "dup-mp-unreach": { message: changed(unreach6, unreach6), expected: "R 3/1" },
  "unknown-opt-trans": {
    message: changed(attribute(0xc0, 200, "abcd")),
    expected: A,
    passedOn: "200 e0",
  },
  "unknown-opt-trans-extlen": {
    message: changed(hex("d0 c9 0002 abcd")),
    expected: A,
    passedOn: "201 e0",
  },
  "unknown-opt-nontrans": {
    message: changed(attribute(0x80, 202, "abcd")),
    expected: A,
    passedOn: "no 202",
  },
  "unknown-wellknown": {
    message: changed(attribute(0x40, 203, "abcd")),
    expected: "R 3/2 40cb02abcd",
  },
  "attr-hdr-2-trailing": {
    message: update(
      updateBody({ attributes: ORDINARY, trailing: "4001", nlri: [PROBE] }),
    ),
    expected: W,
  },
  "attr-len-overrun": {
    message: update(
      updateBody({
        attributes: ORDINARY,
        trailing: "8004ff 00000001",
        nlri: [PROBE],
      }),
    ),
    expected: W,
  },
  "nlri-plen-33": { message: nlri("21 142dfe0000"), expected: "R 3/10" },
  "nlri-truncated": { message: nlri("18 142d"), expected: "R 3/10" },
  "nlri-host-bits": {
    message: nlri("17 142dff"),
    expected: A,
    prefix: "20.45.254.0/23",
  },
  "withdrawn-len-overrun": {
    message: update(hex("0005 0000")),
    expected: "R 3/1",
  },
  "total-attr-len-overrun": {
    message: update(hex("0000 0005 4001")),
    expected: "R 3/1",
  },
  "withdraw-unknown-prefix": {
    message: concatBytes([
      update(updateBody({ withdrawn: ["198.51.100.0/24"] })),
      changed(),
    ]),
    expected: A,
  },
  "mp-reach-nh-len-9": {
    message: changed(
      attribute(0x80, 14, `000201 09 ${"00".repeat(9)} 00 20 20010db8`),
    ),
    expected: "R 3/9 800e13000201090000000000000000000020" + "20010db8",
  },
  "mp-unreach-afi-not-negotiated": { message: changed(unreach6), expected: A },
  "multicast-prefix": {
    message: nlri("18 e00001"),
    expected: W,
    prefix: "224.0.1.0/24",
  },
  "bad-marker": { message: badMarker, expected: "R 1/1" },
  "len-18": { message: header(18, 4), expected: "R 1/2 0012" },
  "keepalive-len-20": { message: header(20, 4), expected: "R 1/2 0014" },
  "type-9": { message: header(19, 9), expected: "R 1/3 09" },
  "len-4097": { message: header(4097, 2), expected: "R 1/2 1001" },
  "second-open": {
    message: encodeMessage(MESSAGE.open, openBody()),
    expected: "R 5/3",
  },
  "rr-subtype-9": {
    message: concatBytes([encodeMessage(5, hex("0001 09 01")), changed()]),
    expected: A,
  },
  "rr-unknown-af": {
    message: concatBytes([encodeMessage(5, hex("4004 00 47")), changed()]),
    expected: A,
  },
  "eor-then-update": {
    message: concatBytes([update(hex("00000000")), changed()]),
    expected: A,
  },
};

const sentinel = update(updateBody({ attributes: ORDINARY, nlri: [SENTINEL] }));

for (const [name, probe] of Object.entries(PROBES)) {
  Deno.test(`probe ${name}: ${probe.expected}`, async () => {
    using source = new ScriptPeer("127.0.0.1");
    using sink = new ScriptPeer("127.0.0.2");
    const speaker = testSpeaker("127.0.0.1", LOCAL_AS, {
      listen: [],
      routerId: source.address,
    });
    speaker.setAnnouncements([]);
    const families = [4] as const;
    speaker.setPeers([
      {
        address: source.address,
        port: source.port,
        remoteAs: 65_002,
        families,
      },
      {
        address: sink.address,
        port: sink.port,
        remoteAs: 65_003,
        families,
        advertise: "all",
      },
    ]);
    using from = await source.accept();
    using to = await sink.accept();
    const sides = { remoteAs: LOCAL_AS, families };
    await from.handshake({ ...sides, localAs: 65_002 });
    await to.handshake({ ...sides, localAs: 65_003 });
    await until(
      "both sessions",
      () => speaker.peers().every(({ state }) => state === "established"),
    );

    await from.send(probe.message, sentinel);
    const { expected, passedOn, prefix = PROBE } = probe;
    if (expected.startsWith("R")) {
      assertEquals(`R ${await from.farewell()}`, expected);
    } else {
      // The sink hears the probe's route, if at all, before or with the sentinel.
      const seen = new Map<string, Uint8Array>();
      while (!seen.has(SENTINEL)) {
        const body = await to.say(MESSAGE.update);
        for (const [announced, attributes] of read(body)) {
          seen.set(announced, attributes);
        }
      }
      assertEquals(seen.has(prefix) ? A : W, expected);
      if (passedOn !== undefined) {
        checkPassedOn(seen.get(prefix), passedOn);
      }
    }
    const stopped = speaker.stop();
    from[Symbol.dispose]();
    to[Symbol.dispose]();
    await stopped;
  });
}

Deno.test("there are as many probes as the comparison has", () => {
  assertEquals(Object.keys(PROBES).length, 59);
});

/** Prefixes of a classic UPDATE with its attribute block; written again here, so that codec and test do not share a mistake. */
function read(body: Uint8Array): [string, Uint8Array][] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const withdrawn = view.getUint16(0);
  const length = view.getUint16(2 + withdrawn);
  const start = 4 + withdrawn;
  const attributes = body.subarray(start, start + length);
  const found: [string, Uint8Array][] = [];
  for (let at = start + length; at < body.length;) {
    const bits = body[at++] ?? 0;
    const octets = Math.ceil(bits / 8);
    const address = [0, 1, 2, 3].map((i) => i < octets ? body[at + i] : 0);
    found.push([`${address.join(".")}/${bits}`, attributes]);
    at += octets;
  }
  return found;
}

function checkPassedOn(
  attributes: Uint8Array | undefined,
  expected: string,
): void {
  assert(attributes !== undefined, "the route was not passed on");
  const flags = new Map<number, string>();
  for (let at = 0; at < attributes.length;) {
    const flag = attributes[at] ?? 0;
    const long = (flag & 0x10) !== 0;
    const length = long
      ? (attributes[at + 2] ?? 0) * 256 + (attributes[at + 3] ?? 0)
      : attributes[at + 2] ?? 0;
    flags.set(attributes[at + 1] ?? 0, flag.toString(16));
    at += (long ? 4 : 3) + length;
  }
  const [first = "", second = ""] = expected.split(" ");
  if (first === "no") assertEquals(flags.get(Number(second)), undefined);
  else assertEquals(flags.get(Number(first)), second);
}
