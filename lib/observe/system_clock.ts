/**
 * The real clock.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

/** The longest a timer of the runtime can run: 2³¹−1 ms; above it fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Time of the machine, timers of the runtime. */
export class SystemClock implements Clock {
  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  timer(ms: number, fire: () => void): Cancel {
    const end = this.monotonic() + ms;
    let id: ReturnType<typeof setTimeout>;
    const arm = (): void => {
      const left = Math.max(0, end - this.monotonic());
      id = setTimeout(
        // The runtime may wake a fraction of a millisecond early; the promise is "not before".
        () => this.monotonic() >= end ? fire() : arm(),
        Math.min(Math.ceil(left), LONGEST_MS),
      );
    };
    arm();
    return () => clearTimeout(id);
  }
}
