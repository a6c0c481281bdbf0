/**
 * labelSelector and fieldSelector of list and watch requests.
 *
 * @module
 */

import { ApiError } from "./api_error.ts";
import type { ApiObject } from "./object_store.ts";

/** Whether an object is asked for. */
export type ObjectFilter = (object: ApiObject) => boolean;

/**
 * Makes a filter of the query's selectors. Label selectors: `a=b`, `a==b`,
 * `a!=b`, `a`, `!a`, `a in (b,c)`, `a notin (b,c)`. Field selectors: equality of
 * any field by its path.
 *
 * @throws {ApiError} 400
 */
export function parseFilter(query: URLSearchParams): ObjectFilter {
  const tests = [
    ...splitTerms(query.get("labelSelector") ?? "").map(parseLabelTerm),
    ...splitTerms(query.get("fieldSelector") ?? "").map(parseFieldTerm),
  ];
  return (object) => tests.every((test) => test(object));
}

/** Commas within parentheses do not separate. */
function splitTerms(text: string): string[] {
  return text.split(/,(?![^(]*\))/).map((term) => term.trim())
    .filter((term) => term !== "");
}

function parseLabelTerm(term: string): ObjectFilter {
  const label = (object: ApiObject, key: string): string | undefined =>
    object.metadata.labels?.[key];
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    return (object) => {
      const value = label(object, key);
      const isIn = value !== undefined && values.includes(value);
      return operator === "in" ? isIn : !isIn;
    };
  }
  const equality = /^([^!=\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return (object) => (label(object, key) === value) !== (operator === "!=");
  }
  const exists = /^(!?)\s*([^!=\s()]+)$/.exec(term);
  if (exists !== null) {
    const [, not, key = ""] = exists;
    return (object) => (label(object, key) !== undefined) !== (not === "!");
  }
  throw new ApiError(400, "BadRequest", `unable to parse requirement: ${term}`);
}

function parseFieldTerm(term: string): ObjectFilter {
  const match = /^([\w.]+)\s*(==|=|!=)\s*(.*)$/.exec(term);
  if (match === null) {
    throw new ApiError(400, "BadRequest", `invalid field selector: ${term}`);
  }
  const [, path = "", operator, wanted] = match;
  return (object) => {
    let value: unknown = object;
    for (const part of path.split(".")) {
      value = typeof value === "object" && value !== null
        ? (value as Record<string, unknown>)[part]
        : undefined;
    }
    const text = value === undefined || value === null ? "" : `${value}`;
    return (text === wanted) !== (operator === "!=");
  };
}
