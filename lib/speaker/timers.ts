/**
 * Named timers that are started anew far more often than they expire.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

interface Timer {
  /** When it shall expire, on the monotonic clock. */
  deadline: number;
  /** When the clock's timer fires: at the deadline or before. */
  firesAt: number;
  cancel: Cancel;
}

/**
 * Timers by name. Starting one again only moves its deadline while the clock's
 * own timer keeps running, so a hold timer costs nothing per message.
 */
export class Timers {
  readonly #clock: Clock;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts a timer, or starts it anew. */
  start(name: string, ms: number, expire: () => void): void {
    const deadline = this.#clock.monotonic() + ms;
    const running = this.#timers.get(name);
    if (running !== undefined && running.firesAt <= deadline) {
      running.deadline = deadline;
      return;
    }
    running?.cancel();
    this.#arm(name, deadline, expire);
  }

  /** Stops a timer. */
  stop(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  /** Stops all timers. */
  stopAll(): void {
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #arm(name: string, deadline: number, expire: () => void): void {
    const wait = Math.max(0, deadline - this.#clock.monotonic());
    const cancel = this.#clock.timer(wait, () => {
      const timer = this.#timers.get(name);
      if (timer === undefined) return;
      if (timer.deadline > this.#clock.monotonic()) {
        return this.#arm(name, timer.deadline, expire);
      }
      this.#timers.delete(name);
      expire();
    });
    this.#timers.set(name, { deadline, firesAt: deadline, cancel });
  }
}
