/**
 * One neighbour: drives the state machine with sockets and timers, and carries
 * out what it asks for.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { step } from "../bgp/fsm.ts";
import type { Negotiated, SessionConfig } from "../bgp/negotiate.ts";
import {
  createSession,
  type Effect,
  type Event,
  type Session,
  type Side,
  type State,
  stateOf,
} from "../bgp/session.ts";
import {
  encodeMessage,
  type Frame,
  KEEPALIVE,
  MESSAGE,
} from "../bgp/wire/frame.ts";
import {
  decodeNotificationBody,
  encodeNotificationBody,
  type Notification,
} from "../bgp/wire/notification.ts";
import { decodeOpen, encodeOpenBody } from "../bgp/wire/open.ts";
import {
  decodeRouteRefresh,
  type RouteRefresh,
} from "../bgp/wire/route_refresh.ts";
import {
  decodeUpdate,
  type Update,
  type UpdateContext,
} from "../bgp/wire/update.ts";
import type { PeerConfig } from "./api.ts";
import { Link } from "./link.ts";
import { formatEndpoint } from "./tcp.ts";
import { Timers } from "./timers.ts";
import type { Stream, Transport } from "./transport.ts";

/** What a peer needs of the world, and whom it tells. */
export interface PeerHost {
  readonly clock: Clock;
  readonly log: Logger;
  readonly transport: Transport;
  /** A number in [0, 1). */
  readonly random: () => number;
  established(peer: Peer, established: Established): void;
  update(peer: Peer, update: Update): void;
  routeRefresh(peer: Peer, refresh: RouteRefresh): void;
  down(peer: Peer, negotiated: Negotiated, graceful: boolean): void;
  /** The write queue has run empty. */
  drained(peer: Peer): void;
}

/** A session that stands. */
export interface Established {
  readonly negotiated: Negotiated;
  readonly link: Link;
}

/** A neighbour and its session. */
export class Peer {
  /** May be replaced by one with the same fingerprint. */
  config: PeerConfig;
  readonly #host: PeerHost;
  readonly #timers: Timers;
  readonly #links = new Map<Side, Link>();
  readonly #closing = new Set<Promise<void>>();
  #session: Session;
  #queue: Event[] = [];
  #running = false;
  #attempt: AbortController | undefined;
  #pending: Stream | undefined;
  #context: UpdateContext | undefined;
  #since: number;

  established: Established | undefined;
  lastError: string | undefined;
  /** Wall clock, milliseconds. */
  lastErrorMs: number | undefined;
  establishedCount = 0;
  received = 0;
  sent = 0;

  constructor(config: PeerConfig, session: SessionConfig, host: PeerHost) {
    this.config = config;
    this.#host = host;
    this.#timers = new Timers(host.clock);
    this.#session = createSession(session);
    this.#since = host.clock.now();
  }

  /** The state of RFC 4271 §8.2.2. */
  get state(): State {
    return stateOf(this.#session);
  }

  /** When the state was entered, milliseconds since the epoch. */
  get since(): number {
    return this.#since;
  }

  /** Starts trying. */
  start(): void {
    this.dispatch({ t: "start" });
  }

  /**
   * Ends the session.
   *
   * @param subcode a subcode of Cease, or `silent`
   * @returns when every socket is closed
   */
  async stop(
    subcode: number | "silent",
    communication?: string,
  ): Promise<void> {
    this.dispatch({
      t: "stop",
      subcode,
      ...(communication === undefined ? {} : { communication }),
    });
    this.#timers.stopAll();
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }

  /** Takes a connection that the peer has made, or refuses it. */
  incoming(stream: Stream): void {
    this.#pending = stream;
    this.dispatch({ t: "incoming" });
  }

  /** No longer says in OPEN that we have just restarted (RFC 4724 §4.1). */
  restarted(): void {
    const { config } = this.#session;
    if (config.gracefulRestart?.restarting !== true) return;
    this.#session = {
      ...this.#session,
      config: {
        ...config,
        gracefulRestart: { ...config.gracefulRestart, restarting: false },
      },
    };
  }

  /** Queues messages on the established session. */
  send(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.established?.link.send(message);
    this.sent += messages.length;
  }

