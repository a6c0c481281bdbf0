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
import { step } from "./reflector.ts";
import {
  type Activity,
  initialReflector,
  REFLECTOR_SETTINGS,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorSettings,
  type ReflectorState,
  type RestartReason,
} from "./reflector_state.ts";
import type { Decoded, Sink } from "./sink.ts";
import {
  type EventStream,
  isActivity,
  type ReflectorLimits,
  Requests,
} from "./reflector_requests.ts";
import type { Transport } from "./transport.ts";

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

/** Keeps the sink's copy of one collection up to date. */
export class Reflector {
  readonly #resource: Resource;
  readonly #path: string;
  readonly #transport: Transport;
  readonly #requests: Requests;
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #random: () => number;
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
    this.#requests = new Requests({
      path: this.#path,
      transport: this.#transport,
      clock: this.#clock,
      onAnswer: () => this.#connected(),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
    this.#settings = { ...REFLECTOR_SETTINGS, ...options.settings };
    this.#state = initialReflector(this.#settings);
    this.#disconnectedSinceMs = this.#clock.now();
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#state = initialReflector(this.#settings);
    let running: EventStream | undefined;
    let events: readonly ReflectorEvent[] = [{ t: "start" }];
    try {
      for (;;) {
        for (const event of events) {
          const effects = this.#step(event);
          const next = effects.find(isActivity);
          if (next !== undefined) await running?.return();
          for (const effect of effects) await this.#perform(effect);
          if (next === undefined) continue;
          running = this.#requests.begin(next, signal);
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
