/**
 * Asking the running agent how it is.
 *
 * @module
 */

import { FairwayError, messageOf } from "../base/errors.ts";
import type { AgentSummary } from "../../routes/summary.ts";

/** Where the agent listens. */
export interface ApiLocation {
  /** As `--api-addr` has it; empty for all addresses. */
  readonly address: string;
  readonly port: number;
  /** Empty when none is asked for. */
  readonly token: string;
}

/** Asks for `/api/v1/status`. */
export type AskStatus = (
  location: ApiLocation,
  signal: AbortSignal,
) => Promise<AgentSummary>;

/**
 * Asks over HTTP.
 *
 * @throws {FairwayError} `net.failed` when nobody answers, `permission.denied`
 * when the token is refused, `input.invalid` when it is not an agent that answers
 */
export async function askStatus(
  location: ApiLocation,
  signal: AbortSignal,
): Promise<AgentSummary> {
  const url = `http://${hostOf(location)}/api/v1/status`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      signal,
      headers: location.token === ""
        ? {}
        : { authorization: `Bearer ${location.token}` },
    });
    text = await response.text();
  } catch (error) {
    throw new FairwayError(
      "net.failed",
      `the agent does not answer at ${url}: ${
        reasonOf(error)
      }; is it running, and is --api-port right?`,
      { cause: error },
    );
  }
  if (response.status === 401 || response.status === 403) {
    throw new FairwayError(
      "permission.denied",
      `the agent at ${url} refuses us (${response.status}); give its token with --api-token-file`,
    );
  }
  const summary = response.ok ? parseJson(text) : undefined;
  if (!isSummary(summary)) {
    throw new FairwayError(
      "input.invalid",
      `what answers at ${url} is no fairway agent of this version (status ${response.status})`,
    );
  }
  return summary;
}

/** `host:port` to ask; an agent on all addresses is asked on loopback. */
function hostOf({ address, port }: ApiLocation): string {
  switch (address) {
    case "":
    case "0.0.0.0":
      return `127.0.0.1:${port}`;
    case "::":
      return `[::1]:${port}`;
  }
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The reason in a word or two: the runtime wraps it in errors and sentences. */
function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return "no answer in time";
  }
  for (
    let at: unknown = error;
    at instanceof Error;
    at = at.cause
  ) {
    const reason = /connection refused|connection reset|timed out|unreachable/i
      .exec(
        at.message,
      )?.[0];
    if (reason !== undefined) return reason.toLowerCase();
  }
  return messageOf(error);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON, so not an agent; the caller says so.
  }
}

function isSummary(value: unknown): value is AgentSummary {
  if (typeof value !== "object" || value === null) return false;
  const has = (name: string): boolean => name in value;
  return ["node", "version", "readiness", "watcher", "services", "policies"]
    .every(has) &&
    ["modules", "targets", "peers", "issues"].every((name) =>
      Array.isArray((value as Record<string, unknown>)[name])
    );
}
