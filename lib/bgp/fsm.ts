/**
 * The BGP state machine of one peer (RFC 4271 §8) as a pure reducer.
 *
 * ```
 *            start                  connected
 *   idle ───────────▶ connect ───────────────────▶ openSent
 *    ▲ ▲               │   ▲                         │  OPEN
 *    │ └── idleHold ── │   │ connectRetry            ▼
 *    │                 ▼   │        accepted      openConfirm
 *    │               active ─────────────────────▶   │  KEEPALIVE
 *    │                                               ▼
 *    └────── stop, error, loss of the connection ── established
 * ```
 *
 * A peer can have two connections at a time, one made by each side (§6.8); each
 * goes through openSent and openConfirm on its own, and at most one becomes
 * established. The session's state is that of its foremost connection.
 *
 * Every pair of state and event has an outcome; there is no error return. Time
 * and chance come from outside: timers are effects, their expiry is an event,
 * jitter is an argument.
 *
 * RFC says / we do: in idle after an error, DampPeerOscillations is always on
 * (1 s, doubled with each further error up to 60 s). A failed TCP connection
 * leads from connect to active, as common practice has it, not to idle. A
 * connection from the peer replaces an older one of its own that is not yet
 * established: the peer has given that one up. A peer that answers our OPEN with
 * 2/4 or 2/7 gets one without the capabilities in question, once.
 *
 * @module
 */

import {
  gracefulFamilies,
  localOpen,
  negotiate,
  type Negotiated,
  type SessionConfig,
} from "./negotiate.ts";
import { compareIp } from "../net/ip.ts";
import {
  type Connection,
  type ConnectionTimer,
  type Effect,
  type Event,
  IDLE_HOLD_MS,
  OPEN_HOLD_MS,
  SEND_HOLD_MS,
  type Session,
  type SessionTimer,
  type Side,
  STABLE_MS,
  type State,
  stateOf,
} from "./session.ts";
import {
  CEASE,
  type Decoded,
  describeNotification,
  encodeCommunication,
  ERROR,
  type Fault,
  fault,
  type Notification,
} from "./wire/notification.ts";
import type { OpenMessage } from "./wire/open.ts";
import type { DecodedUpdate } from "./wire/update.ts";

/**
 * The reducer.
 *
 * @param jitter 0.75 to 1, a factor on connectRetry, keepalive and idleHold (RFC 4271 §10)
 */
export function step(
  session: Session,
  event: Event,
  jitter = 1,
): readonly [Session, readonly Effect[]] {
  const machine = new Machine(session, jitter);
  machine.handle(event);
  return machine.finish();
}

const SIDES: readonly Side[] = ["outgoing", "incoming"];

/** One run of the reducer: the session being changed, and the effects so far. */
class Machine {
  #session: Session;
  readonly #before: State;
  readonly #jitter: number;
  readonly #effects: Effect[] = [];

  constructor(session: Session, jitter: number) {
    this.#session = session;
    this.#before = stateOf(session);
    this.#jitter = jitter;
  }

