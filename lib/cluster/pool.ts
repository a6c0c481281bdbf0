/**
 * One copy of texts that repeat: namespaces, node names, label keys, zones.
 *
 * @module
 */

/**
 * Returns the first copy it saw of an equal value. The pool is only a cache: it
 * holds at most `limit` values and then starts afresh, so it cannot grow with
 * the names that come and go, and losing a value costs a second copy at most.
 */
export class Pool<T> {
  readonly #limit: number;
  readonly #values = new Map<string, T>();

  /** @param limit how many values to keep before starting afresh */
  constructor(limit = 16_384) {
    this.#limit = limit;
  }

  /** The copy kept under `text`, or the one that `make` returns, kept from now on. */
  share(text: string, make: () => T): T {
    const known = this.#values.get(text);
    if (known !== undefined) return known;
    if (this.#values.size >= this.#limit) this.#values.clear();
    const made = make();
    this.#values.set(text, made);
    return made;
  }
}

const texts = new Pool<string>();

/** A copy of the text that equal texts share. */
export function shareText(text: string): string {
  return texts.share(text, () => text);
}
