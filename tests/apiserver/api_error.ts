/**
 * metav1.Status, the body of every refusal.
 *
 * @module
 */

/** A refusal. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: number,
    reason: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The Status object. */
  status(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(Object.keys(this.details).length > 0
        ? { details: this.details }
        : {}),
      code: this.code,
    };
  }

  /** The same as an HTTP answer. */
  response(): Response {
    const seconds = this.details["retryAfterSeconds"];
    return Response.json(this.status(), {
      status: this.code,
      headers: typeof seconds === "number"
        ? { "retry-after": `${seconds}` }
        : {},
    });
  }
}

/** 410: the version asked for is no longer known. */
export function expired(message: string): ApiError {
  return new ApiError(410, "Expired", message);
}

/** 504: the version asked for is not known yet. */
export function tooLarge(wanted: number, current: number): ApiError {
  return new ApiError(
    504,
    "Timeout",
    `Too large resource version: ${wanted}, current: ${current}`,
    {
      causes: [{
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version",
      }],
      retryAfterSeconds: 1,
    },
  );
}

/** 404 for an object. */
export function notFound(plural: string, name: string): ApiError {
  return new ApiError(404, "NotFound", `${plural} "${name}" not found`, {
    name,
    kind: plural,
  });
}
