/**
 * Telling systemd how we are.
 *
 * Without `NOTIFY_SOCKET` nothing is opened and every call does nothing. A
 * message that cannot be sent is reported once and is no failure of ours.
 *
 * @see sd_notify(3)
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

/** Tells the service manager; promises settle when the message is on its way, and never reject. */
export interface Notifier {
  /** Start-up is over. */
  ready(status?: string): Promise<void>;
  /** One line that `systemctl status` shows. */
  status(text: string): Promise<void>;
  stopping(): Promise<void>;
  /** We are alive; must come again within the watchdog's time. */
  watchdog(): Promise<void>;
  /** How often to call {@linkcode watchdog}, milliseconds: half its time; undefined when nobody watches. */
  readonly watchdogIntervalMs: number | undefined;
  close(): void;
}

/** Where the environment comes from and complaints go. */
export interface NotifyOptions {
  readonly env: { get(name: string): string | undefined };
  readonly log: Logger;
  /** Distinguishes our own address from others'. @default {Deno.pid} */
  readonly id?: number;
}

const QUIET: Notifier = {
  ready: () => Promise.resolve(),
  status: () => Promise.resolve(),
  stopping: () => Promise.resolve(),
  watchdog: () => Promise.resolve(),
  watchdogIntervalMs: undefined,
  close: () => {},
};

/** Opens the way to the service manager, if there is one. */
export function openNotifier(options: NotifyOptions): Notifier {
  const target = options.env.get("NOTIFY_SOCKET") ?? "";
  if (!target.startsWith("/") && !target.startsWith("@")) return QUIET;
  const id = options.id ?? Deno.pid;
  try {
    // Our own end is an abstract address: it needs no writable directory and leaves no file.
    const socket = Deno.listenDatagram({
      transport: "unixpacket",
      path: `\0fairway-notify-${id}`,
    });
    return new SocketNotifier(socket, target, options);
  } catch (error) {
    options.log.warn(
      "sd_notify.failed",
      `systemd is not told about us: ${messageOf(error)}`,
    );
    return QUIET;
  }
}

class SocketNotifier implements Notifier {
  readonly watchdogIntervalMs: number | undefined;
  readonly #socket: Deno.DatagramConn;
  readonly #address: Deno.UnixAddr;
  readonly #log: Logger;
  #complained = false;
  #closed = false;

  constructor(
    socket: Deno.DatagramConn,
    target: string,
    options: NotifyOptions,
  ) {
    this.#socket = socket;
    this.#address = {
      transport: "unixpacket",
      path: target.startsWith("@") ? `\0${target.slice(1)}` : target,
    };
    this.#log = options.log;
    const microseconds = Number(options.env.get("WATCHDOG_USEC") ?? "");
    this.watchdogIntervalMs = Number.isFinite(microseconds) && microseconds > 0
      ? microseconds / 2000
      : undefined;
  }

  ready(status?: string): Promise<void> {
    return this.#send(
      status === undefined ? "READY=1" : `READY=1\nSTATUS=${oneLine(status)}`,
    );
  }
  status(text: string): Promise<void> {
    return this.#send(`STATUS=${oneLine(text)}`);
  }
  stopping(): Promise<void> {
    return this.#send("STOPPING=1");
  }
  watchdog(): Promise<void> {
    return this.#send("WATCHDOG=1");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  async #send(message: string): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#socket.send(new TextEncoder().encode(message), this.#address);
    } catch (error) {
      if (this.#complained) return;
      this.#complained = true;
      this.#log.warn(
        "sd_notify.failed",
        `systemd is not told about us: ${messageOf(error)}`,
        { socket: this.#address.path },
      );
    }
  }
}

/**
 * Feeds the watchdog as long as `alive` says so, until the signal aborts.
 * Does nothing when nobody watches.
 */
export function feedWatchdog(
  options: {
    readonly notifier: Notifier;
    readonly clock: Clock;
    readonly alive: () => boolean;
    readonly signal: AbortSignal;
  },
): void {
  const { notifier, clock, alive, signal } = options;
  const everyMs = notifier.watchdogIntervalMs;
  if (everyMs === undefined || signal.aborted) return;
  let cancel: Cancel = () => {};
  const beat = (): void => {
    if (alive()) notifier.watchdog();
    cancel = clock.timer(everyMs, beat);
  };
  signal.addEventListener("abort", () => cancel(), { once: true });
  beat();
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
}
