/**
 * What a reflector is told, what it asks for, and what it remembers.
 *
 * @module
 */

/** The cause by which a server says that it does not know our version yet, as after a restore. */
export const TOO_LARGE = "ResourceVersionTooLarge";

/** What goes wrong. */
export type FailureCause =
  /** The connection: refused, reset, timed out. */
  | "network"
  /** The server answered with a status that is no success, here or in an ERROR event. */
  | "status"
  /** The answer could not be understood. */
  | "malformed";

/** One failure of a request or of a running watch. */
export interface Failure {
  readonly cause: FailureCause;
  /** HTTP status or Status.code; 0 when there is none. */
  readonly status: number;
  /** Status.reason, such as `Expired`; empty when unknown. */
  readonly reason: string;
  /** Retry-After, milliseconds; 0 when there is none. */
  readonly retryAfterMs: number;
  /** For people, on one line. */
  readonly message: string;
}

/** What happens to a reflector. */
export type ReflectorEvent =
  | { readonly t: "start" }
  /** The pause is over. */
  | { readonly t: "resume" }
  | {
    readonly t: "page";
    readonly objects: readonly unknown[];
    readonly resourceVersion: string;
    /** Empty on the last page. */
    readonly continueToken: string;
  }
  | {
    readonly t: "added" | "modified" | "deleted";
    readonly object: unknown;
    readonly resourceVersion: string;
  }
  | {
    readonly t: "bookmark";
    readonly resourceVersion: string;
    /** Carries the annotation k8s.io/initial-events-end. */
    readonly initialEventsEnd: boolean;
  }
  /** The server ended the stream in good order. */
  | { readonly t: "ended"; readonly openMs: number }
  /** Nothing came for longer than it may. */
  | { readonly t: "silent" }
  | {
    readonly t: "failed";
    readonly failure: Failure;
    /** How long the answer had been running, milliseconds; 0 when there was none. */
    readonly openMs: number;
  };

/** Why a reflector asked anew. */
export type RestartReason =
  | "ended"
  | "silent"
  | "gone"
  | "unauthorized"
  | "forbidden"
  | "throttled"
  | "server"
  | "network"
  | "malformed"
  | "no_streaming";

/** What the shell must do, in order. `list`, `watch` and `wait` end what was running before. */
export type ReflectorEffect =
  | { readonly f: "list"; readonly continueToken: string }
  | {
    readonly f: "watch";
    /** Empty with `streaming`: start with everything there is. */
    readonly resourceVersion: string;
    readonly streaming: boolean;
    readonly timeoutSeconds: number;
  }
  | { readonly f: "wait"; readonly ms: number }
  /** Close the HTTP client; the next request makes a new one. */
  | { readonly f: "renewClient" }
  /** Read tokens and certificates again. */
  | { readonly f: "renewCredentials" }
  /** Forget what was collected and start a new collection. */
  | { readonly f: "collectNew" }
  | { readonly f: "collect"; readonly objects: readonly unknown[] }
  | { readonly f: "uncollect"; readonly object: unknown }
  /** Hand the collection over as everything there is. */
  | { readonly f: "commit" }
  | { readonly f: "upsert" | "remove"; readonly object: unknown }
  | { readonly f: "restarted"; readonly reason: RestartReason };

/** What a reflector is doing. */
export type Activity =
  | "idle"
  | "listing"
  | "streaming"
  | "watching"
  | "waiting";

/** Fixed properties of a reflector. */
export interface ReflectorSettings {
  /** Whether to try streaming lists (KEP-3157). */
  readonly streaming: boolean;
  /** First and longest pause after a failure, milliseconds. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** How long the server is asked to keep a watch, seconds; up to a tenth more or less is used. */
  readonly watchSeconds: number;
  /** A watch that ran this long was a success, milliseconds. */
  readonly stableMs: number;
}

/** Settings for production. */
export const REFLECTOR_SETTINGS: ReflectorSettings = {
  streaming: true,
  firstPauseMs: 250,
  longestPauseMs: 30_000,
  watchSeconds: 290,
  stableMs: 5_000,
};

/** The state of a reflector. */
export interface ReflectorState {
  readonly settings: ReflectorSettings;
  readonly activity: Activity;
  /** What to go on with after the pause. */
  readonly after: "listing" | "streaming" | "watching";
  /** How the collection is read from its start. */
  readonly mode: "streaming" | "paging";
  /** The next page of a running list; empty for the first. */
  readonly continueToken: string;
  /** Where the watch goes on; empty before the first complete list. */
  readonly resourceVersion: string;
  /** Whether a complete list was handed over once. */
  readonly synced: boolean;
  /** Failures since the last success. */
  readonly failures: number;
  /** Whether everything was read anew since the last success, because our version was too old. */
  readonly readAgain: boolean;
}

/** A reflector before its start. */
export function initialReflector(settings: ReflectorSettings): ReflectorState {
  return {
    settings,
    activity: "idle",
    after: "listing",
    mode: settings.streaming ? "streaming" : "paging",
    continueToken: "",
    resourceVersion: "",
    synced: false,
    failures: 0,
    readAgain: false,
  };
}