  /** Runs the state machine; events that come up meanwhile wait their turn. */
  dispatch(event: Event): void {
    this.#queue.push(event);
    if (this.#running) return;
    this.#running = true;
    for (
      let next = this.#queue.shift();
      next !== undefined;
      next = this.#queue.shift()
    ) {
      const jitter = 1 - this.#host.random() / 4;
      const [session, effects] = step(this.#session, next, jitter);
      this.#session = session;
      for (const effect of effects) this.#perform(effect);
    }
    this.#running = false;
  }

  #perform(effect: Effect): void {
    switch (effect.f) {
      case "connect":
        return this.#connect();
      case "accept":
        return this.#accept();
      case "reject":
        return this.#reject(effect.notification);
      case "close":
        return this.#close(effect.side);
      case "sendOpen":
        return this.#send(
          effect.side,
          encodeMessage(
            MESSAGE.open,
            encodeOpenBody(effect.open, effect.encoding),
          ),
        );
      case "sendKeepalive":
        return this.#send(effect.side, KEEPALIVE);
      case "sendNotification":
        return this.#send(
          effect.side,
          notificationMessage(effect.notification),
        );
      case "startTimer": {
        const { timer } = effect;
        return this.#timers.start(
          timer,
          effect.ms,
          () => this.dispatch({ t: "timer", timer }),
        );
      }
      case "stopTimer":
        return this.#timers.stop(effect.timer);
      case "startConnectionTimer": {
        const { side, timer } = effect;
        return this.#timers.start(
          `${side} ${timer}`,
          effect.ms,
          () => this.dispatch({ t: "connectionTimer", side, timer }),
        );
      }
      case "stopConnectionTimers":
        for (const timer of ["hold", "keepalive", "sendHold"]) {
          this.#timers.stop(`${effect.side} ${timer}`);
        }
        return;
      case "established":
        return this.#established(effect.side, effect.negotiated);
      case "update":
        return this.#host.update(this, effect.update);
      case "routeRefresh":
        return this.#host.routeRefresh(this, effect.refresh);
      case "down":
        this.established = undefined;
        this.#context = undefined;
        return this.#host.down(this, effect.negotiated, effect.graceful);
      case "error":
        this.lastError = effect.reason;
        this.lastErrorMs = this.#host.clock.now();
        return this.#host.log.warn(
          "bgp.session.error",
          `BGP session with ${this.config.address}: ${effect.reason}`,
          { peer: this.config.address },
        );
      case "state":
        this.#since = this.#host.clock.now();
        return this.#host.log.info(
          "bgp.session.state",
          `BGP session with ${this.config.address}: ${effect.from} to ${effect.to}`,
          { peer: this.config.address, from: effect.from, to: effect.to },
        );
    }
  }

  #established(side: Side, negotiated: Negotiated): void {
    const link = this.#links.get(side);
    if (link === undefined) return;
    this.#context = {
      external: negotiated.external,
      fourOctetAs: negotiated.fourOctetAs,
      families: negotiated.families,
      allowAsSets: this.config.allowAsSets ?? false,
      localAddresses: [link.stream.local.address],
    };
    this.established = { negotiated, link };
    this.establishedCount++;
    this.#host.established(this, this.established);
  }

  #connect(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const done = this.#tryConnect(attempt.signal).finally(() =>
      this.#closing.delete(done)
    );
    this.#closing.add(done);
  }

  async #tryConnect(signal: AbortSignal): Promise<void> {
    const { address, port = 179 } = this.config;
    try {
      const stream = await this.#host.transport.connect({
        address,
        port,
        signal,
      });
      if (signal.aborted) return stream.close();
      this.#attempt = undefined;
      this.#attach("outgoing", stream);
      this.dispatch({ t: "connected" });
    } catch (error) {
      if (signal.aborted) return;
      this.#attempt = undefined;
      this.dispatch({
        t: "closed",
        side: "outgoing",
        reason: messageOf(error),
      });
    }
  }

  #accept(): void {
    const stream = this.#pending;
    this.#pending = undefined;
    if (stream !== undefined) this.#attach("incoming", stream);
  }

  #reject(notification: Notification | undefined): void {
    const stream = this.#pending;
    this.#pending = undefined;
    if (stream === undefined) return;
    this.#host.log.debug(
      "bgp.connection.rejected",
      `Refused a connection from ${formatEndpoint(stream.remote)}`,
      { peer: this.config.address },
    );
    const closed = refuse(stream, this.#host.clock, notification).finally(() =>
      this.#closing.delete(closed)
    );
    this.#closing.add(closed);
  }

  #attach(side: Side, stream: Stream): void {
    const link = new Link(stream, this.#host.clock, {
      frame: (frame) => this.#frame(side, frame),
      fault: (fault) => this.dispatch({ t: "fault", side, fault }),
      closed: (reason) => this.dispatch({ t: "closed", side, reason }),
      sent: () => this.dispatch({ t: "sent", side }),
      drained: () => this.#host.drained(this),
    });
    this.#links.set(side, link);
  }

  #frame(side: Side, { type, body }: Frame): void {
    this.received++;
    switch (type) {
      case MESSAGE.open:
        return this.dispatch({ t: "open", side, result: decodeOpen(body) });
      case MESSAGE.update:
        return this.dispatch({
          t: "update",
          side,
          ...(this.#context === undefined ||
              this.#session[side]?.state !== "established"
            ? {}
            : { result: decodeUpdate(body, this.#context) }),
        });
      case MESSAGE.notification:
        return this.dispatch({
          t: "notification",
          side,
          notification: decodeNotificationBody(body),
        });
      case MESSAGE.keepalive:
        return this.dispatch({ t: "keepalive", side });
      case MESSAGE.routeRefresh:
        return this.dispatch({
          t: "routeRefresh",
          side,
          refresh: decodeRouteRefresh(body),
        });
    }
  }

  #send(side: Side, message: Uint8Array): void {
    const link = this.#links.get(side);
    if (link === undefined) return;
    link.send(message);
    this.sent++;
  }

  #close(side: Side): void {
    if (side === "outgoing") {
      this.#attempt?.abort();
      this.#attempt = undefined;
    }
    const link = this.#links.get(side);
    if (link === undefined) return;
    this.#links.delete(side);
    const closed = link.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** A whole NOTIFICATION message. */
function notificationMessage(notification: Notification): Uint8Array {
  return encodeMessage(
    MESSAGE.notification,
    encodeNotificationBody(notification),
  );
}

/** Closes a connection that belongs to no session, saying why when there is something to say. */
export function refuse(
  stream: Stream,
  clock: Clock,
  notification: Notification | undefined,
): Promise<void> {
  const nothing = (): void => {};
  const link = new Link(stream, clock, {
    frame: nothing,
    fault: nothing,
    closed: nothing,
    sent: nothing,
    drained: nothing,
  });
  if (notification !== undefined) link.send(notificationMessage(notification));
  return link.close();
}
