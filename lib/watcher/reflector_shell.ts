/**
 * Carries out what the reflector decides: requests, timers, and handing objects
 * to the sink.
 *
 * One activity runs at a time (a list request, a watch, a pause); it is a
 * generator of events, and the next activity begins when the last one is closed.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { apiVersionOf, type Resource } from "../cluster/decode_object.ts";
import type { ObjectKey } from "../cluster/model.ts";
import { Deadline } from "./deadline.ts";
import { step } from "./reflector.ts";
import {
  type Activity,
  type Failure,
  initialReflector,
  REFLECTOR_SETTINGS,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorSettings,
  type ReflectorState,
  type RestartReason,
} from "./reflector_state.ts";
import type { Decoded, Sink } from "./sink.ts";
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

/** How the copy of one collection is doing; times are wall clock, milliseconds since the epoch. */
export interface ReflectorStatus {
  readonly kind: string;
  /** The path of the collection. */
  readonly path: string;
  readonly synced: boolean;
  readonly activity: Activity;
  readonly mode: "streaming" | "paging";
  readonly resourceVersion: string;
  /** Objects and bookmarks received. */
  readonly events: number;
  readonly lastEventMs: number | undefined;
  /** Since when the API server does not answer; undefined while it does. */
  readonly disconnectedSinceMs: number | undefined;
  /** What the last failure said; undefined while all is well. */
  readonly problem: string | undefined;
  /** How often it asked anew, by reason. */
  readonly restarts: Readonly<Partial<Record<RestartReason, number>>>;
  /** Objects that had no usable name. */
  readonly skipped: number;
}

type Events = AsyncGenerator<readonly ReflectorEvent[], void>;

/** Keeps the sink's copy of one collection up to date. */
export class Reflector {
  readonly #resource: Resource;
  readonly #path: string;
  readonly #transport: Transport;
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #limits: ReflectorLimits;
  readonly #settings: ReflectorSettings;
  readonly #onSynced: () => void;

  #state: ReflectorState;
  #collected = new Map<ObjectKey, Decoded>();
  #events = 0;
  #skipped = 0;
  #lastEventMs: number | undefined;
  #disconnectedSinceMs: number | undefined;
  #problem: string | undefined;
  readonly #restarts: Partial<Record<RestartReason, number>> = {};

  /** @param options `onSynced` is called after each complete list */
  constructor(options: {
    readonly resource: Resource;
    readonly transport: Transport;
    readonly sink: Sink;
    readonly clock: Clock;
    readonly log: Logger;
    /** From 0 to 1. */
    readonly random: () => number;
    readonly onSynced?: () => void;
    readonly settings?: Partial<ReflectorSettings>;
    readonly limits?: Partial<ReflectorLimits>;
  }) {
    const { resource } = options;
    this.#resource = resource;
    const root = resource.group === "" ? "/api" : "/apis";
    this.#path = `${root}/${apiVersionOf(resource)}/${resource.plural}`;
    this.#transport = options.transport;
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#random = options.random;
    this.#onSynced = options.onSynced ?? ((): void => {});
    this.#limits = { ...LIMITS, ...options.limits };
    this.#settings = { ...REFLECTOR_SETTINGS, ...options.settings };
    this.#state = initialReflector(this.#settings);
    this.#disconnectedSinceMs = this.#clock.now();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#state = initialReflector(this.#settings);
    let running: Events | undefined;
    let events: readonly ReflectorEvent[] = [{ t: "start" }];
    try {
      for (;;) {
        for (const event of events) {
          const effects = this.#step(event);
          const next = effects.find(isActivity);
          if (next !== undefined) await running?.return();
          for (const effect of effects) await this.#perform(effect);
          if (next === undefined) continue;
          running = this.#begin(next, signal);
          // What is left of the events belongs to the activity that has ended.
          break;
        }
        const result = await running?.next();
        if (signal.aborted || result === undefined || result.done) return;
        events = result.value;
      }
    } finally {
      await running?.return();
      this.#collected = new Map();
      this.#transport.renew();
    }
  }

