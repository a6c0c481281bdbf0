/**
 * Label selectors (metav1.LabelSelector) with all operators, in a normal form.
 *
 * The requirements on one key together allow a set of values, where "absent" is
 * one more value. That set is either finite (`In`), or all but some with or
 * without "absent" (`Exists`, `NotIn`), or "absent" alone (`DoesNotExist`), so
 * every selector has exactly one shortest form, and two selectors have the same
 * text if and only if they match the same labels.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { LabelSet } from "./model.ts";
import { quote, Reader } from "./reader.ts";

/** One requirement on one label key. */
export type Requirement =
  | {
    readonly key: string;
    readonly operator: "In" | "NotIn";
    /** Sorted, without duplicates, at least one. */
    readonly values: readonly string[];
  }
  | { readonly key: string; readonly operator: "Exists" | "DoesNotExist" };

/**
 * A parsed selector: all requirements must hold; none means everything matches.
 * `text` is canonical, so equal selectors have equal text and can share a set.
 */
export interface Selector {
  /** In the notation of kubectl: `app=web,tier in (a,b),!old`; `*` for everything, `!*` for nothing. */
  readonly text: string;
  readonly requirements: readonly Requirement[];
  /** True for a selector that could not be parsed or that contradicts itself: it matches nothing. */
  readonly nothing: boolean;
}

/** The empty selector: every object matches. */
export const EVERYTHING: Selector = {
  text: "*",
  requirements: [],
  nothing: false,
};

/** The selector that no object matches. */
export const NOTHING: Selector = {
  text: "!*",
  requirements: [],
  nothing: true,
};

/**
 * Whether labels satisfy a selector. `NotIn` and `DoesNotExist` also match
 * objects without the key.
 */
