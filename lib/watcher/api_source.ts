/**
 * The Kubernetes API as a source of objects: one reflector for each resource.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { RESOURCES } from "../cluster/decode_object.ts";
import type { ApiAccess } from "./api_access.ts";
import type { ReflectorLimits } from "./reflector_requests.ts";
import { Reflector, type ReflectorStatus } from "./reflector_shell.ts";
import type { ReflectorSettings } from "./reflector_state.ts";
import type { Sink } from "./sink.ts";
import { Transport } from "./transport.ts";

/** What the API server says counts as lost after this long, milliseconds; a short break is nobody's concern. */
const GRACE_MS = 10_000;

/** How the API server and the copies of its collections are doing. */
export interface ApiStatus {
  readonly server: string;
  /** Where the credentials come from. */
  readonly origin: string;
  readonly resources: readonly ReflectorStatus[];
}

/** The Kubernetes API as a source. */
export class ApiSource {
  readonly #access: ApiAccess;
  readonly #clock: Clock;
  readonly #reflectors: readonly Reflector[];
  #started: () => void = () => {};

  constructor(options: {
    readonly access: ApiAccess;
    readonly sink: Sink;
    readonly clock: Clock;
    readonly log: Logger;
    /** From 0 to 1. */
    readonly random: () => number;
    readonly settings?: Partial<ReflectorSettings>;
    readonly limits?: Partial<ReflectorLimits>;
  }) {
    const { access, clock, ...common } = options;
    this.#access = access;
    this.#clock = clock;
    this.#reflectors = RESOURCES.map((resource) =>
      new Reflector({
        ...common,
        clock,
        resource,
        // One client each: giving one up disturbs no other.
        transport: new Transport(access),
        onSynced: () => this.#onSynced(),
      })
    );
  }

  /**
   * Follows every resource until the signal aborts.
   *
   * @param started called when every collection was read completely
   */
  async run(signal: AbortSignal, started: () => void): Promise<void> {
    this.#started = started;
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      // A throw is a fault of ours: the others end too, and the graph starts all anew.
      await Promise.all(
        this.#reflectors.map((reflector) =>
          reflector.run(stop.signal).catch((error) => {
            stop.abort(error);
            throw error;
          })
        ),
      );
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ready while everything was read once and the API server answers. */
  health(): { readonly ready: boolean; readonly message: string } {
    const statuses = this.#reflectors.map((reflector) => reflector.status());
    const now = this.#clock.now();
    const lost = statuses.filter(({ disconnectedSinceMs: since, synced }) =>
      since !== undefined && (!synced || now - since >= GRACE_MS)
    );
    const { server } = this.#access;
    const [first] = lost.toSorted((a, b) =>
      (a.disconnectedSinceMs ?? now) - (b.disconnectedSinceMs ?? now)
    );
    if (first !== undefined && first.problem !== undefined) {
      const names = lost.length === statuses.length
        ? ""
        : ` for ${lost.map(({ kind }) => kind).join(", ")}`;
      const last = Math.max(
        ...statuses.map(({ lastEventMs }) => lastEventMs ?? 0),
      );
      return {
        ready: false,
        message: `not connected to ${server}${names} since ${
          time(first.disconnectedSinceMs ?? now)
        }, last event ${last === 0 ? "never" : time(last)}: ${first.problem}`,
      };
    }
    const reading = statuses.filter(({ synced }) => !synced);
    if (reading.length > 0) {
      const kinds = reading.map(({ kind }) => kind).join(", ");
      return { ready: false, message: `reading ${kinds} from ${server}` };
    }
    return { ready: true, message: `following ${server}` };
  }

  /** The state of every resource. */
  status(): ApiStatus {
    const { server, origin } = this.#access;
    const resources = this.#reflectors.map((reflector) => reflector.status());
    return { server, origin, resources };
  }

  #onSynced(): void {
    if (this.#reflectors.every((reflector) => reflector.status().synced)) {
      this.#started();
    }
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
