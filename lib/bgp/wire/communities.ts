/**
 * Communities (RFC 1997, RFC 8092) between numbers and text.
 *
 * @module
 */

/** Well-known communities by the names people give them. */
export const WELL_KNOWN: Readonly<Record<string, number>> = {
  "graceful-shutdown": 0xffff0000,
  "llgr-stale": 0xffff0006,
  "no-llgr": 0xffff0007,
  "blackhole": 0xffff029a,
  "no-export": 0xffffff01,
  "no-advertise": 0xffffff02,
  "no-export-subconfed": 0xffffff03,
  "no-peer": 0xffffff04,
};

export const NO_EXPORT = 0xffffff01;
export const NO_ADVERTISE = 0xffffff02;
export const NO_EXPORT_SUBCONFED = 0xffffff03;
export const GRACEFUL_SHUTDOWN = 0xffff0000;

const NAME_OF = new Map(
  Object.entries(WELL_KNOWN).map(([name, value]) => [value, name]),
);

/** A large community: global administrator and two local parts, 32 bits each. */
export type LargeCommunity = readonly [number, number, number];

/** Reads `65000:1` or a well-known name; undefined when it is neither. */
export function tryParseCommunity(text: string): number | undefined {
  const known = Object.hasOwn(WELL_KNOWN, text) ? WELL_KNOWN[text] : undefined;
  if (known !== undefined) return known;
  const parts = parseParts(text, 2, 0xffff);
  if (parts === undefined) return undefined;
  return (parts[0] ?? 0) * 0x10000 + (parts[1] ?? 0);
}

/** Reads `65000:1:2`; undefined when it is not that. */
export function tryParseLargeCommunity(
  text: string,
): LargeCommunity | undefined {
  const parts = parseParts(text, 3, 0xffffffff);
  if (parts === undefined) return undefined;
  return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0];
}

function parseParts(
  text: string,
  count: number,
  most: number,
): readonly number[] | undefined {
  const parts = text.split(":");
  if (parts.length !== count) return undefined;
  const numbers: number[] = [];
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,9})$/.test(part) || Number(part) > most) {
      return undefined;
    }
    numbers.push(Number(part));
  }
  return numbers;
}

/** A community as text, by name where it has one. */
export function formatCommunity(community: number): string {
  return NAME_OF.get(community) ??
    `${Math.floor(community / 0x10000)}:${community % 0x10000}`;
}
