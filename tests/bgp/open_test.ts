import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { negotiate, type SessionConfig } from "../../lib/bgp/negotiate.ts";
import { localOpen } from "../../lib/bgp/negotiate.ts";
import {
  decodeOpen,
  encodeOpenBody,
  type OpenMessage,
} from "../../lib/bgp/wire/open.ts";
import { unicastFamilies } from "../../lib/bgp/wire/capabilities.ts";
import { type Family, parseIp } from "../../lib/net/ip.ts";
import { hex } from "./support.ts";

/** The body of an OPEN with optional parameters as given. */
function open(
  parameters = "",
  fields: { version?: string; as?: string; hold?: string; id?: string } = {},
): Uint8Array {
  const { version = "04", as = "fde9", hold = "005a", id = "0a000001" } =
    fields;
  const octets = hex(parameters).length.toString(16).padStart(2, "0");
  return hex(`${version}${as}${hold}${id}${octets}${parameters}`);
}

/** `2/3 data` for a refusal, or what was read. */
function read(body: Uint8Array): string {
  const result = decodeOpen(body);
  if (!result.ok) {
    const { code, subcode, data } = result.fault;
    return `${code}/${subcode} ${data.toHex()}`.trim();
  }
  const { asn, holdTimeSeconds, capabilities } = result.value;
  return `AS ${asn}, hold ${holdTimeSeconds}, IPv${
    unicastFamilies(capabilities)
  }`;
}

const PLAIN = "AS 65001, hold 90, IPv4";
const MP4 = "0104 00010001";
const MP6 = "0104 00020001";
const AS4 = "4104 00030d40";

Deno.test.each([
  ["no capabilities", open(), PLAIN],
  ["version 3", open("", { version: "03" }), "2/1 0004"],
  ["version 5", open("", { version: "05" }), "2/1 0004"],
  ["AS 0", open("", { as: "0000" }), "2/2"],
  ["AS 23456 without capability 65", open("", { as: "5ba0" }), "2/2"],
  [
    "AS 23456 with capability 65",
    open(`0206${AS4}`, { as: "5ba0" }),
    "AS 200000, hold 90, IPv4",
  ],
  ["capability 65 with AS 0", open("0206 4104 00000000"), "2/2"],
  ["capability 65 with AS 23456", open("0206 4104 00005ba0"), "2/2"],
  ["capability 65 of 3 octets", open("0205 4103 000000"), "2/0"],
  ["identifier 0", open("", { id: "00000000" }), "2/3"],
  ["hold time 1", open("", { hold: "0001" }), "2/6"],
  ["hold time 2", open("", { hold: "0002" }), "2/6"],
  ["hold time 0", open("", { hold: "0000" }), "AS 65001, hold 0, IPv4"],
  ["an unknown capability", open("0204 f702abcd"), PLAIN],
  ["an optional parameter of type 1", open("0102abcd"), "2/4"],
  ["a parameter that overruns", open("0205 0200"), "2/0"],
  ["a capability that overruns", open("0203 0104 00"), "2/0"],
  ["a capability without length", open("0201 02"), "2/0"],
  ["graceful restart cut short", open("0205 4003 800000"), "2/0"],
  ["multiprotocol of 5 octets", open("0207 0105 0001000100"), "2/0"],
  ["octets after the parameters", new Uint8Array([...open(), 0]), "2/0"],
  ["IPv6 only", open(`0206${MP6}`), "AS 65001, hold 90, IPv6"],
  [
    "several capabilities in one parameter",
    open(`020c${MP6}${MP4}`),
    "AS 65001, hold 90, IPv4,6",
  ],
  [
    "one per parameter",
    open(`0206${MP4}0206${MP6}`),
    "AS 65001, hold 90, IPv4,6",
  ],
  [
    "the same twice",
    open(`020c${MP4}${MP6}0206${MP4}`),
    "AS 65001, hold 90, IPv4,6",
  ],
  [
    "RFC 9072, though it would have fitted",
    hex(`04 fde9 005a 0a000001 ff ff 0009 02 0006 ${MP6}`),
    "AS 65001, hold 90, IPv6",
  ],
  [
    "RFC 9072 with another length before the signal",
    hex(`04 fde9 005a 0a000001 0c ff 0009 02 0006 ${MP6}`),
    "AS 65001, hold 90, IPv6",
  ],
])("OPEN: %s", (_name, body, expected) => {
  assertEquals(read(body), expected);
});

