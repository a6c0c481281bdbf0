import { assert, assertEquals } from "@std/assert";
import { decodeUpdate, type Update } from "../../lib/bgp/wire/update.ts";
import {
  attribute,
  EXTERNAL,
  hex,
  NEXT_HOP,
  ORDINARY,
  ORIGIN_IGP,
  PATH_65001,
  updateBody,
} from "./support.ts";

const GLOBAL = "20010db8000000000000000000000001";
const LINK_LOCAL = "fe800000000000000000000000000001";
const UNSPECIFIED = "00".repeat(16);
const NLRI = "20 20010db8";

function reach(nextHop: string, nlri = NLRI, header = "000201"): Uint8Array {
  const octets = nextHop.length / 2;
  return attribute(
    0x80,
    14,
    `${header} ${octets.toString(16).padStart(2, "0")} ${nextHop} 00 ${nlri}`,
  );
}

function decode(
  attributes: readonly Uint8Array[],
  families: readonly (4 | 6)[] = [4, 6],
  nlri: readonly string[] = [],
): Update | string {
  const result = decodeUpdate(updateBody({ attributes, nlri }), {
    ...EXTERNAL,
    families,
  });
  return result.kind === "update"
    ? result
    : `${result.fault.code}/${result.fault.subcode}`;
}

/** What is announced and withdrawn, as text. */
function said(update: Update | string): string {
  if (typeof update === "string") return update;
  const announced = update.announced.map(({ nextHop, prefixes }) =>
    `+${prefixes} via ${nextHop}`
  );
  const withdrawn = update.withdrawn.map((prefix) => `-${prefix}`);
  return [...withdrawn, ...announced].join(" ");
}

const ANNOUNCED = "+2001:db8::/32 via 2001:db8::1";

Deno.test.each([
  ["a global next hop", reach(GLOBAL), ANNOUNCED],
  ["global and link-local", reach(GLOBAL + LINK_LOCAL), ANNOUNCED],
  [
    "unspecified and link-local",
    reach(UNSPECIFIED + LINK_LOCAL),
    "+2001:db8::/32 via fe80::1",
  ],
  ["link-local alone", reach(LINK_LOCAL), "+2001:db8::/32 via fe80::1"],
  ["unspecified alone", reach(UNSPECIFIED), "-2001:db8::/32"],
  ["loopback", reach("00".repeat(15) + "01"), "-2001:db8::/32"],
  ["IPv4-mapped", reach("00".repeat(10) + "ffffc0000201"), "-2001:db8::/32"],
  ["multicast", reach(`ff02${"00".repeat(14)}`), "-2001:db8::/32"],
  ["a next hop of 9 octets", reach("00".repeat(9)), "3/9"],
  ["a next hop of 64 octets", reach("00".repeat(64)), "3/9"],
  ["a next hop cut short", attribute(0x80, 14, "000201 10 2001"), "3/9"],
  ["4 octets in all", attribute(0x80, 14, "00020100"), "3/9"],
  ["129 bits", reach(GLOBAL, `81${"00".repeat(17)}`), "3/10"],
  ["a prefix cut short", reach(GLOBAL, "40 20010db8"), "3/10"],
  ["the default route", reach(GLOBAL, "00"), "+::/0 via 2001:db8::1"],
  ["flagged transitive", attribute(0xc0, 14, "000201"), "3/4"],
  [
    "a reserved octet that is not 0",
    attribute(0x80, 14, `000201 10 ${GLOBAL} 07 ${NLRI}`),
    ANNOUNCED,
  ],
  [
    "IPv4 unicast",
    reach("c0000201", "18 c63364", "000101"),
    "+198.51.100.0/24 via 192.0.2.1",
  ],
  [
    "IPv4 with an IPv6 next hop, not agreed",
    reach(GLOBAL, "18 c63364", "000101"),
    "3/9",
  ],
  ["another SAFI", reach(GLOBAL, NLRI, "000280"), ""],
  ["another AFI", reach("0000", "", "001901"), ""],
  ["a multicast prefix", reach(GLOBAL, "10 ff02"), "-ff02::/16"],
])("MP_REACH_NLRI: %s", (_name, mp, expected) => {
  assertEquals(said(decode([ORIGIN_IGP, PATH_65001, mp])), expected);
});

Deno.test.each([
  ["an IPv6 prefix", "000201 20 20010db8", "-2001:db8::/32"],
  ["an IPv4 prefix", "000101 18 c63364", "-198.51.100.0/24"],
  ["2 octets in all", "0002", "3/9"],
  ["129 bits", `000201 81 ${"00".repeat(17)}`, "3/10"],
  ["another SAFI", "000280 2001", ""],
])("MP_UNREACH_NLRI: %s", (_name, value, expected) => {
  assertEquals(said(decode([attribute(0x80, 15, value)])), expected);
});

Deno.test("a family that was not agreed is left out", () => {
  const attributes = [ORIGIN_IGP, PATH_65001, reach(GLOBAL)];
  assertEquals(said(decode(attributes, [4])), "");
  const unreach = attribute(0x80, 15, "000201 20 20010db8");
  assertEquals(said(decode([unreach], [4])), "");
});

Deno.test("twice the same MP attribute ends the session", () => {
  const unreach = attribute(0x80, 15, "000201 20 20010db8");
  assertEquals(decode([unreach, unreach]), "3/1");
  assertEquals(
    decode([ORIGIN_IGP, PATH_65001, reach(GLOBAL), reach(GLOBAL)]),
    "3/1",
  );
});

Deno.test("NEXT_HOP beside MP_REACH_NLRI alone is not looked at", () => {
  const bad = attribute(0x40, 3, "c0");
  assertEquals(
    said(decode([ORIGIN_IGP, PATH_65001, bad, reach(GLOBAL)])),
    ANNOUNCED,
  );
});

Deno.test("both families in one message, in any order", () => {
  const expected = `+198.51.100.0/24 via 192.0.2.1 ${ANNOUNCED}`;
  const mp = reach(GLOBAL);
  assertEquals(
    said(decode([...ORDINARY, mp], [4, 6], ["198.51.100.0/24"])),
    expected,
  );
  assertEquals(
    said(
      decode([mp, ORIGIN_IGP, PATH_65001, NEXT_HOP], [4, 6], [
        "198.51.100.0/24",
      ]),
    ),
    expected,
  );
});

Deno.test("an attribute error withdraws the routes of both families", () => {
  const update = decode(
    [...ORDINARY.slice(1), attribute(0x40, 1, "03"), reach(GLOBAL)],
    [4, 6],
    ["198.51.100.0/24"],
  );
  assertEquals(said(update), "-198.51.100.0/24 -2001:db8::/32");
});

Deno.test.each([
  ["classic", hex("00000000"), 4],
  ["IPv6", hex("0000 0006 800f03 000201"), 6],
  ["IPv6, extended length", hex("0000 0007 900f0003 000201"), 6],
  ["IPv4 in MP form", hex("0000 0006 800f03 000101"), 4],
  ["a family we do not hold", hex("0000 0006 800f03 000280"), undefined],
  ["a withdrawal", hex("0000 0008 800f05 000201 08 20"), undefined],
])("End-of-RIB: %s", (_name, body, expected) => {
  const update = decodeUpdate(body, EXTERNAL);
  assert(update.kind === "update");
  assertEquals(update.endOfRib, expected);
});
