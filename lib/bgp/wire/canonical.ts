/**
 * From the attributes of an UPDATE to the canonical octets of an attribute set.
 *
 * @module
 */

import {
  AS_TRANS,
  type AsPath,
  decodeAsPath,
  encodeAsPath,
  mergeAs4Path,
} from "./as_path.ts";
import {
  ATTRIBUTE,
  concatBytes,
  encodeAttribute,
  FLAG,
} from "./attribute_set.ts";
import {
  ATTRIBUTE_TABLE,
  type AttributeContext,
  judgeAsPath,
} from "./attributes.ts";

/** An attribute as it was found in an UPDATE. */
export interface RawAttribute {
  readonly flags: number;
  readonly value: Uint8Array;
}

/** The canonical octets of the good attributes. */
export function canonicalise(
  good: ReadonlyMap<number, RawAttribute>,
  context: AttributeContext,
): Uint8Array {
  const parts: Uint8Array[] = [];
  const types = [...good.keys()].sort((a, b) => a - b);
  const as4 = context.fourOctetAs ? undefined : readAs4(good, context);
  for (const type of types) {
    const raw = good.get(type);
    if (
      raw === undefined || type === ATTRIBUTE.nextHop ||
      type === ATTRIBUTE.as4Path || type === ATTRIBUTE.as4Aggregator
    ) continue;
    let { value } = raw;
    if (type === ATTRIBUTE.asPath && as4 !== undefined) {
      value = encodeAsPath(as4.path, 4);
    } else if (type === ATTRIBUTE.aggregator && as4 !== undefined) {
      value = as4.aggregator;
    }
    const row = ATTRIBUTE_TABLE.get(type);
    const partial = raw.flags & FLAG.partial;
    // The Partial bit has a meaning on optional transitive attributes only.
    const flags = row === undefined
      ? raw.flags
      : row.flags === (FLAG.optional | FLAG.transitive)
      ? row.flags | partial
      : row.flags;
    parts.push(encodeAttribute(type, flags, value));
  }
  return concatBytes(parts);
}

/** The path and aggregator behind two-octet ones (RFC 6793 §4.2.3). */
function readAs4(
  good: ReadonlyMap<number, RawAttribute>,
  context: AttributeContext,
): { readonly path: AsPath; readonly aggregator: Uint8Array } {
  const path = pathOf(good.get(ATTRIBUTE.asPath)?.value, 2);
  const aggregator = good.get(ATTRIBUTE.aggregator)?.value;
  const as4Aggregator = good.get(ATTRIBUTE.as4Aggregator)?.value;
  const aggregatorAs = aggregator === undefined ? 0 : readShort(aggregator, 0);
  const widened = aggregator === undefined
    ? new Uint8Array(0)
    : concatBytes([new Uint8Array(2), aggregator]);
  // An aggregator that speaks two octets for itself came after those two attributes were made.
  if (
    aggregator !== undefined && as4Aggregator !== undefined &&
    aggregatorAs !== AS_TRANS
  ) return { path, aggregator: widened };
  const merged = mergeAs4Path(
    path,
    pathOf(good.get(ATTRIBUTE.as4Path)?.value, 4),
  );
  return {
    path: judgeAsPath(merged, context) === undefined ? merged : path,
    aggregator: aggregatorAs === AS_TRANS && as4Aggregator !== undefined
      ? as4Aggregator
      : widened,
  };
}

function pathOf(value: Uint8Array | undefined, asnOctets: 2 | 4): AsPath {
  const path = value === undefined ? [] : decodeAsPath(value, asnOctets);
  return typeof path === "string" ? [] : path;
}

function readShort(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}
