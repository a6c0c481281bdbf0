import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  decodeCommunication,
  decodeNotificationBody,
  describeNotification,
  encodeCommunication,
  encodeNotificationBody,
} from "../../lib/bgp/wire/notification.ts";
import { hex } from "./support.ts";

Deno.test.each([
  ["0102 0012", "Message Header Error/Bad Message Length (1/2)"],
  ["0206", "OPEN Message Error/Unacceptable Hold Time (2/6)"],
  ["030b", "UPDATE Message Error/Malformed AS_PATH (3/11)"],
  ["0400", "Hold Timer Expired (4/0)"],
  [
    "0503",
    "Finite State Machine Error/Unexpected Message in Established State (5/3)",
  ],
  ["0602", "Cease/Administrative Shutdown (6/2)"],
  ["0602 03 627965", 'Cease/Administrative Shutdown (6/2): "bye"'],
  ["0604 03 627965", 'Cease/Administrative Reset (6/4): "bye"'],
  ["0602 ff 627965", 'Cease/Administrative Shutdown (6/2): "bye"'],
  ["0602 03 62ff65", 'Cease/Administrative Shutdown (6/2): "b\ufffde"'],
  ["0602 04 0a1b5b48", 'Cease/Administrative Shutdown (6/2): "[H"'],
  ["0602 00", "Cease/Administrative Shutdown (6/2)"],
  [
    "0609 0400",
    "Cease/Hard Reset (6/9) for Hold Timer Expired (4/0)",
  ],
  ["060a", "Cease/BFD Down (6/10)"],
  ["0800", "Send Hold Timer Expired (8/0)"],
  ["0363", "UPDATE Message Error (3/99)"],
  ["2a01", "Unknown Error (42/1)"],
])("NOTIFICATION %s reads as %s", (octets, expected) => {
  const notification = decodeNotificationBody(hex(octets));
  assertEquals(describeNotification(notification), expected);
  assertEquals(encodeNotificationBody(notification), hex(octets));
});

Deno.test("a long communication is cut between characters", () => {
  const data = encodeCommunication("ü".repeat(200));
  assertEquals(data.length, 255);
  assertEquals(data[0], 254);
  assertEquals(decodeCommunication(data), "ü".repeat(127));
});

Deno.test("any octets can be described", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 2, maxLength: 300 }),
      (bytes) => {
        const text = describeNotification(decodeNotificationBody(bytes));
        // deno-lint-ignore no-control-regex
        assertEquals(/[\u0000-\u001f\u007f]/.test(text), false);
      },
    ),
    { numRuns: 1000 },
  );
});
