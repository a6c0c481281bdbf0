/**
 * Reads BGP messages out of MRT dumps (RFC 6396), for tests with recorded
 * traffic.
 *
 * @module
 */

/** A BGP message as a collector saw it. */
export interface Recorded {
  /** Whether the collector's session has four-octet AS numbers. */
  readonly fourOctetAs: boolean;
  /** The whole message, header included. */
  readonly message: Uint8Array;
}

const BGP4MP = 16;
const BGP4MP_ET = 17;
/** Subtypes that carry a message, and whether AS numbers have four octets in it. */
const MESSAGES: Readonly<Record<number, boolean>> = { 1: false, 4: true };

/** The recorded messages of an uncompressed dump. */
export function* readMrt(dump: Uint8Array): Generator<Recorded> {
  const view = new DataView(dump.buffer, dump.byteOffset, dump.byteLength);
  let at = 0;
  while (at + 12 <= dump.length) {
    const type = view.getUint16(at + 4);
    const subtype = view.getUint16(at + 6);
    const end = at + 12 + view.getUint32(at + 8);
    // The extended timestamp's microseconds count as part of the record.
    let from = at + 12 + (type === BGP4MP_ET ? 4 : 0);
    at = end;
    const fourOctetAs = MESSAGES[subtype];
    if ((type !== BGP4MP && type !== BGP4MP_ET) || fourOctetAs === undefined) {
      continue;
    }
    from += fourOctetAs ? 8 : 4;
    const family = view.getUint16(from + 2);
    from += 4 + 2 * (family === 2 ? 16 : 4);
    yield { fourOctetAs, message: dump.subarray(from, end) };
  }
}

/** Reads a gzip file. */
export async function readGzip(path: string): Promise<Uint8Array> {
  const file = await Deno.open(path);
  const stream = file.readable.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
