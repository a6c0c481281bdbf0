/**
 * The version of this program.
 *
 * @module
 */

/** Semantic version (semver.org). */
export const VERSION = "0.1.0";
