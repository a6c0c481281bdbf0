/**
 * What is wrong with an object, told to the person who can mend it.
 *
 * Bad input is not an exception: the rest of the object, and every other
 * object, keeps working. A parser or compiler returns issues beside its result.
 *
 * @module
 */

/** One thing wrong with one field of one object. */
export interface Issue {
  /** The object: `Service default/web`, or `shop.yaml:14 Service default/web` from a file. */
  readonly object: string;
  /** Path of the field in the object, for example `spec.ports[0].port`; empty for the whole. */
  readonly field: string;
  /** What is wrong, with the value quoted. */
  readonly problem: string;
  /** What to do about it. */
  readonly mend: string;
}

/** An issue as one line. */
export function formatIssue(issue: Issue): string {
  const field = issue.field === "" ? "" : ` ${issue.field}`;
  return `${issue.object}${field}: ${issue.problem}; ${issue.mend}`;
}
