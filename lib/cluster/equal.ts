/**
 * Whether two projected objects say the same.
 *
 * @module
 */

/**
 * Compares plain values of the model: primitives, lists, maps and plain objects
 * by content; everything else, label sets among it, by identity, which is the
 * same as content because label sets are interned.
 */
export function equalValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (
    typeof a !== "object" || typeof b !== "object" || a === null || b === null
  ) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length &&
      a.every((value, i) => equalValue(value, b[i]));
  }
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false;
    for (const [key, value] of a) {
      if (!b.has(key) || !equalValue(value, b.get(key))) return false;
    }
    return true;
  }
  return isPlain(a) && isPlain(b) && equalPlain(a, b);
}

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: object): value is Plain {
  return Object.getPrototypeOf(value) === Object.prototype;
}

function equalPlain(a: Plain, b: Plain): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalValue(a[key], b[key]));
}
