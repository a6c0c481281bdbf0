/**
 * What Fairway sets through sysctl.
 *
 * @module
 */

/** A kernel parameter; the key is its dotted name. */
export interface SysctlValue {
  readonly name: string;
  readonly value: string;
  /** A kernel without this parameter is fine. */
  readonly optional?: boolean;
}
