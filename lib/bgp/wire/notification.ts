/**
 * NOTIFICATION: why a session ends.
 *
 * RFC 4271 §4.5 and §6, RFC 4486 (Cease), RFC 6608 (state machine errors), RFC
 * 7313 (refresh), RFC 8538 (Hard Reset), RFC 9003 (shutdown communication), RFC
 * 9234 (Role Mismatch), RFC 9384 (BFD Down), RFC 9687 (Send Hold Timer).
 *
 * @module
 */

/** Error codes. */
export const ERROR = {
  header: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  stateMachine: 5,
  cease: 6,
  routeRefresh: 7,
  sendHoldTimer: 8,
} as const;

/** Subcodes of Cease. */
export const CEASE = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  collision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** A NOTIFICATION as it stands on the wire. */
export interface Notification {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

/** A NOTIFICATION that we send, and why, for our own log. */
export interface Fault extends Notification {
  readonly reason: string;
}

/** What a decoder returns: never an exception, whatever the octets are. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault };

const NO_DATA = new Uint8Array(0);

/** Makes a fault. */
export function fault(
  code: number,
  subcode: number,
  reason: string,
  data: Uint8Array = NO_DATA,
): Fault {
  return { code, subcode, reason, data };
}

const NAMES: Readonly<
  Record<number, readonly [string, Readonly<Record<number, string>>]>
> = {
  1: ["Message Header Error", {
    1: "Connection Not Synchronized",
    2: "Bad Message Length",
    3: "Bad Message Type",
  }],
  2: ["OPEN Message Error", {
    1: "Unsupported Version Number",
    2: "Bad Peer AS",
    3: "Bad BGP Identifier",
    4: "Unsupported Optional Parameter",
    5: "Authentication Failure",
    6: "Unacceptable Hold Time",
    7: "Unsupported Capability",
    11: "Role Mismatch",
  }],
  3: ["UPDATE Message Error", {
    1: "Malformed Attribute List",
    2: "Unrecognized Well-known Attribute",
    3: "Missing Well-known Attribute",
    4: "Attribute Flags Error",
    5: "Attribute Length Error",
    6: "Invalid ORIGIN Attribute",
    7: "AS Routing Loop",
    8: "Invalid NEXT_HOP Attribute",
    9: "Optional Attribute Error",
    10: "Invalid Network Field",
    11: "Malformed AS_PATH",
  }],
  4: ["Hold Timer Expired", {}],
  5: ["Finite State Machine Error", {
    1: "Unexpected Message in OpenSent State",
    2: "Unexpected Message in OpenConfirm State",
    3: "Unexpected Message in Established State",
  }],
  6: ["Cease", {
    1: "Maximum Number of Prefixes Reached",
    2: "Administrative Shutdown",
    3: "Peer De-configured",
    4: "Administrative Reset",
    5: "Connection Rejected",
    6: "Other Configuration Change",
    7: "Connection Collision Resolution",
    8: "Out of Resources",
    9: "Hard Reset",
    10: "BFD Down",
  }],
  7: ["ROUTE-REFRESH Message Error", { 1: "Invalid Message Length" }],
  8: ["Send Hold Timer Expired", {}],
};

/** The body of a NOTIFICATION message, without header. */
export function encodeNotificationBody(notification: Notification): Uint8Array {
  const body = new Uint8Array(2 + notification.data.length);
  body[0] = notification.code;
  body[1] = notification.subcode;
  body.set(notification.data, 2);
  return body;
}

/** Reads the body of a NOTIFICATION; the frame splitter has seen to its 2 octets. */
export function decodeNotificationBody(body: Uint8Array): Notification {
  return {
    code: body[0] ?? 0,
    subcode: body[1] ?? 0,
    data: body.slice(2),
  };
}

/** Longest shutdown communication, octets of UTF-8 (RFC 9003 §2). */
const COMMUNICATION_MAX = 255;

/** The data of a Cease/2 or Cease/4: the text, cut between characters when it is too long. */
export function encodeCommunication(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let length = Math.min(bytes.length, COMMUNICATION_MAX);
  // A continuation octet (10xxxxxx) right after the cut means a character was split.
  while (length < bytes.length && ((bytes[length] ?? 0) & 0xc0) === 0x80) {
    length--;
  }
  const data = new Uint8Array(1 + length);
  data[0] = length;
  data.set(bytes.subarray(0, length), 1);
  return data;
}

/**
 * The text in the data of a Cease/2 or Cease/4, or undefined when there is none.
 * A length that overruns and octets that are not UTF-8 lose nothing but
 * themselves: the shutdown holds (RFC 9003 §4). Control characters become
 * spaces, because the text ends up in logs and terminals.
 */
export function decodeCommunication(data: Uint8Array): string | undefined {
  const length = data[0];
  if (length === undefined || length === 0) return undefined;
  const text = new TextDecoder().decode(data.subarray(1, 1 + length));
  const clean = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? " " : character;
  }).join("").trim();
  return clean === "" ? undefined : clean;
}

/** A NOTIFICATION in words: `Cease/Administrative Shutdown (6/2): "maintenance"`. */
export function describeNotification(notification: Notification): string {
  const { code, subcode, data } = notification;
  const title = titleOf(notification);
  if (code !== ERROR.cease) return title;
  switch (subcode) {
    case CEASE.administrativeShutdown:
    case CEASE.administrativeReset: {
      const text = decodeCommunication(data);
      return text === undefined ? title : `${title}: "${text}"`;
    }
    case CEASE.hardReset:
      // RFC 8538 §3.1: the data of a Hard Reset is the NOTIFICATION it stands for.
      return data.length < 2
        ? title
        : `${title} for ${titleOf(decodeNotificationBody(data))}`;
    default:
      return title;
  }
}

function titleOf({ code, subcode }: Notification): string {
  const known = NAMES[code];
  const name = known?.[0] ?? "Unknown Error";
  const detail = known?.[1][subcode];
  return `${
    detail === undefined ? name : `${name}/${detail}`
  } (${code}/${subcode})`;
}