const CONFIG: SessionConfig = {
  localAs: 65_001,
  remoteAs: 65_002,
  routerId: parseIp("10.0.0.1"),
  holdTimeSeconds: 90,
  minimumHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  passive: false,
  families: [4, 6],
};

/** The OPEN of a peer that is configured as given. */
function openOf(changes: Partial<SessionConfig>): OpenMessage {
  return localOpen({
    ...CONFIG,
    localAs: 65_002,
    routerId: parseIp("10.0.0.2"),
    ...changes,
  });
}

Deno.test.each<
  [string, Partial<SessionConfig>, Partial<SessionConfig>, string]
>([
  ["as configured", {}, {}, "hold 90 IPv4,6"],
  ["another AS", {}, { localAs: 65_003 }, "2/2"],
  [
    "our identifier, external",
    {},
    { routerId: CONFIG.routerId },
    "hold 90 IPv4,6",
  ],
  [
    "our identifier, internal",
    { remoteAs: 65_001 },
    { localAs: 65_001, routerId: CONFIG.routerId },
    "2/3",
  ],
  ["a shorter hold time", {}, { holdTimeSeconds: 9 }, "hold 9 IPv4,6"],
  ["a hold time below ours", { minimumHoldTimeSeconds: 20 }, {
    holdTimeSeconds: 9,
  }, "2/6"],
  ["hold time 0 on one side", {}, { holdTimeSeconds: 0 }, "hold 0 IPv4,6"],
  ["one family in common", {}, { families: [6] }, "hold 90 IPv6"],
  [
    "no family in common",
    { families: [4] },
    { families: [6] },
    "2/7 010400010001",
  ],
])("negotiation: %s", (_name, ours, theirs, expected) => {
  const result = negotiate({ ...CONFIG, ...ours }, openOf(theirs));
  const said = result.ok
    ? `hold ${result.value.holdTimeSeconds} IPv${result.value.families}`
    : `${result.fault.code}/${result.fault.subcode} ${result.fault.data.toHex()}`
      .trim();
  assertEquals(said, expected);
});

Deno.test("a peer without capabilities has IPv4 and two octets", () => {
  const open = decodeOpen(encodeOpenBody(openOf({}), { omit: "all" }));
  assert(open.ok);
  const result = negotiate(CONFIG, open.value);
  assert(result.ok);
  assertEquals(result.value.families, [4]);
  assertEquals(result.value.fourOctetAs, false);
  assertEquals(result.value.capabilities, []);
});

Deno.test("what was left out of our OPEN is not used", () => {
  const result = negotiate(CONFIG, openOf({}), [1, 65]);
  assert(result.ok);
  assertEquals(result.value.families, [4]);
  assertEquals(result.value.fourOctetAs, false);
  assertEquals(result.value.routeRefresh, true);
});

Deno.test("decoding what was encoded gives it back", () => {
  const families = fc.uniqueArray(fc.constantFrom<Family>(4, 6), {
    minLength: 1,
  });
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 4294967295 }).filter((asn) => asn !== 23456),
    fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 65535 })),
    families,
    fc.option(
      fc.record({
        timeSeconds: fc.integer({ min: 0, max: 4095 }),
        restarting: fc.boolean(),
      }),
      { nil: undefined },
    ),
    (localAs, holdTimeSeconds, families, gracefulRestart) => {
      const open = openOf({
        localAs,
        holdTimeSeconds,
        families,
        ...(gracefulRestart === undefined ? {} : { gracefulRestart }),
      });
      const result = decodeOpen(encodeOpenBody(open));
      assert(result.ok);
      const { codes, ...capabilities } = result.value.capabilities;
      const { codes: sent, ...wanted } = open.capabilities;
      assertEquals({ ...result.value, capabilities }, {
        ...open,
        capabilities: wanted,
      });
      assertEquals(new Set(codes), new Set(sent));
    },
  ));
});

Deno.test("any octets come to an OPEN or a refusal", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 10, maxLength: 120 }),
      fc.boolean(),
      (bytes, sound) => {
        if (sound) bytes[0] = 4;
        decodeOpen(bytes);
      },
    ),
    { numRuns: 3000 },
  );
});
