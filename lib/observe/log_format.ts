/**
 * Log lines: one event, one line, whatever the fields hold.
 *
 * @module
 */

import type { LogFields, LogRecord } from "../base/log.ts";
import { FairwayError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";

/** How a line looks: for machines or for people. */
export type LogFormat = "json" | "text";

/** A record with its time. */
export interface TimedRecord extends LogRecord {
  /** Wall clock, milliseconds since the epoch. */
  readonly timeMs: number;
}

/**
 * Priorities that the journal reads from `<N>` before a line.
 *
 * @see sd-daemon(3)
 */
const PRIORITY = { debug: 7, info: 6, warn: 4, error: 3 } as const;

const RESERVED: ReadonlySet<string> = new Set([
  "time",
  "level",
  "event",
  "message",
]);

/** A record as one line without its end, in the format asked for. */
export function formatRecord(
  record: TimedRecord,
  options: { readonly format: LogFormat; readonly journal: boolean },
): string {
  const line = options.format === "json"
    ? formatJson(record)
    : formatText(record, !options.journal);
  return options.journal ? `<${PRIORITY[record.level]}>${line}` : line;
}

/**
 * One JSON object: time, level, event, message, then the fields beside them. A
 * field with one of those four names gets an underscore behind it.
 */
function formatJson(record: TimedRecord): string {
  const out: Record<string, unknown> = {
    time: new Date(record.timeMs).toISOString(),
    level: record.level,
    event: record.event,
    message: record.message,
  };
  for (const [name, value] of Object.entries(record.fields)) {
    out[RESERVED.has(name) ? `${name}_` : name] = plain(value, 0);
  }
  return JSON.stringify(out);
}

/** `12:00:00.000 WARN  watch broke off (watcher.restart) kind=Pod`; the journal keeps time itself. */
function formatText(record: TimedRecord, withTime: boolean): string {
  const time = withTime
    ? `${new Date(record.timeMs).toISOString().slice(11, 23)} `
    : "";
  const level = record.level.toUpperCase().padEnd(5);
  return `${time}${level} ${printable(record.message)} (${record.event})${
    formatFields(record.fields)
  }`;
}

function formatFields(fields: LogFields): string {
  let text = "";
  for (const [name, value] of Object.entries(fields)) {
    const simple = plain(value, 0);
    if (simple === undefined) continue;
    text += ` ${name}=${
      typeof simple === "string" && /^[^\s"=\p{C}]+$/u.test(simple)
        ? simple
        : printable(JSON.stringify(simple))
    }`;
  }
  return text;
}

const DEPTH = 6;

/** A value as JSON can carry it: errors by code and message, collections as arrays. */
function plain(value: unknown, depth: number): unknown {
  if (value === null || value === undefined) return value;
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") {
    return String(value);
  }
  if (typeof value !== "object") return value;
  if (depth >= DEPTH) return "…";
  if (value instanceof Error) {
    return {
      name: value.name,
      ...(value instanceof FairwayError ? { code: value.code } : {}),
      message: value.message,
      ...(value.cause === undefined
        ? {}
        : { cause: plain(value.cause, depth + 1) }),
      ...(value instanceof FairwayError ? {} : { stack: value.stack }),
    };
  }
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Map) {
    return Object.fromEntries(
      [...value].map(([key, item]) => [String(key), plain(item, depth + 1)]),
    );
  }
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].map((item) => plain(item, depth + 1));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]),
  );
}
