/**
 * The answers of list and watch requests as reflector events.
 *
 * @module
 */

import type { Failure, ReflectorEvent } from "./reflector_state.ts";
import { failureOfStatus } from "./transport.ts";

/** The mark of the bookmark that ends a streaming list (KEP-3157). */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** No object is this long: etcd refuses far smaller ones. Characters. */
const LONGEST_LINE = 32 * 1024 * 1024;

/** Decodes the body of a list request. */
export function decodePage(body: unknown): ReflectorEvent {
  const { metadata, items } = record(body);
  const { resourceVersion, continue: token } = record(metadata);
  if (
    typeof resourceVersion !== "string" || resourceVersion === "" ||
    (items !== null && items !== undefined && !Array.isArray(items))
  ) return malformed("the answer to a list request is not a list");
  return {
    t: "page",
    objects: items ?? [],
    resourceVersion,
    continueToken: typeof token === "string" ? token : "",
  };
}

/** Decodes one line of a watch. */
export function decodeWatchLine(line: string): ReflectorEvent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return malformed("a watch event is not JSON");
  }
  const { type, object } = record(parsed);
  const { resourceVersion: version, annotations } = record(
    record(object)["metadata"],
  );
  const resourceVersion = typeof version === "string" ? version : "";
  switch (type) {
    case "ADDED":
      return { t: "added", object, resourceVersion };
    case "MODIFIED":
      return { t: "modified", object, resourceVersion };
    case "DELETED":
      return { t: "deleted", object, resourceVersion };
    case "BOOKMARK":
      return {
        t: "bookmark",
        resourceVersion,
        initialEventsEnd: record(annotations)[INITIAL_EVENTS_END] === "true",
      };
    case "ERROR":
      return { t: "failed", failure: failureOfStatus(object, 500), openMs: 0 };
    default:
      return malformed("a watch event is of no known type");
  }
}

/**
 * Cuts a stream of bytes into lines, wherever the chunks are cut.
 *
 * @returns for each chunk the lines that it completed
 * @throws {RangeError} when a line does not end
 */
export async function* readLines(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    const last = pieces.pop() ?? "";
    if (pieces.length === 0) {
      rest += last;
      if (rest.length > LONGEST_LINE) {
        throw new RangeError("a watch event does not end");
      }
      continue;
    }
    pieces[0] = rest + pieces[0];
    rest = last;
    yield pieces.filter((line) => line.trim() !== "");
  }
}

/** A failure of understanding. */
export function malformed(message: string): ReflectorEvent {
  return { t: "failed", failure: malformedFailure(message), openMs: 0 };
}

/** The same as a bare failure. */
export function malformedFailure(message: string): Failure {
  return {
    cause: "malformed",
    status: 0,
    reason: "",
    retryAfterMs: 0,
    message,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Readonly<Record<string, unknown>>
    : {};
}
