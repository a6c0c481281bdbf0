/**
 * Label selectors (metav1.LabelSelector) with all operators.
 *
 * @module
 */

import type { LabelSet } from "./model.ts";

/** One requirement on one label key. */
export type Requirement =
  | {
    readonly key: string;
    readonly operator: "In" | "NotIn";
    readonly values: readonly string[];
  }
  | { readonly key: string; readonly operator: "Exists" | "DoesNotExist" };

/**
 * A parsed selector: all requirements must hold; none means everything matches.
 * `text` is canonical, so equal selectors have equal text and can share a set.
 */
export interface Selector {
  readonly text: string;
  readonly requirements: readonly Requirement[];
  /** True for a selector that could not be parsed: it matches nothing. */
  readonly nothing: boolean;
}

/**
 * Whether labels satisfy a selector. `NotIn` and `DoesNotExist` also match
 * objects without the key.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
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
