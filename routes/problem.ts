/**
 * Errors as the API answers them.
 *
 * @see RFC 9457, Problem Details for HTTP APIs
 * @module
 */

import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ErrorCode } from "../lib/base/errors.ts";

/** A problem; `type` stays `about:blank`, what is ours to say is the code. */
export interface Problem {
  readonly type: "about:blank";
  /** The phrase of the status. */
  readonly title: string;
  readonly status: number;
  /** One line for people: what is wrong, and the mend. */
  readonly detail: string;
  readonly code?: ErrorCode;
}

/** Statuses the API answers beside 200, with their phrases (RFC 9110 §15). */
const PHRASES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const satisfies Partial<Record<ContentfulStatusCode, string>>;

/** Answers with a problem. */
export function problem(
  c: Context,
  status: keyof typeof PHRASES,
  detail: string,
  code?: ErrorCode,
): Response {
  const body: Problem = {
    type: "about:blank",
    title: PHRASES[status],
    status,
    detail,
    ...(code === undefined ? {} : { code }),
  };
  return c.body(JSON.stringify(body), status, {
    "content-type": "application/problem+json",
  });
}