  /** How it is doing now. */
  status(): ReflectorStatus {
    const { synced, activity, mode, resourceVersion } = this.#state;
    return {
      kind: this.#resource.kind,
      path: this.#path,
      synced,
      activity,
      mode,
      resourceVersion,
      events: this.#events,
      lastEventMs: this.#lastEventMs,
      disconnectedSinceMs: this.#disconnectedSinceMs,
      problem: this.#problem,
      restarts: { ...this.#restarts },
      skipped: this.#skipped,
    };
  }

  #step(event: ReflectorEvent): readonly ReflectorEffect[] {
    if (event.t === "failed") this.#disconnected(event.failure.message);
    if (event.t === "silent") this.#disconnected("the watch went silent");
    if (
      event.t === "page" || event.t === "added" || event.t === "modified" ||
      event.t === "deleted" || event.t === "bookmark"
    ) {
      this.#events += event.t === "page" ? event.objects.length : 1;
      this.#lastEventMs = this.#clock.now();
    }
    const [state, effects] = step(this.#state, event, this.#random());
    this.#state = state;
    return effects;
  }

  async #perform(effect: ReflectorEffect): Promise<void> {
    switch (effect.f) {
      case "renewClient":
        return this.#transport.renew();
      case "renewCredentials":
        return await this.#renewCredentials();
      case "collectNew":
        this.#collected = new Map();
        return;
      case "collect":
        for (const object of effect.objects) {
          const decoded = this.#decode(object);
          if (decoded !== undefined) this.#collected.set(decoded.key, decoded);
        }
        return;
      case "uncollect": {
        const decoded = this.#decode(effect.object);
        if (decoded !== undefined) this.#collected.delete(decoded.key);
        return;
      }
      case "commit": {
        const { kind } = this.#resource;
        this.#sink.replace(kind, [...this.#collected.values()]);
        this.#collected = new Map();
        this.#sink.synced(kind);
        return this.#onSynced();
      }
      case "upsert": {
        const decoded = this.#decode(effect.object);
        if (decoded !== undefined) this.#sink.upsert(decoded);
        return;
      }
      case "remove": {
        const decoded = this.#decode(effect.object);
        if (decoded !== undefined) this.#sink.remove(decoded.kind, decoded.key);
        return;
      }
      case "restarted":
        this.#restarts[effect.reason] = (this.#restarts[effect.reason] ?? 0) +
          1;
        return this.#log.debug(
          "watcher.reflector.restart",
          `${this.#resource.plural}: asking anew: ${effect.reason}`,
          { resource: this.#resource.plural, reason: effect.reason },
        );
      case "list":
      case "watch":
      case "wait":
        return;
    }
  }

  #decode(object: unknown): Decoded | undefined {
    const decoded = this.#sink.decode(this.#resource.kind, object);
    if (decoded.key !== "") return decoded;
    this.#skipped++;
    return undefined;
  }

  async #renewCredentials(): Promise<void> {
    try {
      await this.#transport.renewCredentials();
    } catch (error) {
      // The old ones stay in use; the server's refusal remains the problem shown.
      this.#log.warn("watcher.credentials", messageOf(error));
    }
  }

  #begin(
    effect: Extract<ReflectorEffect, { f: "list" | "watch" | "wait" }>,
    signal: AbortSignal,
  ): Events {
    switch (effect.f) {
      case "list":
        return this.#list(effect.continueToken, signal);
      case "watch":
        return this.#watch(effect, signal);
      case "wait":
        return this.#wait(effect.ms, signal);
    }
  }

  async *#wait(ms: number, signal: AbortSignal): Events {
    using deadline = new Deadline(this.#clock, signal);
    await deadline.wait(ms);
    yield [{ t: "resume" }];
  }

  async *#list(continueToken: string, signal: AbortSignal): Events {
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
      this.#connected();
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
  ): Events {
    const { idleMs, streamingQuietMs, answerMs } = this.#limits;
    using deadline = new Deadline(this.#clock, signal);
    let openedAt: number | undefined;
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
      if (!effect.streaming) this.#connected();
      deadline.set(this.#quietMs(idleMs, streamingQuietMs), "silent");
      for await (const lines of readLines(response.body)) {
        deadline.clear();
        if (lines.length > 0) this.#connected();
        yield lines.map((line) => withOpenMs(decodeWatchLine(line), openMs()));
        deadline.set(this.#quietMs(idleMs, streamingQuietMs), "silent");
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

  #quietMs(idleMs: number, streamingQuietMs: number): number {
    return this.#state.activity === "streaming" ? streamingQuietMs : idleMs;
  }

  #connected(): void {
    if (this.#disconnectedSinceMs === undefined) return;
    const afterFailure = this.#problem !== undefined;
    this.#disconnectedSinceMs = undefined;
    this.#problem = undefined;
    const { plural } = this.#resource;
    if (afterFailure) {
      this.#log.info("watcher.connected", `${plural}: connected again`, {
        resource: plural,
      });
    }
  }

  #disconnected(message: string): void {
    this.#disconnectedSinceMs ??= this.#clock.now();
    if (this.#problem === message) return;
    this.#problem = message;
    const { plural } = this.#resource;
    this.#log.warn("watcher.disconnected", `${plural}: ${message}`, {
      resource: plural,
    });
  }
}

function isActivity(
  effect: ReflectorEffect,
): effect is Extract<ReflectorEffect, { f: "list" | "watch" | "wait" }> {
  return effect.f === "list" || effect.f === "watch" || effect.f === "wait";
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