export function matches(selector: Selector, labels: LabelSet): boolean {
  if (selector.nothing) return false;
  return selector.requirements.every((requirement) => {
    const value = labels.get(requirement.key);
    switch (requirement.operator) {
      case "In":
        return value !== undefined && requirement.values.includes(value);
      case "NotIn":
        return value === undefined || !requirement.values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
  });
}

/** What {@linkcode parseSelector} made of a selector. */
export interface ParsedSelector {
  /** {@linkcode NOTHING} when any part could not be read. */
  readonly selector: Selector;
  /**
   * Only the requirements that could be read, so it matches at least what was
   * meant: for uses where matching too little would be the dangerous side.
   */
  readonly superset: Selector;
  readonly issues: readonly Issue[];
}

/**
 * Parses a metav1.LabelSelector from untrusted JSON; null and undefined are the
 * empty selector, as they are for the API server.
 *
 * @param object names the object, for issues
 * @param field path of the selector in the object, for issues
 */
export function parseSelector(
  raw: unknown,
  object: string,
  field: string,
): ParsedSelector {
  const reader = new Reader(object);
  const requirements: Requirement[] = [];
  const selector = reader.record(raw, field);
  if (selector !== undefined) {
    readMatchLabels(reader, selector, field, requirements);
    const expressions = `${field}.matchExpressions`;
    reader.list(selector["matchExpressions"], expressions)
      .forEach((expression, i) => {
        const requirement = readExpression(
          reader,
          expression,
          `${expressions}[${i}]`,
        );
        if (requirement !== undefined) requirements.push(requirement);
      });
    reader.knowsOnly(selector, ["matchLabels", "matchExpressions"], field);
  }
  const superset = selectorOf(requirements);
  return {
    selector: reader.issues.length === 0 ? superset : NOTHING,
    superset,
    issues: reader.issues,
  };
}

/** The selector in normal form that asks for all of these requirements. */
export function selectorOf(requirements: Iterable<Requirement>): Selector {
  const byKey = new Map<string, Requirement[]>();
  for (const requirement of requirements) {
    const known = byKey.get(requirement.key);
    if (known === undefined) byKey.set(requirement.key, [requirement]);
    else known.push(requirement);
  }
  const normal: Requirement[] = [];
  for (const key of [...byKey.keys()].sort()) {
    const reduced = reduceKey(key, byKey.get(key) ?? []);
    if (reduced === undefined) return NOTHING;
    normal.push(...reduced);
  }
  if (normal.length === 0) return EVERYTHING;
  return {
    text: normal.map(renderRequirement).join(","),
    requirements: normal,
    nothing: false,
  };
}

/** The normal form of the requirements on one key; undefined when no value satisfies them. */
function reduceKey(
  key: string,
  requirements: readonly Requirement[],
): readonly Requirement[] | undefined {
  let allowed: ReadonlySet<string> | undefined;
  const excluded = new Set<string>();
  let mustExist = false;
  let mustBeAbsent = false;
  for (const requirement of requirements) {
    switch (requirement.operator) {
      case "In": {
        const values = new Set(requirement.values);
        allowed = allowed === undefined
          ? values
          : new Set([...allowed].filter((value) => values.has(value)));
        break;
      }
      case "NotIn":
        for (const value of requirement.values) excluded.add(value);
        break;
      case "Exists":
        mustExist = true;
        break;
      case "DoesNotExist":
        mustBeAbsent = true;
        break;
    }
  }
  if (mustBeAbsent) {
    return mustExist || allowed !== undefined
      ? undefined
      : [{ key, operator: "DoesNotExist" }];
  }
  if (allowed !== undefined) {
    const values = [...allowed].filter((value) => !excluded.has(value)).sort();
    return values.length === 0 ? undefined : [{ key, operator: "In", values }];
  }
  const reduced: Requirement[] = [];
  if (mustExist) reduced.push({ key, operator: "Exists" });
  if (excluded.size > 0) {
    reduced.push({ key, operator: "NotIn", values: [...excluded].sort() });
  }
  return reduced;
}

function renderRequirement(requirement: Requirement): string {
  const key = quoteLabel(requirement.key);
  switch (requirement.operator) {
    case "In":
      return requirement.values.length === 1
        ? `${key}=${quoteLabel(requirement.values[0] ?? "")}`
        : `${key} in (${requirement.values.map(quoteLabel).join(",")})`;
    case "NotIn":
      return `${key} notin (${requirement.values.map(quoteLabel).join(",")})`;
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
  }
}

/** Legal keys and values stand as they are; anything else is quoted, so that no two texts collide. */
function quoteLabel(text: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(text) ? text : JSON.stringify(text);
}

function readMatchLabels(
  reader: Reader,
  selector: Readonly<Record<string, unknown>>,
  field: string,
  into: Requirement[],
): void {
  const path = `${field}.matchLabels`;
  const labels = reader.record(selector["matchLabels"], path);
  for (const [key, value] of Object.entries(labels ?? {})) {
    const text = reader.requiredText(value, `${path}[${quote(key)}]`);
    if (text !== undefined) {
      into.push({ key, operator: "In", values: [text] });
    }
  }
}

function readExpression(
  reader: Reader,
  raw: unknown,
  field: string,
): Requirement | undefined {
  const expression = reader.required(raw, field);
  if (expression === undefined) return undefined;
  const key = reader.text(expression["key"], `${field}.key`);
  const operator = reader.text(expression["operator"], `${field}.operator`);
  const before = reader.issues.length;
  reader.knowsOnly(expression, ["key", "operator", "values"], field);
  const values: string[] = [];
  reader.list(expression["values"], `${field}.values`).forEach((value, i) => {
    const text = reader.requiredText(value, `${field}.values[${i}]`);
    if (text !== undefined) values.push(text);
  });
  if (reader.issues.length > before) return undefined;
  if (key === undefined || key === "") {
    reader.report(`${field}.key`, "is missing", "name a label key");
    return undefined;
  }
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length > 0) return { key, operator, values };
      reader.report(
        `${field}.values`,
        `is empty beside operator ${operator}`,
        "list at least one value",
      );
      return undefined;
    case "Exists":
    case "DoesNotExist":
      if (values.length === 0) return { key, operator };
      reader.report(
        `${field}.values`,
        `has entries beside operator ${operator}`,
        "remove them",
      );
      return undefined;
    default:
      reader.refuse(
        `${field}.operator`,
        operator,
        "is not an operator",
        "use In, NotIn, Exists or DoesNotExist",
      );
      return undefined;
  }
}
