/**
 * Files that are to be looked at, each at its time.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

/** One entry; times are monotonic milliseconds. */
export interface Due {
  readonly at: number;
  /** When it was first put down, however often it was put off since. */
  readonly firstSeen: number;
  /** Whether this look may remove objects. */
  readonly confirm: boolean;
}

/** When to look at which file. */
export class Agenda {
  readonly #clock: Clock;
  readonly #due = new Map<string, Due>();
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(file: string): boolean {
    return this.#due.has(file);
  }

  /**
   * Puts a file down, or moves it.
   *
   * @param options `afterMs` from now, but at most `patienceMs` after it was first put down
   */
  put(
    file: string,
    options: {
      readonly afterMs: number;
      readonly patienceMs?: number;
      readonly confirm?: boolean;
    },
  ): void {
    const now = this.#clock.monotonic();
    const firstSeen = this.#due.get(file)?.firstSeen ?? now;
    const at = Math.min(
      now + options.afterMs,
      firstSeen + (options.patienceMs ?? Infinity),
    );
    const confirm = options.confirm ?? false;
    this.#due.set(file, { at: Math.max(at, now), firstSeen, confirm });
    this.wake();
  }

  /** Takes out what has fallen due. */
  take(): [string, Due][] {
    const now = this.#clock.monotonic();
    const ready = [...this.#due].filter(([, due]) => due.at <= now);
    for (const [file] of ready) this.#due.delete(file);
    return ready;
  }

  clear(): void {
    this.#due.clear();
  }

  /** Ends the wait. */
  wake(): void {
    this.#wake?.();
  }

  /**
   * Waits until something falls due or is put down, or {@linkcode wake} is called.
   *
   * @param latest monotonic time at which the wait ends in any case
   */
  async wait(latest: number): Promise<void> {
    const now = this.#clock.monotonic();
    let next = latest;
    for (const { at } of this.#due.values()) next = Math.min(next, at);
    if (next <= now) return;
    let cancel: Cancel = () => {};
    await new Promise<void>((resume) => {
      this.#wake = resume;
      cancel = this.#clock.timer(next - now, resume);
    });
    cancel();
    this.#wake = undefined;
  }
}
