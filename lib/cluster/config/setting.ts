/**
 * One row of the table of settings.
 *
 * @module
 */

import type { ValueType } from "./value_type.ts";

/** A setting as the table defines it. */
export interface Setting<T> {
  /** The flag without its dashes; the key in the configuration file. */
  readonly name: string;
  /** One letter, for flags that have a short form. */
  readonly short?: string;
  readonly type: ValueType<T>;
  /** As it would be written. */
  readonly default: string;
  /** What it does, as a sentence or two. */
  readonly description: string;
}

/** Rows of one group, by the name of their field in `Settings`. */
// deno-lint-ignore no-explicit-any
export type SettingGroup = Readonly<Record<string, Setting<any>>>;

/** The value of a setting. */
export type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The variable that sets a flag: `FAIRWAY_CLUSTER_ASN` for `cluster-asn`. */
export function variableOf(name: string): string {
  return `FAIRWAY_${name.replaceAll("-", "_").toUpperCase()}`;
}
