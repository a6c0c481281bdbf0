/**
 * Reading untrusted JSON field by field.
 *
 * A {@linkcode Reader} never throws: what it cannot read becomes an issue and
 * `undefined`, and the projection goes on with the next field. Null counts as
 * absent everywhere, as it does for the API server.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import { type Ip, tryParseIp } from "../net/ip.ts";
import { type Prefix, tryParsePrefix } from "../net/prefix.ts";
import type { Protocol } from "./model.ts";

/** A JSON object. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** The list without entries, shared because most lists of most objects are. */
export const EMPTY: readonly never[] = [];

/** Whether a value is a JSON object (not null, not a list). */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as it stands in an issue: quoted, on one line, at most about 60 characters. */
export function quote(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}..."`;
}

/** Reads fields of one object and keeps what was wrong with them. */
export class Reader {
  /** How issues name the object, for example `Service default/web`. */
  readonly object: string;
  readonly #issues: Issue[] = [];

  constructor(object: string) {
    this.object = object;
  }

  /** What was wrong so far; the shared empty list when nothing was. */
  get issues(): readonly Issue[] {
    return this.#issues.length === 0 ? EMPTY : this.#issues;
  }

  /** Keeps an issue about a field. */
  report(field: string, problem: string, mend: string): void {
    this.#issues.push({ object: this.object, field, problem, mend });
  }

  /** Keeps an issue about the value of a field. */
  refuse(field: string, value: unknown, problem: string, mend: string): void {
    this.report(field, `${quote(value)} ${problem}`, mend);
  }

  /** Takes over issues that were found elsewhere. */
  adopt(issues: readonly Issue[]): void {
    for (const issue of issues) this.#issues.push(issue);
  }

  /** An object; undefined when absent. */
  record(value: unknown, field: string): JsonRecord | undefined {
    if (value === undefined || value === null) return undefined;
    if (isRecord(value)) return value;
    this.refuse(field, value, "is not an object", "write a mapping");
    return undefined;
  }

  /** An object that must be there, such as an entry of a list. */
  required(value: unknown, field: string): JsonRecord | undefined {
    if (isRecord(value)) return value;
    this.refuse(field, value, "is not an object", "write a mapping");
    return undefined;
  }

  /** A list; empty when absent. */
  list(value: unknown, field: string): readonly unknown[] {
    if (value === undefined || value === null) return EMPTY;
    if (Array.isArray(value)) return value;
    this.refuse(field, value, "is not a list", "write a list");
    return EMPTY;
  }

  /** Text; undefined when absent. */
  text(value: unknown, field: string): string | undefined {
    if (typeof value === "string") return value;
    if (value === undefined || value === null) return undefined;
    this.refuse(field, value, "is not text", "put the value in quotes");
    return undefined;
  }

  /** Text that must be there, such as a value in a mapping. */
  requiredText(value: unknown, field: string): string | undefined {
    if (typeof value === "string") return value;
    this.refuse(field, value, "is not text", "put the value in quotes");
    return undefined;
  }

  /** A boolean; `absent` when there is none, `unreadable` when it is something else. */
  flag(
    value: unknown,
    field: string,
    meaning: { readonly absent: boolean; readonly unreadable: boolean },
  ): boolean {
    if (typeof value === "boolean") return value;
    if (value === undefined || value === null) return meaning.absent;
    this.refuse(field, value, "is not true or false", "write true or false");
    return meaning.unreadable;
  }

  /** A whole number within bounds; undefined when absent. */
  integer(
    value: unknown,
    field: string,
    bounds: { readonly min: number; readonly max: number },
  ): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (
      typeof value === "number" && Number.isInteger(value) &&
      value >= bounds.min && value <= bounds.max
    ) return value;
    this.refuse(
      field,
      value,
      `is not a number from ${bounds.min} to ${bounds.max}`,
      "correct the number",
    );
    return undefined;
  }

  /** A transport protocol; TCP when absent, undefined when unknown. */
  protocol(value: unknown, field: string): Protocol | undefined {
    if (value === undefined || value === null) return "TCP";
    if (value === "TCP" || value === "UDP" || value === "SCTP") return value;
    this.refuse(field, value, "is not a protocol", "use TCP, UDP or SCTP");
    return undefined;
  }

  /** An address that must be there. */
  ip(value: unknown, field: string): Ip | undefined {
    const parsed = typeof value === "string" ? tryParseIp(value) : undefined;
    if (parsed === undefined) {
      this.refuse(
        field,
        value,
        "is not an IP address",
        "write it plainly, such as 10.0.0.1 or 2001:db8::1, without leading zeros or an IPv4-mapped form",
      );
    }
    return parsed;
  }

  /** A prefix that must be there; host bits are cleared. */
  prefix(value: unknown, field: string): Prefix | undefined {
    const parsed = typeof value === "string"
      ? tryParsePrefix(value.trim(), { mask: true })
      : undefined;
    if (parsed === undefined) {
      this.refuse(
        field,
        value,
        "is not a prefix",
        "write it such as 10.0.0.0/8 or 2001:db8::/32, without leading zeros or an IPv4-mapped form",
      );
    }
    return parsed;
  }

  /**
   * Reports fields that are not known. A field of a newer API, or a misspelt one,
   * may narrow what its neighbours say, so it must not be passed over.
   *
   * @returns whether all fields are known
   */
  knowsOnly(
    record: JsonRecord,
    known: readonly string[],
    field: string,
  ): boolean {
    let all = true;
    for (const name of Object.keys(record)) {
      if (known.includes(name)) continue;
      all = false;
      this.report(
        field,
        `has the field ${quote(name)}, which is not known`,
        `use ${known.join(", ")}`,
      );
    }
    return all;
  }
}
