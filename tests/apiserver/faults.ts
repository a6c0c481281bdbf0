/**
 * What the test API server does wrong on purpose.
 *
 * @module
 */

import { ApiError } from "./api_error.ts";

/** Kinds of requests. */
export type Verb =
  | "list"
  | "watch"
  | "get"
  | "create"
  | "update"
  | "patch"
  | "delete";

/** Answers some requests with a status instead of carrying them out. */
export interface Refuse {
  readonly status: number;
  /** How many requests; all when absent. */
  readonly count?: number;
  /** Only requests of this kind. */
  readonly verb?: Verb;
  /** Only of this resource, for example `pods`. */
  readonly resource?: string;
  readonly retryAfterSeconds?: number;
}

/** How streaming lists (KEP-3157) are treated. */
export type StreamingLists = "served" | "refused" | "ignored";

/** The knobs; all may be turned while the server runs. */
export class Faults {
  /** Cuts the bytes of list and watch answers into chunks of this size; 0 for none. */
  chunkBytes = 0;
  /** Pause between such chunks, milliseconds. */
  chunkDelayMs = 0;
  streamingLists: StreamingLists = "served";
  /** Between bookmarks of a watch, milliseconds; 0 for none. */
  bookmarkMs = 60_000;
  /** Whether a watch from a forgotten version gets 410 as status; else as an ERROR event. */
  expiredAsStatus = false;
  #refusals: { rule: Refuse; left: number }[] = [];

  /** Adds a refusal; they are tried in the order in which they were added. */
  refuse(rule: Refuse): void {
    this.#refusals.push({ rule, left: rule.count ?? Infinity });
  }

  /** Takes every refusal away. */
  allowAll(): void {
    this.#refusals = [];
  }

  /** @throws {ApiError} when a refusal is for this request */
  check(verb: Verb, resource: string): void {
    for (const refusal of this.#refusals) {
      const { rule } = refusal;
      if (
        (rule.verb ?? verb) !== verb ||
        (rule.resource ?? resource) !== resource || refusal.left <= 0
      ) continue;
      refusal.left--;
      throw new ApiError(
        rule.status,
        REASONS[rule.status] ?? "InternalError",
        `refused on purpose with ${rule.status}`,
        rule.retryAfterSeconds === undefined
          ? {}
          : { retryAfterSeconds: rule.retryAfterSeconds },
      );
    }
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  503: "ServiceUnavailable",
  504: "Timeout",
};
