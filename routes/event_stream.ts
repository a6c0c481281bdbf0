/**
 * Events as they happen (server-sent events).
 *
 * A client that comes back with `Last-Event-ID` gets what it missed, as far as
 * it is kept. A client that does not read is cut off, and comes back.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @module
 */

import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import type { Cancel, Clock } from "../lib/base/clock.ts";
import type { AgentEvent, EventFeed } from "../lib/observe/events.ts";
import { problem } from "./problem.ts";

/** How streams are kept. */
export interface StreamOptions {
  readonly clock: Clock;
  /** Ends all streams. */
  readonly signal: AbortSignal;
  /** Silence after which a comment is sent, milliseconds. @default {15000} */
  readonly keepAliveMs?: number;
  /** Streams at once. @default {32} */
  readonly maxStreams?: number;
  /** Events that wait for one client. @default {256} */
  readonly maxQueue?: number;
}

/** Events that a client without `Last-Event-ID` gets at once. */
const FIRST = 50;

/** Serves the events of a feed to any number of clients. */
export class EventStream {
  readonly #feed: EventFeed;
  readonly #options: StreamOptions;
  #open = 0;

  constructor(feed: EventFeed, options: StreamOptions) {
    this.#feed = feed;
    this.#options = options;
  }

  /** Streams that are open now. */
  get open(): number {
    return this.#open;
  }

  serve(c: Context): Response {
    const { clock, signal, keepAliveMs = 15_000, maxStreams = 32 } =
      this.#options;
    if (signal.aborted) return problem(c, 503, "the agent is stopping");
    if (this.#open >= maxStreams) {
      return problem(c, 503, `${maxStreams} event streams are open already`);
    }
    const queue: AgentEvent[] = [...this.#missed(c)];
    this.#open++;
    c.header("x-accel-buffering", "no");
    return streamSSE(c, async (stream) => {
      let ended = false;
      let wake = (): void => {};
      const end = (): void => {
        ended = true;
        wake();
      };
      const leave = this.#feed.subscribe((event) => {
        queue.push(event);
        if (queue.length > (this.#options.maxQueue ?? 256)) end();
        wake();
      });
      stream.onAbort(end);
      signal.addEventListener("abort", end, { once: true });
      try {
        await stream.write("retry: 2000\n\n");
        while (!ended) {
          const event = queue.shift();
          if (event !== undefined) {
            await stream.writeSSE({
              id: String(event.id),
              data: JSON.stringify(event),
            });
            continue;
          }
          const idle = await new Promise<boolean>((resolve) => {
            const cancel: Cancel = clock.timer(
              keepAliveMs,
              () => resolve(true),
            );
            wake = () => {
              cancel();
              resolve(false);
            };
          });
          wake = () => {};
          if (idle) await stream.write(": still here\n\n");
        }
      } finally {
        this.#open--;
        leave();
        signal.removeEventListener("abort", end);
      }
    });
  }

  #missed(c: Context): readonly AgentEvent[] {
    const text = c.req.header("last-event-id") ?? c.req.query("since") ?? "";
    const newest = this.#feed.recent(1)[0]?.id ?? 0;
    // An id above the newest is of an agent that ran before this one.
    return /^\d{1,15}$/.test(text) && Number(text) <= newest
      ? this.#feed.since(Number(text))
      : this.#feed.recent(FIRST);
  }
}
