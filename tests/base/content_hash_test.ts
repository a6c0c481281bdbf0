import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { contentHash, sha256 } from "../../lib/base/content_hash.ts";

Deno.test("content hash: SHA-256 is the platform's, for any message", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      async (bytes) => {
        const message = Uint8Array.from(bytes);
        const expected = await crypto.subtle.digest("SHA-256", message);
        assertEquals(sha256(message), new Uint8Array(expected));
      },
    ),
  );
});

Deno.test("content hash: 20 characters, and the cut between parts counts", () => {
  // First 100 bits of SHA-256("abc\0") in base 32 (RFC 4648, lower case), by openssl and base32.
  assertEquals(contentHash("abc"), "3qirjtihjekl3bzmyh42");
  assertNotEquals(contentHash("dev", "1a"), contentHash("dev1", "a"));
  assertNotEquals(contentHash("a"), contentHash("a", ""));
});
