/**
 * Says a repeated warning once, and how often it came.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { LogFields, Logger } from "../base/log.ts";

type Loud = "warn" | "error";

interface Window {
  readonly level: Loud;
  readonly event: string;
  readonly message: string;
  readonly endMs: number;
  fields: LogFields;
  repeated: number;
}

/** How the filter forgets. */
export interface RepeatOptions {
  /**
   * How long the same warning stays quiet after it was said, milliseconds.
   * @default {60000}
   */
  readonly windowMs?: number;
  /**
   * Different warnings remembered at once.
   * @default {1000}
   */
  readonly capacity?: number;
}

/**
 * Passes everything on, but warnings and errors of equal event, message and
 * field `object` only once in a window. What was held back is said when the window is over, with the
 * last fields and a field `repeated`; this costs no timer: the end of a window is
 * noticed with the next event, or at {@linkcode flush}.
 */
export class RepeatFilter implements Logger {
  readonly #inner: Logger;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #capacity: number;
  /** In order of their ends, because all windows are equally long. */
  readonly #windows = new Map<string, Window>();

  constructor(inner: Logger, clock: Clock, options: RepeatOptions = {}) {
    this.#inner = inner;
    this.#clock = clock;
    this.#windowMs = options.windowMs ?? 60_000;
    this.#capacity = options.capacity ?? 1000;
  }

  debug(event: string, message: string, fields?: LogFields): void {
    this.#expire();
    this.#inner.debug(event, message, fields);
  }
  info(event: string, message: string, fields?: LogFields): void {
    this.#expire();
    this.#inner.info(event, message, fields);
  }
  warn(event: string, message: string, fields: LogFields = {}): void {
    this.#loud("warn", event, message, fields);
  }
  error(event: string, message: string, fields: LogFields = {}): void {
    this.#loud("error", event, message, fields);
  }

  /** Says everything that was held back; call before the process ends. */
  flush(): void {
    for (const key of [...this.#windows.keys()]) this.#close(key);
  }

  #loud(
    level: Loud,
    event: string,
    message: string,
    fields: LogFields,
  ): void {
    this.#expire();
    const object = String(fields["object"] ?? "");
    const key = [level, event, message, object].join("\u0000");
    const window = this.#windows.get(key);
    if (window !== undefined) {
      window.repeated++;
      window.fields = fields;
      return;
    }
    if (this.#windows.size >= this.#capacity) this.#closeOldest();
    this.#windows.set(key, {
      level,
      event,
      message,
      fields,
      endMs: this.#clock.monotonic() + this.#windowMs,
      repeated: 0,
    });
    this.#inner[level](event, message, fields);
  }

  #expire(): void {
    const nowMs = this.#clock.monotonic();
    for (const [key, window] of this.#windows) {
      if (window.endMs > nowMs) return;
      this.#close(key);
    }
  }

  #closeOldest(): void {
    for (const key of this.#windows.keys()) return this.#close(key);
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    if (window === undefined || window.repeated === 0) return;
    this.#inner[window.level](window.event, window.message, {
      ...window.fields,
      repeated: window.repeated,
    });
  }
}
