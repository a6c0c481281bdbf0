/**
 * Two small tools for waiting.
 *
 * @module
 */

/** A gate that is open or closed; many may wait for it to open. */
export class Latch {
  #isOpen = false;
  #waiters = new Set<() => void>();

  /** Lets everyone through until {@linkcode close}. */
  open(): void {
    this.#isOpen = true;
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  close(): void {
    this.#isOpen = false;
  }

  /**
   * Waits until the gate is open.
   *
   * @throws the signal's reason
   */
  wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#isOpen) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiters.delete(wake);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(wake);
    });
  }
}

/** Runs one task at a time, in the order they came. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();
  #count = 0;

  /** Whether a task is running or waiting. */
  get isBusy(): boolean {
    return this.#count > 0;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    this.#count++;
    const result = this.#tail.then(task).finally(() => this.#count--);
    this.#tail = result.catch(() => {});
    return result;
  }
}
