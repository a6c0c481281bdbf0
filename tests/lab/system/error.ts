/**
 * What the lab says when it cannot go on.
 *
 * @module
 */

/** Something the lab could not do; the message is for the person running it. */
export class LabError extends Error {
  override readonly name = "LabError";
}
