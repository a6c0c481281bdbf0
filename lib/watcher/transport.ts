/**
 * HTTP to the API server: one client at a time, given up when anything smells.
 *
 * HTTP/1.1 on purpose: on a connection that went dead silently, HTTP/2 hangs the
 * next request too, while with HTTP/1.1 the abort closes the socket.
 *
 * @module
 */

import { FairwayError, messageOf } from "../base/errors.ts";
import type { ApiAccess } from "./api_access.ts";
import type { Failure } from "./reflector_state.ts";
import { TOO_LARGE } from "./reflector_state.ts";

/** A failed request as an exception, for {@linkcode Transport.request}. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}

/** Requests to the API server with credentials. */
export class Transport {
  readonly #access: ApiAccess;
  #client: Deno.HttpClient | undefined;

  constructor(access: ApiAccess) {
    this.#access = access;
  }

  /**
   * Sends one request; the caller reads or cancels the body.
   *
   * @param path with its query, from the root of the server
   * @throws {RequestError} on any answer but success
   */
  async request(
    path: string,
    options: {
      readonly signal: AbortSignal;
      readonly method?: string;
      /** Sent as JSON. */
      readonly body?: unknown;
      readonly contentType?: string;
    },
  ): Promise<Response> {
    const { signal, method = "GET", body } = options;
    const headers = new Headers({ accept: "application/json" });
    let response: Response;
    try {
      for (const [name, value] of await this.#access.headers()) {
        headers.set(name, value);
      }
      if (body !== undefined) {
        headers.set("content-type", options.contentType ?? "application/json");
      }
      this.#client ??= await this.#access.connect();
      response = await fetch(`${this.#access.server}${path}`, {
        method,
        headers,
        signal,
        client: this.#client,
        redirect: "error",
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new RequestError(networkFailure(error), { cause: error });
    }
    if (response.ok) return response;
    throw new RequestError(await statusFailure(response));
  }

  /** Closes the client, and with it every connection; the next request makes a new one. */
  renew(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** Reads tokens and certificates again. */
  async renewCredentials(): Promise<void> {
    this.renew();
    await this.#access.renew();
  }
}

/** A fault of the connection as a failure, with words that help. */
export function networkFailure(error: unknown): Failure {
  // fetch says that it failed; its cause says why.
  const cause = error instanceof Error ? error.cause : undefined;
  const message = messageOf(cause instanceof Error ? cause : error);
  return {
    cause: "network",
    status: 0,
    reason: "",
    retryAfterMs: 0,
    message: explain(message),
  };
}

function explain(message: string): string {
  if (message.includes("UnknownIssuer")) {
    return "the API server's certificate is not signed by the given CA; check certificate-authority";
  }
  if (/NotValidForName|not valid for name/.test(message)) {
    return "the API server's certificate is for another name; give the server by a name or address that is in it";
  }
  if (/CertificateRequired|BadCertificate|UnknownCA/.test(message)) {
    return "the API server refuses our client certificate; check client-certificate";
  }
  if (/certificate expired|: Expired/.test(message)) {
    return "the API server's certificate has expired";
  }
  // The runtime's text repeats the URL; the cause stands last.
  return message
    .replace(
      /^error sending request (?:from \S+ )?for (?:url )?\S+(?: \(\S+\))?: /,
      "",
    )
    .replace(
      /^client error \(Connect\): (?:tcp connect error: )?/,
      "cannot connect: ",
    )
    .replace(/^client error \(SendRequest\): /, "the connection broke: ");
}

/** An answer that is no success as a failure; reads or cancels its body. */
async function statusFailure(response: Response): Promise<Failure> {
  const retryAfterMs = parseRetryAfter(response.headers);
  let detail: unknown;
  try {
    const text = await response.text();
    detail = JSON.parse(text);
  } catch {
    // Not a Status, perhaps a proxy's page: the HTTP status says enough.
  }
  const failure = failureOfStatus(detail, response.status);
  return {
    ...failure,
    status: response.status,
    retryAfterMs: Math.max(retryAfterMs, failure.retryAfterMs),
  };
}

/**
 * A metav1.Status, from an answer's body or an ERROR event, as a failure.
 *
 * @param fallbackCode the HTTP status, when there is no Status
 */
export function failureOfStatus(raw: unknown, fallbackCode: number): Failure {
  const status = record(raw);
  const details = record(status["details"]);
  const causes = Array.isArray(details["causes"]) ? details["causes"] : [];
  const tooLarge = causes.some((cause) =>
    record(cause)["reason"] === TOO_LARGE
  );
  const code = status["code"];
  const reason = status["reason"];
  const message = status["message"];
  const seconds = details["retryAfterSeconds"];
  const shown = typeof code === "number" ? code : fallbackCode;
  return {
    cause: "status",
    status: shown,
    reason: tooLarge ? TOO_LARGE : typeof reason === "string" ? reason : "",
    retryAfterMs: typeof seconds === "number" ? boundedMs(seconds) : 0,
    message: typeof message === "string" && message !== ""
      ? `${shown} ${message.replaceAll(/\s+/g, " ").slice(0, 300)}`
      : `HTTP status ${shown}`,
  };
}

/** Retry-After in seconds, milliseconds; dates (which the API server never sends) count as none. */
function parseRetryAfter(headers: Headers): number {
  const text = headers.get("retry-after") ?? "";
  return /^\d+$/.test(text) ? boundedMs(Number(text)) : 0;
}

/** A server cannot keep us away for longer than this. */
const LONGEST_RETRY_AFTER_SECONDS = 120;

function boundedMs(seconds: number): number {
  return Math.max(0, Math.min(seconds, LONGEST_RETRY_AFTER_SECONDS)) * 1_000;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Readonly<Record<string, unknown>>
    : {};
}

/** The failure as the error that other rooms see. */
export function errorOf(failure: Failure): FairwayError {
  const { cause, status, message } = failure;
  if (cause === "network") return new FairwayError("kube.unreachable", message);
  switch (status) {
    case 401:
      return new FairwayError("kube.unauthorized", message);
    case 403:
      return new FairwayError("permission.denied", message);
    case 410:
      return new FairwayError("kube.gone", message);
    case 429:
      return new FairwayError("kube.throttled", message);
    default:
      return new FairwayError("kube.failed", message);
  }
}
