/**
 * The activities of a reflector: a list request, a watch, a pause. Each is a
 * stream of events that never throws; closing it ends what it does.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { Deadline } from "./deadline.ts";
import type {
  Failure,
  ReflectorEffect,
  ReflectorEvent,
} from "./reflector_state.ts";
import { networkFailure, RequestError, type Transport } from "./transport.ts";
import {
  decodePage,
  decodeWatchLine,
  malformedFailure,
  readLines,
} from "./watch_stream.ts";

/** Limits of requests; milliseconds but for the page size. */
export interface ReflectorLimits {
  /** Objects in a page of a list. */
  readonly pageSize: number;
  /** Until an answer begins. */
  readonly answerMs: number;
  /** Until a page is complete. */
  readonly pageMs: number;
  /**
   * Longest silence of a watch. The API server sends a bookmark about once a
   * minute, without promising it.
   */
  readonly idleMs: number;
  /** Longest silence within a streaming list. */
  readonly streamingQuietMs: number;
}

const LIMITS: ReflectorLimits = {
  pageSize: 500,
  answerMs: 15_000,
  pageMs: 60_000,
  idleMs: 150_000,
  streamingQuietMs: 10_000,
};

/** Events in the batches in which they came. */
export type EventStream = AsyncGenerator<readonly ReflectorEvent[], void>;

/** An effect that begins an activity. */
export type ActivityEffect = Extract<
  ReflectorEffect,
  { f: "list" | "watch" | "wait" }
>;

/** Whether an effect begins an activity. */
export function isActivity(
  effect: ReflectorEffect,
): effect is ActivityEffect {
  return effect.f === "list" || effect.f === "watch" || effect.f === "wait";
}

/** Makes the requests of one reflector. */
export class Requests {
  readonly #path: string;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #onAnswer: () => void;
  readonly #limits: ReflectorLimits;

  /** @param options `onAnswer` is called whenever the server gave something good */
  constructor(options: {
    readonly path: string;
    readonly transport: Transport;
    readonly clock: Clock;
    readonly onAnswer: () => void;
    readonly limits?: Partial<ReflectorLimits>;
  }) {
    this.#path = options.path;
    this.#transport = options.transport;
    this.#clock = options.clock;
    this.#onAnswer = options.onAnswer;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  /** Begins an activity; its stream ends with the signal. */
  begin(effect: ActivityEffect, signal: AbortSignal): EventStream {
    switch (effect.f) {
      case "list":
        return this.#list(effect.continueToken, signal);
      case "watch":
        return this.#watch(effect, signal);
      case "wait":
        return this.#wait(effect.ms, signal);
    }
  }

  async *#wait(ms: number, signal: AbortSignal): EventStream {
    using deadline = new Deadline(this.#clock, signal);
    await deadline.wait(ms);
    yield [{ t: "resume" }];
  }

  async *#list(continueToken: string, signal: AbortSignal): EventStream {
    const query = new URLSearchParams({ limit: `${this.#limits.pageSize}` });
    if (continueToken !== "") query.set("continue", continueToken);
    using deadline = new Deadline(this.#clock, signal);
    let page: ReflectorEvent;
    try {
      deadline.set(this.#limits.answerMs, "no answer");
      const path = `${this.#path}?${query}`;
      const response = await this.#transport.request(path, deadline);
      deadline.set(this.#limits.pageMs, "the list did not end");
      page = decodePage(await response.json());
      this.#onAnswer();
    } catch (error) {
      const failure = deadline.expired === undefined
        ? failureOf(error)
        : networkFailure(new Error(deadline.expired));
      page = { t: "failed", failure, openMs: 0 };
    }
    yield [page];
  }

  async *#watch(
    effect: Extract<ReflectorEffect, { f: "watch" }>,
    signal: AbortSignal,
  ): EventStream {
    const { idleMs, streamingQuietMs, answerMs } = this.#limits;
    using deadline = new Deadline(this.#clock, signal);
    let openedAt: number | undefined;
    let quietMs = effect.streaming ? streamingQuietMs : idleMs;
    const openMs = (): number =>
      openedAt === undefined ? 0 : this.#clock.monotonic() - openedAt;
    try {
      deadline.set(answerMs, "no answer");
      const response = await this.#transport.request(
        `${this.#path}?${watchQuery(effect)}`,
        deadline,
      );
      openedAt = this.#clock.monotonic();
      if (response.body === null) throw new Error("the watch has no body");
      if (!effect.streaming) this.#onAnswer();
      deadline.set(quietMs, "silent");
      for await (const lines of readLines(response.body)) {
        deadline.clear();
        if (lines.length > 0) this.#onAnswer();
        const events = lines.map((line) =>
          withOpenMs(decodeWatchLine(line), openMs())
        );
        if (events.some(endsInitialEvents)) quietMs = idleMs;
        yield events;
        deadline.set(quietMs, "silent");
      }
      deadline.clear();
      yield [{ t: "ended", openMs: openMs() }];
    } catch (error) {
      if (deadline.expired !== undefined && openedAt !== undefined) {
        yield [{ t: "silent" }];
        return;
      }
      const failure = deadline.expired === undefined
        ? failureOf(error)
        : networkFailure(new Error(deadline.expired));
      yield [{ t: "failed", failure, openMs: openMs() }];
    }
  }
}

function endsInitialEvents(event: ReflectorEvent): boolean {
  return event.t === "bookmark" && event.initialEventsEnd;
}

function watchQuery(
  effect: Extract<ReflectorEffect, { f: "watch" }>,
): URLSearchParams {
  const query = new URLSearchParams({
    watch: "true",
    allowWatchBookmarks: "true",
    timeoutSeconds: `${effect.timeoutSeconds}`,
  });
  if (effect.streaming) {
    query.set("sendInitialEvents", "true");
    query.set("resourceVersionMatch", "NotOlderThan");
  }
  if (effect.resourceVersion !== "") {
    query.set("resourceVersion", effect.resourceVersion);
  }
  return query;
}

function withOpenMs(event: ReflectorEvent, openMs: number): ReflectorEvent {
  return event.t === "failed" ? { ...event, openMs } : event;
}

function failureOf(error: unknown): Failure {
  if (error instanceof RequestError) return error.failure;
  if (error instanceof SyntaxError || error instanceof RangeError) {
    return malformedFailure(`the answer is not understood: ${error.message}`);
  }
  return networkFailure(error);
}