  finish(): readonly [Session, readonly Effect[]] {
    const to = stateOf(this.#session);
    if (to !== this.#before) {
      this.#effects.push({ f: "state", from: this.#before, to });
    }
    return [this.#session, this.#effects];
  }

  handle(event: Event): void {
    switch (event.t) {
      case "start":
        return this.#start();
      case "stop":
        return this.#stop(event.subcode, event.communication);
      case "connected":
        return this.#connected();
      case "incoming":
        return this.#incoming();
      case "timer":
        return this.#timer(event.timer);
    }
    const connection = this.#session[event.side];
    // A connection that was given up may still have something under way.
    if (connection === undefined) return;
    switch (event.t) {
      case "closed":
        return this.#closed(event.side, connection, event.reason);
      case "fault":
        return this.#fail(event.side, event.fault);
      case "notification":
        return this.#notified(event.side, connection, event.notification);
      case "sent":
        return this.#sent(event.side, connection);
      case "connectionTimer":
        return this.#connectionTimer(event.side, connection, event.timer);
      case "open":
        return connection.state === "openSent"
          ? this.#opened(event.side, connection, event.result)
          : this.#unexpected(event.side, connection, "OPEN");
      case "keepalive":
        return this.#keepalive(event.side, connection);
      case "update":
        return this.#update(event.side, connection, event.result);
      case "routeRefresh":
        if (connection.state !== "established") {
          return this.#unexpected(event.side, connection, "ROUTE-REFRESH");
        }
        this.#do({ f: "routeRefresh", refresh: event.refresh });
    }
  }

  #start(): void {
    if (this.#session.enabled) return;
    this.#set({ enabled: true, held: false, failures: 0 });
    this.#connect();
  }

  #stop(subcode: number | "silent", communication: string | undefined): void {
    const told = subcode === CEASE.administrativeShutdown ||
      subcode === CEASE.administrativeReset;
    for (const side of SIDES) {
      const connection = this.#session[side];
      if (connection === undefined) continue;
      if (subcode !== "silent" && connection.state !== "connecting") {
        this.#do({
          f: "sendNotification",
          side,
          notification: {
            code: ERROR.cease,
            subcode,
            data: told && communication !== undefined
              ? encodeCommunication(communication)
              : new Uint8Array(0),
          },
        });
      }
      this.#drop(side, false);
    }
    if (this.#session.enabled) {
      for (const timer of ["connectRetry", "idleHold", "stable"] as const) {
        this.#do({ f: "stopTimer", timer });
      }
    }
    this.#set({
      enabled: false,
      held: false,
      failures: 0,
      omit: [],
      omitTried: false,
    });
  }

  /** Goes to connect, or to active when the peer has to make the connection. */
  #connect(): void {
    const { config } = this.#session;
    if (config.passive) return;
    this.#setConnection("outgoing", { state: "connecting", omitted: [] });
    this.#do({
      f: "startTimer",
      timer: "connectRetry",
      ms: config.connectRetrySeconds * 1000 * this.#jitter,
    });
    this.#do({ f: "connect" });
  }

  #connected(): void {
    if (this.#session.outgoing?.state !== "connecting") return;
    this.#do({ f: "stopTimer", timer: "connectRetry" });
    this.#open("outgoing");
  }

  #incoming(): void {
    const { enabled, held, incoming } = this.#session;
    if (!enabled || held) {
      this.#do({ f: "reject" });
      return;
    }
    const established = SIDES.find((side) =>
      this.#session[side]?.state === "established"
    );
    if (established !== undefined) {
      if (!comesBack(this.#session[established]?.negotiated)) {
        const data = new Uint8Array(0);
        this.#do({
          f: "reject",
          notification: {
            code: ERROR.cease,
            subcode: CEASE.collision,
            data,
          },
        });
        return;
      }
      // RFC 4724 §4.2: the peer has restarted, and we had not noticed.
      this.#do({ f: "error", reason: "the peer connected anew" });
      this.#drop(established, true);
    } else if (incoming !== undefined) {
      this.#cease("incoming", CEASE.collision);
    }
    this.#do({ f: "accept" });
    this.#open("incoming");
  }

  /** Enters openSent. */
  #open(side: Side): void {
    const { omit, config } = this.#session;
    this.#setConnection(side, { state: "openSent", omitted: omit });
    this.#set({ omit: [] });
    this.#do({
      f: "sendOpen",
      side,
      open: localOpen(config),
      encoding: { omit },
    });
    this.#startTimer(side, "hold", OPEN_HOLD_MS);
  }

  #opened(
    side: Side,
    connection: Connection,
    result: Decoded<OpenMessage>,
  ): void {
    const { config } = this.#session;
    const judged = result.ok
      ? negotiate(config, result.value, connection.omitted)
      : result;
    if (!judged.ok) return this.#fail(side, judged.fault);
    const negotiated = judged.value;
    const other: Side = side === "outgoing" ? "incoming" : "outgoing";
    const rival = this.#session[other]?.state;
    if (rival === "established") return this.#cease(side, CEASE.collision);
    if (rival === "openConfirm") {
      const loser: Side = isDominant(config, negotiated)
        ? "incoming"
        : "outgoing";
      this.#cease(loser, CEASE.collision);
      if (loser === side) return;
    }
    this.#setConnection(side, {
      ...connection,
      state: "openConfirm",
      negotiated,
    });
    this.#do({ f: "sendKeepalive", side });
    this.#do({ f: "stopConnectionTimers", side });
    this.#startHold(side, negotiated);
    this.#startKeepalive(side, negotiated);
    this.#startSendHold(side, negotiated);
  }

  #keepalive(side: Side, connection: Connection): void {
    const { negotiated } = connection;
    if (negotiated === undefined) {
      return this.#unexpected(side, connection, "KEEPALIVE");
    }
    this.#startHold(side, negotiated);
    if (connection.state === "openConfirm") {
      this.#establish(side, connection, negotiated);
    }
  }

  #establish(
    side: Side,
    connection: Connection,
    negotiated: Negotiated,
  ): void {
    const other: Side = side === "outgoing" ? "incoming" : "outgoing";
    if (this.#session[other] !== undefined) {
      this.#cease(other, CEASE.collision);
    }
    this.#do({ f: "stopTimer", timer: "connectRetry" });
    this.#do({ f: "startTimer", timer: "stable", ms: STABLE_MS });
    this.#setConnection(side, { ...connection, state: "established" });
    this.#set({ omitTried: false });
    this.#do({ f: "established", side, negotiated });
  }

  #update(
    side: Side,
    connection: Connection,
    result: DecodedUpdate | undefined,
  ): void {
    const { negotiated } = connection;
    if (
      connection.state !== "established" || negotiated === undefined ||
      result === undefined
    ) return this.#unexpected(side, connection, "UPDATE");
    if (result.kind === "reset") return this.#fail(side, result.fault);
    this.#startHold(side, negotiated);
    this.#do({ f: "update", update: result });
  }

  /** RFC 6608. */
  #unexpected(side: Side, connection: Connection, message: string): void {
    const subcode =
      { connecting: 0, openSent: 1, openConfirm: 2, established: 3 }[
        connection.state
      ];
    this.#fail(
      side,
      fault(
        ERROR.stateMachine,
        subcode,
        `${message} in ${connection.state}`,
      ),
    );
  }

  #sent(side: Side, { negotiated }: Connection): void {
    if (negotiated !== undefined) this.#startSendHold(side, negotiated);
  }

  #timer(timer: SessionTimer): void {
    const { enabled, held, outgoing, incoming } = this.#session;
    if (!enabled) return;
    switch (timer) {
      case "stable":
        this.#set({ failures: 0 });
        return;
      case "idleHold":
        if (!held) return;
        this.#set({ held: false });
        this.#connect();
        return;
      case "connectRetry":
        if (held || (outgoing ?? incoming)?.state === "established") return;
        if (outgoing?.state === "connecting") {
          this.#drop("outgoing", false);
        } else if (outgoing !== undefined) return;
        this.#connect();
    }
  }

  #connectionTimer(
    side: Side,
    connection: Connection,
    timer: ConnectionTimer,
  ): void {
    switch (timer) {
      case "keepalive":
        if (connection.negotiated === undefined) return;
        this.#do({ f: "sendKeepalive", side });
        return this.#startKeepalive(side, connection.negotiated);
      case "hold":
        return this.#fail(
          side,
          fault(
            ERROR.holdTimer,
            0,
            connection.negotiated === undefined
              ? "no OPEN came"
              : `nothing came for ${connection.negotiated.holdTimeSeconds} s`,
          ),
        );
      case "sendHold":
        return this.#fail(
          side,
          fault(ERROR.sendHoldTimer, 0, "the peer does not read"),
        );
    }
  }

  /** TCP is gone. */
  #closed(side: Side, connection: Connection, reason: string): void {
    this.#do({ f: "error", reason });
    this.#drop(side, comesBack(connection.negotiated));
    const early = connection.state === "connecting" ||
      connection.state === "openSent";
    if (!early) return this.#hold();
    if (this.#others() || connection.state === "connecting") return;
    this.#do({
      f: "startTimer",
      timer: "connectRetry",
      ms: this.#session.config.connectRetrySeconds * 1000 * this.#jitter,
    });
  }

  /** The peer ends the connection. RFC 4271 §6.4: no answer. */
  #notified(
    side: Side,
    connection: Connection,
    notification: Notification,
  ): void {
    const collision = notification.code === ERROR.cease &&
      notification.subcode === CEASE.collision;
    if (!(collision && this.#othersThan(side))) {
      this.#do({
        f: "error",
        reason: `the peer sent ${describeNotification(notification)}`,
      });
    }
    if (!this.#session.omitTried && connection.state !== "established") {
      const omit = capabilitiesToOmit(notification);
      if (omit !== undefined) this.#set({ omit, omitTried: true });
    }
    this.#drop(side, false);
    this.#hold(collision);
  }

  /** We end the connection. */
  #fail(side: Side, cause: Fault): void {
    const { reason, ...notification } = cause;
    this.#do({
      f: "error",
      reason: `${describeNotification(notification)}: ${reason}`,
    });
    if (this.#session[side]?.state !== "connecting") {
      this.#do({ f: "sendNotification", side, notification });
    }
    this.#drop(side, false);
    this.#hold();
  }

  /** Ends a connection that is not needed; no error. */
  #cease(side: Side, subcode: number): void {
    if (this.#session[side]?.state !== "connecting") {
      this.#do({
        f: "sendNotification",
        side,
        notification: {
          code: ERROR.cease,
          subcode,
          data: new Uint8Array(0),
        },
      });
    }
    this.#drop(side, false);
  }

  /** Forgets a connection. */
  #drop(side: Side, graceful: boolean): void {
    const connection = this.#session[side];
    if (connection === undefined) return;
    this.#do({ f: "stopConnectionTimers", side });
    this.#do({ f: "close", side });
    this.#setConnection(side, undefined);
    if (connection.state === "established" && connection.negotiated) {
      this.#do({ f: "stopTimer", timer: "stable" });
      this.#do({ f: "down", negotiated: connection.negotiated, graceful });
    }
  }

  /** Goes to idle for a while, unless another connection still lives. */
  #hold(forgiven = false): void {
    if (this.#others()) return;
    const failures = this.#session.failures + (forgiven ? 0 : 1);
    const ms = Math.min(
      IDLE_HOLD_MS.longest,
      IDLE_HOLD_MS.first * 2 ** Math.max(0, failures - 1),
    );
    this.#set({ held: true, failures });
    this.#do({ f: "stopTimer", timer: "connectRetry" });
    this.#do({ f: "startTimer", timer: "idleHold", ms: ms * this.#jitter });
  }

  #others(): boolean {
    return this.#session.outgoing !== undefined ||
      this.#session.incoming !== undefined;
  }

  #othersThan(side: Side): boolean {
    return this.#session[side === "outgoing" ? "incoming" : "outgoing"] !==
      undefined;
  }

  #startHold(side: Side, { holdTimeSeconds }: Negotiated): void {
    if (holdTimeSeconds > 0) {
      this.#startTimer(side, "hold", holdTimeSeconds * 1000);
    }
  }

  #startKeepalive(side: Side, { holdTimeSeconds }: Negotiated): void {
    if (holdTimeSeconds > 0) {
      const ms = holdTimeSeconds * 1000 / 3 * this.#jitter;
      this.#startTimer(side, "keepalive", ms);
    }
  }

  #startSendHold(side: Side, { holdTimeSeconds }: Negotiated): void {
    if (holdTimeSeconds > 0) {
      const ms = Math.max(SEND_HOLD_MS, 2 * holdTimeSeconds * 1000);
      this.#startTimer(side, "sendHold", ms);
    }
  }

  #startTimer(side: Side, timer: ConnectionTimer, ms: number): void {
    this.#do({ f: "startConnectionTimer", side, timer, ms });
  }

  #do(effect: Effect): void {
    this.#effects.push(effect);
  }

  #set(change: Partial<Session>): void {
    this.#session = { ...this.#session, ...change };
  }

  #setConnection(side: Side, connection: Connection | undefined): void {
    this.#session = { ...this.#session, [side]: connection };
  }
}

/** Whether a peer that goes without a NOTIFICATION wants its routes kept (RFC 4724 §4.2). */
function comesBack(negotiated: Negotiated | undefined): boolean {
  return negotiated !== undefined &&
    gracefulFamilies(negotiated, false).length > 0;
}

/** Whether the connection that we made wins a collision (RFC 4271 §6.8, RFC 6286 §2.3). */
function isDominant(config: SessionConfig, negotiated: Negotiated): boolean {
  const order = compareIp(config.routerId, negotiated.remoteRouterId);
  return order === 0 ? config.localAs > negotiated.remoteAs : order > 0;
}

/** What to leave out after the peer refused our OPEN, or undefined when that would not help. */
function capabilitiesToOmit(
  { code, subcode, data }: Notification,
): readonly number[] | "all" | undefined {
  if (code !== ERROR.open) return undefined;
  if (subcode === 4) return "all";
  if (subcode !== 7) return undefined;
  const codes: number[] = [];
  for (let at = 0; at + 1 < data.length; at += 2 + (data[at + 1] ?? 0)) {
    codes.push(data[at] ?? 0);
  }
  return codes.length === 0 ? "all" : codes;
}
