/**
 * Time as an argument: nothing below the shell reads a clock or sets a timer of
 * its own. The real clock is in `lib/observe/system_clock.ts`; tests use
 * {@linkcode FakeClock}.
 *
 * @module
 */

/** Cancels a timer; calling it again, or after it fired, does nothing. */
export type Cancel = () => void;

/** A source of time and timers. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch: for people and for comparing with object times. */
  now(): number;
  /** Milliseconds from an arbitrary start; never steps back: for measuring and for deadlines. */
  monotonic(): number;
  /** Calls `fire` once, not before `ms` milliseconds have passed. */
  timer(ms: number, fire: () => void): Cancel;
}

/**
 * Waits.
 *
 * @param ms milliseconds
 * @param signal ends the wait early
 * @throws the signal's reason, when it is or becomes aborted
 */
export function sleep(
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.timer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs: number;
  #sequence = 0;
  readonly #timers = new Map<number, { at: number; fire: () => void }>();

  /** @param startMs the wall clock's first reading, milliseconds since the epoch */
  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  timer(ms: number, fire: () => void): Cancel {
    const id = this.#sequence++;
    this.#timers.set(id, { at: this.#nowMs + Math.max(0, ms), fire });
    return () => this.#timers.delete(id);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves time forward, firing what falls due in order, and lets promises that
   * were waiting run between two timers.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await settle();
      let next: [number, { at: number; fire: () => void }] | undefined;
      for (const entry of this.#timers) {
        if (entry[1].at <= end && (!next || entry[1].at < next[1].at)) {
          next = entry;
        }
      }
      if (!next) break;
      this.#timers.delete(next[0]);
      this.#nowMs = Math.max(this.#nowMs, next[1].at);
      next[1].fire();
    }
    this.#nowMs = end;
    await settle();
  }
}

/** Lets the promise jobs that are ready run; a chain of up to a few dozen steps. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
