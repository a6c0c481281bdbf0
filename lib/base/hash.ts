/**
 * Short names made from content.
 *
 * @module
 */

/**
 * FNV-1a, 64 bits, as 13 characters of base 32 (`a`-`z`, `2`-`7`).
 *
 * For names of kernel objects: stable across runs and machines, and unlikely to
 * collide (about 10⁻⁹ among 100,000 names), not for secrets. Parts are joined
 * with a separator that occurs in no part, so `("a", "bc")` and `("ab", "c")`
 * differ.
 */
export function shortHash(...parts: readonly string[]): string {
  // Two 32-bit halves with the 64-bit FNV prime 2^40 + 0x1b3; BigInt would be 20 times slower.
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const text = parts.join("\u0000");
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    for (const byte of unit < 0x100 ? [unit] : [unit & 0xff, unit >>> 8]) {
      low = (low ^ byte) >>> 0;
      const lowProduct = low * 0x1b3;
      high = (Math.imul(high, 0x1b3) + Math.imul(low, 0x100) +
        Math.floor(lowProduct / 0x100000000)) >>> 0;
      low = lowProduct >>> 0;
    }
  }
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  let name = "";
  for (let i = 0; i < 13; i++) {
    const shift = 59 - i * 5;
    const five = shift >= 32
      ? (high >>> (shift - 32)) & 31
      : shift > 27
      ? ((high << (32 - shift)) | (low >>> shift)) & 31
      : shift >= 0
      ? (low >>> shift) & 31
      : (low << -shift) & 31;
    name += alphabet[five];
  }
  return name;
}
