/**
 * Names made from content that a stranger may choose.
 *
 * {@linkcode shortHash} is quick and easily made to collide. Where a collision
 * would let one tenant's object stand for another's (chains and sets of a
 * firewall), names come from SHA-256 (FIPS 180-4). The platform's own is
 * asynchronous, so it is computed here.
 *
 * @module
 */

/** The constants of FIPS 180-4 §4.2.2 and §5.3.3: roots of the first primes, as fractions of 32 bits. */
const ROUND = new Uint32Array(64);
const START = new Uint32Array(8);
let found = 0;
for (let n = 2; found < 64; n++) {
  let prime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
  if (!prime) continue;
  ROUND[found] = fraction(n, 3);
  if (found < 8) START[found] = fraction(n, 2);
  found++;
}

/** The first 32 bits of the fraction of a square or cube root; exact, as doubles are not. */
function fraction(n: number, degree: 2 | 3): number {
  const scaled = BigInt(n) << BigInt(32 * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** BigInt(degree) <= scaled) low = middle;
    else high = middle - 1n;
  }
  return Number(low & 0xffffffffn);
}

const ENCODER = new TextEncoder();
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const NAME_LENGTH = 20;

/**
 * The first 100 bits of the SHA-256 of the parts, as 20 characters of base 32.
 *
 * Each part is followed by a NUL, so parts must hold none; then `("a", "bc")`
 * and `("ab", "c")` differ.
 */
export function contentHash(...parts: readonly string[]): string {
  const digest = sha256(ENCODER.encode(parts.join("\u0000") + "\u0000"));
  let name = "";
  for (let i = 0; i < NAME_LENGTH; i++) {
    const bit = i * 5;
    const at = bit >> 3;
    const pair = ((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0);
    name += ALPHABET[(pair >> (11 - (bit & 7))) & 31];
  }
  return name;
}

/** The SHA-256 of a message, 32 octets. */
export function sha256(message: Uint8Array): Uint8Array {
  const padded = new Uint8Array(((message.length + 8) >> 6) * 64 + 64);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  const state = START.slice();
  const words = new Uint32Array(64);
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + i * 4);
    compress(state, words);
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (const [i, word] of state.entries()) digest.setUint32(i * 4, word);
  return new Uint8Array(digest.buffer);
}

/** FIPS 180-4 §6.2.2, on 16 words of message in `w`, which has room for 64. */
function compress(state: Uint32Array, w: Uint32Array): void {
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15] ?? 0;
    const b = w[i - 2] ?? 0;
    const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
    const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
    w[i] = (w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choice + (ROUND[i] ?? 0) + (w[i] ?? 0)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) {
    state[i] = (state[i] ?? 0) + word;
  }
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
