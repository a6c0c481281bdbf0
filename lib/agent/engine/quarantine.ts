/**
 * Entries that the kernel refused, and when each may be tried again.
 *
 * @module
 */

import type { KernelError } from "../../base/errors.ts";

/** First pause after a refusal, milliseconds; each further one doubles it. */
const FIRST_PAUSE_MS = 1_000;
/** Longest pause, milliseconds. */
const LONGEST_PAUSE_MS = 5 * 60_000;

/** One refused entry. */
export interface Refused<V = unknown> {
  readonly key: string;
  /** What was wanted; undefined when the removal was refused. */
  readonly value: V | undefined;
  readonly owner: string | undefined;
  readonly error: KernelError;
  readonly attempts: number;
  /** On the monotonic clock, milliseconds. */
  readonly retryAtMs: number;
}

/** Refused entries by key. */
export class Quarantine<V> {
  readonly #refused = new Map<string, Refused<V>>();

  get size(): number {
    return this.#refused.size;
  }

  /** Notes a refusal; the pause grows with each one in a row. */
  add(
    refusal: Pick<Refused<V>, "key" | "value" | "owner" | "error">,
    nowMs: number,
  ): Refused<V> {
    const attempts = (this.#refused.get(refusal.key)?.attempts ?? 0) + 1;
    const pauseMs = Math.min(
      LONGEST_PAUSE_MS,
      FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 20),
    );
    const refused = { ...refusal, attempts, retryAtMs: nowMs + pauseMs };
    this.#refused.set(refusal.key, refused);
    return refused;
  }

  get(key: string): Refused<V> | undefined {
    return this.#refused.get(key);
  }

  /** Forgets a key: it was accepted, or something else is wanted now. */
  release(key: string): void {
    this.#refused.delete(key);
  }

  /** Whether a key must be left alone at this time. */
  isHeld(key: string, nowMs: number): boolean {
    const refused = this.#refused.get(key);
    return refused !== undefined && refused.retryAtMs > nowMs;
  }

  /** Keys that may be tried again. */
  due(nowMs: number): string[] {
    const keys: string[] = [];
    for (const refused of this.#refused.values()) {
      if (refused.retryAtMs <= nowMs) keys.push(refused.key);
    }
    return keys;
  }

  /** When the next key falls due, or undefined when none is held. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const refused of this.#refused.values()) {
      if (next === undefined || refused.retryAtMs < next) {
        next = refused.retryAtMs;
      }
    }
    return next;
  }

  values(): Iterable<Refused<V>> {
    return this.#refused.values();
  }
}
