/**
 * A deadline that can be moved, as an abort signal.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

/** Aborts its signal when a deadline passes, or when the parent signal does. */
export class Deadline implements Disposable {
  readonly #clock: Clock;
  readonly #parent: AbortSignal;
  readonly #controller = new AbortController();
  readonly #onAbort = (): void => this.#controller.abort(this.#parent.reason);
  #cancel: Cancel = () => {};
  #expired: string | undefined;

  constructor(clock: Clock, parent: AbortSignal) {
    this.#clock = clock;
    this.#parent = parent;
    if (parent.aborted) this.#onAbort();
    else parent.addEventListener("abort", this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the deadline that passed was for; undefined when none did. */
  get expired(): string | undefined {
    return this.#expired;
  }

  /**
   * Sets the deadline anew.
   *
   * @param ms milliseconds from now
   * @param what for {@linkcode expired}
   */
  set(ms: number, what: string): void {
    this.#cancel();
    this.#cancel = this.#clock.timer(ms, () => {
      this.#expired = `${what} within ${ms} ms`;
      this.#controller.abort(new DOMException(this.#expired, "TimeoutError"));
    });
  }

  /** Takes the deadline away. */
  clear(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  /** Waits; ends early when the parent signal aborts. */
  async wait(ms: number): Promise<void> {
    if (this.signal.aborted) return;
    await new Promise<void>((resume) => {
      this.signal.addEventListener("abort", () => resume(), { once: true });
      this.#cancel = this.#clock.timer(ms, resume);
    });
    this.clear();
  }

  [Symbol.dispose](): void {
    this.clear();
    this.#parent.removeEventListener("abort", this.#onAbort);
    // Ends whatever still runs on the signal.
    this.#controller.abort();
  }
}
