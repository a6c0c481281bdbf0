/**
 * What happened lately: a ring of events for people, and those who want to hear
 * of the next one.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";

/** How much an event matters; the levels of the log. */
export type EventLevel = "info" | "warn" | "error";

/** Something that happened, as the dashboard and `/api/v1/events` show it. */
export interface AgentEvent {
  /** Counts up from 1 since the agent started. */
  readonly id: number;
  /** Wall clock, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly level: EventLevel;
  /** Stable dotted name, for example `bgp.session.state`. */
  readonly event: string;
  /** A sentence for people. */
  readonly message: string;
  /** What it is about: `Service default/web`, `peer 10.0.0.1`; empty for the agent itself. */
  readonly object: string;
}

/** Called with each new event; must not block. */
export type EventListener = (event: AgentEvent) => void;

/** The events, to read. */
export interface EventFeed {
  /** The newest events, oldest first; all that are kept when no limit is given. */
  recent(limit?: number): readonly AgentEvent[];
  /** Kept events with an id above `id`, oldest first. */
  since(id: number): readonly AgentEvent[];
  /** Calls the listener with every event from now on; returns how to stop that. */
  subscribe(listener: EventListener): () => void;
}

/** Keeps the last events and tells listeners. */
export class EventLog implements EventFeed {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #events: AgentEvent[] = [];
  readonly #listeners = new Set<EventListener>();
  #lastId = 0;

  /** @param capacity events kept; the oldest goes first */
  constructor(clock: Clock, capacity = 512) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`Cannot keep ${capacity} events`);
    }
    this.#clock = clock;
    this.#capacity = capacity;
  }

  /** Adds an event; a listener that throws does not keep the others from hearing it. */
  record(
    level: EventLevel,
    event: string,
    message: string,
    object = "",
  ): AgentEvent {
    const entry: AgentEvent = {
      id: ++this.#lastId,
      timeMs: this.#clock.now(),
      level,
      event,
      message,
      object,
    };
    this.#events.push(entry);
    if (this.#events.length > this.#capacity) this.#events.shift();
    for (const listener of [...this.#listeners]) {
      try {
        listener(entry);
      } catch {
        // A listener's fault is its own: what happened is recorded either way.
        this.#listeners.delete(listener);
      }
    }
    return entry;
  }

  recent(limit = this.#capacity): readonly AgentEvent[] {
    return limit <= 0 ? [] : this.#events.slice(-limit);
  }

  since(id: number): readonly AgentEvent[] {
    return this.#events.filter((event) => event.id > id);
  }

  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Listeners that are subscribed now. */
  get listenerCount(): number {
    return this.#listeners.size;
  }
}
