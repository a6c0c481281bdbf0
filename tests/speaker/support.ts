/**
 * What the speaker's tests share: a real clock, waiting for a condition, two
 * speakers on loopback.
 *
 * @module
 */

import type { Clock } from "../../lib/base/clock.ts";
import { type Logger, SILENT } from "../../lib/base/log.ts";
import { parseIp } from "../../lib/net/ip.ts";
import type { SpeakerOptions } from "../../lib/speaker/api.ts";
import { Speaker } from "../../lib/speaker/speaker.ts";

/** The machine's clock. */
export const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (ms, fire) => {
    const id = setTimeout(fire, ms);
    return () => clearTimeout(id);
  },
};

/** Waits until `read` gives something other than false or undefined; fails after the deadline. */
export async function until<T>(
  what: string,
  read: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = 10_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`Gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A speaker for tests: silent, no jitter, any port of one loopback address. */
export function testSpeaker(
  address: string,
  localAs: number,
  options: Partial<SpeakerOptions> = {},
): Speaker {
  return new Speaker({
    clock: REAL_CLOCK,
    log: SILENT as Logger,
    localAs,
    routerId: parseIp(address),
    listen: [{ address: parseIp(address), port: 0 }],
    random: () => 0,
    ...options,
  });
}

/** The port that a speaker listens on. */
export function portOf(speaker: Speaker): number {
  return speaker.listening[0]?.port ?? 0;
}
