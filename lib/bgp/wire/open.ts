/**
 * OPEN: who speaks, and what it can do (RFC 4271 §4.2 and §6.2, RFC 5492, RFC
 * 9072).
 *
 * Here is what can be judged from the message alone; what needs our
 * configuration is in `../negotiate.ts`.
 *
 * @module
 */

import { type Ip, ipFromBytes, ipToBytes } from "../../net/ip.ts";
import { AS_TRANS } from "./as_path.ts";
import {
  type Capabilities,
  decodeCapabilities,
  encodeCapabilities,
} from "./capabilities.ts";
import { type Decoded, ERROR, fault } from "./notification.ts";

/** An OPEN message. */
export interface OpenMessage {
  /** The speaker's AS: from the four-octet capability where there is one. */
  readonly asn: number;
  /** Proposed hold time, seconds: 0 or 3 to 65535. */
  readonly holdTimeSeconds: number;
  readonly routerId: Ip;
  readonly capabilities: Capabilities;
}

const VERSION = 4;
const PARAMETER_CAPABILITIES = 2;
const EXTENDED = 255;

/** Decodes the body of an OPEN; the frame splitter has seen to its 10 octets. */
export function decodeOpen(body: Uint8Array): Decoded<OpenMessage> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const version = view.getUint8(0);
  if (version !== VERSION) {
    return refuse(1, `version ${version}`, Uint8Array.of(0, VERSION));
  }
  const parameters = decodeParameters(body);
  if (!parameters.ok) return parameters;
  const capabilities = parameters.value;
  const shortAs = view.getUint16(1);
  const asn = capabilities.fourOctetAs ?? shortAs;
  if (asn === 0 || asn === AS_TRANS) return refuse(2, `AS ${asn}`);
  const holdTimeSeconds = view.getUint16(3);
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) {
    return refuse(6, `a hold time of ${holdTimeSeconds} s`);
  }
  const routerId = ipFromBytes(body.subarray(5, 9));
  if (view.getUint32(5) === 0) return refuse(3, "identifier 0.0.0.0");
  return {
    ok: true,
    value: { asn, holdTimeSeconds, routerId, capabilities },
  };
}

function refuse(
  subcode: number,
  reason: string,
  data?: Uint8Array,
): Decoded<never> {
  return { ok: false, fault: fault(ERROR.open, subcode, reason, data) };
}

/** The optional parameters, in the form of RFC 4271 or RFC 9072. */
function decodeParameters(body: Uint8Array): Decoded<Capabilities> {
  let capabilities: Decoded<Capabilities> = decodeCapabilities(
    new Uint8Array(0),
  );
  const plainLength = body[9] ?? 0;
  // RFC 9072 §2: the type octet 255 is the signal; the length before it counts only when it is 0.
  const extended = plainLength !== 0 && body[10] === EXTENDED;
  const length = extended
    ? (body[11] ?? 0) * 256 + (body[12] ?? 0)
    : plainLength;
  let at = extended ? 13 : 10;
  if (at + length !== body.length) {
    return refuse(0, "the optional parameters do not fit the message");
  }
  const header = extended ? 3 : 2;
  while (at < body.length) {
    const type = body[at] ?? 0;
    const size = extended
      ? (body[at + 1] ?? 0) * 256 + (body[at + 2] ?? 0)
      : body[at + 1] ?? 0;
    const start = at + header;
    if (start + size > body.length) {
      return refuse(0, `optional parameter ${type} overruns the message`);
    }
    if (type !== PARAMETER_CAPABILITIES) {
      return refuse(4, `optional parameter ${type}`);
    }
    if (capabilities.ok) {
      capabilities = decodeCapabilities(
        body.subarray(start, start + size),
        capabilities.value,
      );
    }
    if (!capabilities.ok) return capabilities;
    at = start + size;
  }
  return capabilities;
}

/** How an OPEN is spelled for a peer that refused the last one. */
export interface OpenEncoding {
  /** Capability codes to leave out; `all` leaves out every optional parameter. */
  readonly omit?: readonly number[] | "all";
}

/** The body of an OPEN message, without header. */
export function encodeOpenBody(
  open: OpenMessage,
  encoding: OpenEncoding = {},
): Uint8Array {
  const { omit = [] } = encoding;
  const capabilities = omit === "all"
    ? []
    : encodeCapabilities(open.capabilities, omit);
  const parameters = capabilities.length === 0
    ? []
    : capabilities.length <= 253
    ? [PARAMETER_CAPABILITIES, capabilities.length, ...capabilities]
    : [
      PARAMETER_CAPABILITIES,
      capabilities.length >> 8,
      capabilities.length & 255,
      ...capabilities,
    ];
  const extended = capabilities.length > 253;
  const asn = open.asn > 0xffff ? AS_TRANS : open.asn;
  return Uint8Array.of(
    VERSION,
    asn >> 8,
    asn & 255,
    open.holdTimeSeconds >> 8,
    open.holdTimeSeconds & 255,
    ...ipToBytes(open.routerId),
    ...(extended
      ? [EXTENDED, EXTENDED, parameters.length >> 8, parameters.length & 255]
      : [parameters.length]),
    ...parameters,
  );
}
