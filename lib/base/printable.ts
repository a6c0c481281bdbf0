/**
 * Others' text on a terminal.
 *
 * @module
 */

/**
 * A text on one line in which control and format characters are shown as
 * `\uXXXX` instead of obeyed: names of objects are others' text.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) =>
      `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
