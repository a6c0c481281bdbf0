/**
 * AS paths (RFC 4271 §4.3 and §5.1.2, RFC 6793).
 *
 * @module
 */

/** Segment types; the last two are RFC 5065. */
export const SEGMENT = {
  set: 1,
  sequence: 2,
  confedSequence: 3,
  confedSet: 4,
} as const;

/** Stands for an AS number that does not fit two octets (RFC 6793 §2). */
export const AS_TRANS = 23456;

/** One segment of a path. */
export interface AsSegment {
  /** One of {@linkcode SEGMENT}. */
  readonly type: number;
  /** 1 to 255 AS numbers. */
  readonly asns: readonly number[];
}

/** Segments in the order they stand in the attribute: the nearest AS first. */
export type AsPath = readonly AsSegment[];

/** Reads a path, or says what is wrong with it. */
export function decodeAsPath(
  value: Uint8Array,
  asnOctets: 2 | 4,
): AsPath | string {
  const segments: AsSegment[] = [];
  let at = 0;
  while (at < value.length) {
    if (at + 2 > value.length) return "a segment header is cut short";
    const type = value[at] ?? 0;
    const count = value[at + 1] ?? 0;
    if (type < SEGMENT.set || type > SEGMENT.confedSet) {
      return `segment type ${type}`;
    }
    if (count === 0) return "a segment without AS numbers";
    at += 2;
    if (at + count * asnOctets > value.length) return "a segment is cut short";
    const asns: number[] = [];
    for (let i = 0; i < count; i++, at += asnOctets) {
      asns.push(readNumber(value, at, asnOctets));
    }
    segments.push({ type, asns });
  }
  return segments;
}

function readNumber(bytes: Uint8Array, at: number, octets: number): number {
  let value = 0;
  for (let i = 0; i < octets; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

/** The octets of a path. With two octets per AS number, what does not fit becomes AS_TRANS. */
export function encodeAsPath(path: AsPath, asnOctets: 2 | 4): Uint8Array {
  let length = 0;
  for (const segment of path) length += 2 + segment.asns.length * asnOctets;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const segment of path) {
    bytes[at++] = segment.type;
    bytes[at++] = segment.asns.length;
    for (const asn of segment.asns) {
      const value = asnOctets === 2 && asn > 0xffff ? AS_TRANS : asn;
      if (asnOctets === 4) {
        bytes[at++] = (value >>> 24) & 255;
        bytes[at++] = (value >>> 16) & 255;
      }
      bytes[at++] = (value >>> 8) & 255;
      bytes[at++] = value & 255;
    }
  }
  return bytes;
}

/** The length that the decision compares: a set counts as one, confederation segments not at all (RFC 4271 §9.1.2.2, RFC 5065 §5.3). */
export function asPathLength(path: AsPath): number {
  let length = 0;
  for (const segment of path) {
    if (segment.type === SEGMENT.sequence) length += segment.asns.length;
    else if (segment.type === SEGMENT.set) length++;
  }
  return length;
}

/** The AS that a path came from last, for comparing MED: the first of a leading sequence. */
export function neighbourAs(path: AsPath): number | undefined {
  const first = path[0];
  return first?.type === SEGMENT.sequence ? first.asns[0] : undefined;
}

/** How often an AS stands in a path. */
export function countAs(path: AsPath, asn: number): number {
  let count = 0;
  for (const segment of path) {
    for (const one of segment.asns) if (one === asn) count++;
  }
  return count;
}

/** The path with an AS put in front, in a new segment where the first one is full or no sequence (RFC 4271 §5.1.2). */
export function prependAs(path: AsPath, asn: number, times = 1): AsPath {
  let result = path;
  for (let i = 0; i < times; i++) {
    const [first, ...rest] = result;
    result = first?.type === SEGMENT.sequence && first.asns.length < 255
      ? [{ type: SEGMENT.sequence, asns: [asn, ...first.asns] }, ...rest]
      : [{ type: SEGMENT.sequence, asns: [asn] }, ...result];
  }
  return result;
}

/**
 * The real path behind a two-octet one (RFC 6793 §4.2.3): the leading ASes that
 * AS4_PATH lacks, then AS4_PATH. An AS4_PATH that is longer than the path is
 * ignored; confederation segments in it are dropped.
 */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const tail = as4Path.filter((segment) =>
    segment.type === SEGMENT.set || segment.type === SEGMENT.sequence
  );
  let missing = asPathLength(path) - asPathLength(tail);
  if (missing < 0 || tail.length === 0) return path;
  const head: AsSegment[] = [];
  for (const segment of path) {
    const confed = segment.type === SEGMENT.confedSequence ||
      segment.type === SEGMENT.confedSet;
    // Confederation segments at the front stay: they cost no length.
    if (confed) {
      head.push(segment);
      continue;
    }
    if (missing === 0) break;
    if (segment.type === SEGMENT.set) {
      head.push(segment);
      missing--;
      continue;
    }
    const asns = segment.asns.slice(0, missing);
    head.push({ type: segment.type, asns });
    missing -= asns.length;
  }
  return joinSequences(head, tail);
}

/** Two paths as one, sequences that meet made one segment where they fit. */
function joinSequences(head: AsPath, tail: AsPath): AsPath {
  const last = head.at(-1);
  const first = tail[0];
  if (
    last?.type === SEGMENT.sequence && first?.type === SEGMENT.sequence &&
    last.asns.length + first.asns.length <= 255
  ) {
    return [
      ...head.slice(0, -1),
      { type: SEGMENT.sequence, asns: [...last.asns, ...first.asns] },
      ...tail.slice(1),
    ];
  }
  return [...head, ...tail];
}

/** A path as people write it: `65001 65002 {65003 65004}`. */
export function formatAsPath(path: AsPath): string {
  return path.map((segment) => {
    const asns = segment.asns.join(" ");
    switch (segment.type) {
      case SEGMENT.set:
        return `{${asns}}`;
      case SEGMENT.confedSequence:
        return `(${asns})`;
      case SEGMENT.confedSet:
        return `[${asns}]`;
      default:
        return asns;
    }
  }).join(" ");
}
