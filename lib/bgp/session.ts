/**
 * A peer's session as the state machine sees it: its value, what can happen to
 * it, and what then has to be done.
 *
 * @module
 */

import type { Negotiated, SessionConfig } from "./negotiate.ts";
import type { Decoded, Fault, Notification } from "./wire/notification.ts";
import type { OpenEncoding, OpenMessage } from "./wire/open.ts";
import type { RouteRefresh } from "./wire/route_refresh.ts";
import type { DecodedUpdate, Update } from "./wire/update.ts";

/** The states of RFC 4271 §8.2.2. */
export type State =
  | "idle"
  | "connect"
  | "active"
  | "openSent"
  | "openConfirm"
  | "established";

/** Who made a connection: we or the peer. */
export type Side = "outgoing" | "incoming";

/** Timers of the session, and of each connection. */
export type SessionTimer = "connectRetry" | "idleHold" | "stable";
export type ConnectionTimer = "hold" | "keepalive" | "sendHold";

/** What happens to a session; the number is the RFC's event (§8.1). */
export type Event =
  /** 1, 3: the operator wants the session. */
  | { readonly t: "start" }
  /** 2, 8: the operator does not want it any more. */
  | {
    readonly t: "stop";
    /** A subcode of Cease, or `silent`: leave without a word, so that a peer with graceful restart keeps our routes. */
    readonly subcode: number | "silent";
    /** Told to the peer with subcodes 2 and 4 (RFC 9003). */
    readonly communication?: string;
  }
  /** 16: the connection that we made is up. */
  | { readonly t: "connected" }
  /** 17: the peer has connected; answered with `accept` or `reject`. */
  | { readonly t: "incoming" }
  /** 18: the connection is gone, or was never made. */
  | { readonly t: "closed"; readonly side: Side; readonly reason: string }
  /** 9, 13. */
  | { readonly t: "timer"; readonly timer: SessionTimer }
  /** 10, 11; `sendHold` is RFC 9687. */
  | {
    readonly t: "connectionTimer";
    readonly side: Side;
    readonly timer: ConnectionTimer;
  }
  /** Octets went out: the peer reads. */
  | { readonly t: "sent"; readonly side: Side }
  /** 19, 22. */
  | {
    readonly t: "open";
    readonly side: Side;
    readonly result: Decoded<OpenMessage>;
  }
  /** 26. */
  | { readonly t: "keepalive"; readonly side: Side }
  /** 27, 28; the result only matters in established. */
  | {
    readonly t: "update";
    readonly side: Side;
    readonly result?: DecodedUpdate;
  }
  | {
    readonly t: "routeRefresh";
    readonly side: Side;
    readonly refresh: RouteRefresh;
  }
  /** 24, 25. */
  | {
    readonly t: "notification";
    readonly side: Side;
    readonly notification: Notification;
  }
  /** 21, and faults found above the machine, such as too many prefixes. */
  | { readonly t: "fault"; readonly side: Side; readonly fault: Fault };

/** What the shell has to do, in this order. */
export type Effect =
  | { readonly f: "connect" }
  /** Takes the connection of the `incoming` event as this session's. */
  | { readonly f: "accept" }
  /** Sends it a NOTIFICATION, when there is one, and closes it. */
  | { readonly f: "reject"; readonly notification?: Notification }
  /** Closes a connection once what was sent is out, or gives up making it. */
  | { readonly f: "close"; readonly side: Side }
  | {
    readonly f: "sendOpen";
    readonly side: Side;
    readonly open: OpenMessage;
    readonly encoding: OpenEncoding;
  }
  | { readonly f: "sendKeepalive"; readonly side: Side }
  | {
    readonly f: "sendNotification";
    readonly side: Side;
    readonly notification: Notification;
  }
  /** Starts a timer, or starts it anew. */
  | {
    readonly f: "startTimer";
    readonly timer: SessionTimer;
    readonly ms: number;
  }
  | { readonly f: "stopTimer"; readonly timer: SessionTimer }
  | {
    readonly f: "startConnectionTimer";
    readonly side: Side;
    readonly timer: ConnectionTimer;
    readonly ms: number;
  }
  /** Stops all timers of a connection. */
  | { readonly f: "stopConnectionTimers"; readonly side: Side }
  | {
    readonly f: "established";
    readonly side: Side;
    readonly negotiated: Negotiated;
  }
  | { readonly f: "update"; readonly update: Update }
  | { readonly f: "routeRefresh"; readonly refresh: RouteRefresh }
  /** The session was established and is not any more. */
  | {
    readonly f: "down";
    readonly negotiated: Negotiated;
    /** Keep the peer's routes as stale (RFC 4724 §4.2). */
    readonly graceful: boolean;
  }
  /** Why a session ended or could not be made, in words. */
  | { readonly f: "error"; readonly reason: string }
  | { readonly f: "state"; readonly from: State; readonly to: State };

/** One connection. */
export interface Connection {
  readonly state: "connecting" | "openSent" | "openConfirm" | "established";
  /** Capabilities that our OPEN on it left out. */
  readonly omitted: readonly number[] | "all";
  /** From openConfirm on. */
  readonly negotiated?: Negotiated;
}

/** A session. Treat as a value: {@linkcode step} returns a new one. */
export interface Session {
  readonly config: SessionConfig;
  /** Whether the operator wants it. */
  readonly enabled: boolean;
  /** Waiting in idle before the next try. */
  readonly held: boolean;
  readonly outgoing: Connection | undefined;
  readonly incoming: Connection | undefined;
  /** Errors in a row, for the pause between tries. */
  readonly failures: number;
  /** Capabilities to leave out of the next OPEN. */
  readonly omit: readonly number[] | "all";
  /** Whether leaving out was tried since a session last stood. */
  readonly omitTried: boolean;
}

/** Time to wait for an OPEN, milliseconds (RFC 4271 §8.2.2 suggests 4 minutes). */
export const OPEN_HOLD_MS = 240_000;
/** A session that stood this long has got over its earlier errors, milliseconds. */
export const STABLE_MS = 60_000;
/** First and longest pause after an error, milliseconds. */
export const IDLE_HOLD_MS = { first: 1000, longest: 60_000 } as const;
/** Least Send Hold Time, milliseconds (RFC 9687 §5). */
export const SEND_HOLD_MS = 480_000;

/** A session that nobody has started. */
export function createSession(config: SessionConfig): Session {
  return {
    config,
    enabled: false,
    held: false,
    outgoing: undefined,
    incoming: undefined,
    failures: 0,
    omit: [],
    omitTried: false,
  };
}

/** The state of a session as RFC 4271 names it. */
export function stateOf(session: Session): State {
  const states = [session.outgoing?.state, session.incoming?.state];
  for (const state of ["established", "openConfirm", "openSent"] as const) {
    if (states.includes(state)) return state;
  }
  if (!session.enabled || session.held) return "idle";
  return session.outgoing === undefined ? "active" : "connect";
}

/** What an established session runs with. */
export function negotiatedOf(session: Session): Negotiated | undefined {
  for (const connection of [session.outgoing, session.incoming]) {
    if (connection?.state === "established") return connection.negotiated;
  }
  return undefined;
}
