/**
 * Who reaches whom: many connection attempts at once, from any namespace, by
 * one process.
 *
 * @module
 */

import {
  closeFile,
  ERRNO,
  POLLIN,
  POLLOUT,
  pollSockets,
  receiveBytes,
  sendBytes,
  startConnect,
  takeError,
} from "../system/libc.ts";
import { inNamespace } from "../system/namespace.ts";

/** One attempt. */
export interface Probe {
  /** Network namespace of the client. */
  readonly namespace: string;
  readonly protocol: "TCP" | "UDP";
  readonly address: string;
  readonly port: number;
  /** Chosen by the kernel when absent. */
  readonly sourcePort?: number;
}

/**
 * What became of an attempt: `answered` by a server; `refused` by a reset or an
 * ICMP port unreachable; `unreachable` by any other ICMP error or for want of a
 * route; `prohibited` by the local firewall; `timeout` when nothing came back;
 * `broken` when the connection was made and then lost without an answer.
 */
export type Outcome =
  | "answered"
  | "refused"
  | "unreachable"
  | "prohibited"
  | "timeout"
  | "broken";

/** The result of an attempt. */
export interface Answer {
  readonly outcome: Outcome;
  /** The name of the server that answered. */
  readonly by?: string;
  /** The client's address as the server saw it. */
  readonly source?: string;
  /** From the first packet to the answer or error, milliseconds. */
  readonly latencyMs: number;
}

/** How to probe. */
export interface ProbeOptions {
  /**
   * How long nothing may happen before the attempts under way count as timed
   * out, milliseconds; default {@linkcode DEFAULT_TIMEOUT_MS}. Any answer to any
   * of them starts it again: on a slow machine a queue is not a loss.
   */
  readonly timeoutMs?: number;
  /** Attempts under way at a time; default 400. */
  readonly concurrency?: number;
}

/** Longer than the first retransmission of a SYN, 1 s. */
export const DEFAULT_TIMEOUT_MS = 1500;

/** The longest sleep in poll(2), so that new attempts and deadlines are not kept waiting. */
const POLL_SLICE_MS = 50;

interface Attempt {
  readonly index: number;
  readonly fd: number;
  readonly startedMs: number;
  phase: "connecting" | "waiting";
}

/**
 * Makes every attempt.
 *
 * @returns an answer for each probe, in their order
 * @throws {LabError} when a namespace does not exist
 */
export async function probeAll(
  probes: readonly Probe[],
  options: ProbeOptions = {},
): Promise<readonly Answer[]> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const concurrency = options.concurrency ?? 400;
  const answers: Answer[] = [];
  const pending = new Set<Attempt>();
  let next = 0;
  let progressMs = performance.now();
  const settle = (
    attempt: Attempt,
    answer: Omit<Answer, "latencyMs">,
  ): void => {
    closeFile(attempt.fd);
    pending.delete(attempt);
    const latencyMs = performance.now() - attempt.startedMs;
    answers[attempt.index] = { ...answer, latencyMs };
  };
  try {
    while (next < probes.length || pending.size > 0) {
      while (next < probes.length && pending.size < concurrency) {
        const probe = probes[next];
        if (probe === undefined) break;
        const { attempt, error } = begin(probe, next++);
        pending.add(attempt);
        if (error !== 0) settle(attempt, { outcome: outcomeOf(error) });
      }
      const waiting = [...pending];
      const ready = await pollSockets(
        waiting.map(({ fd, phase }) => ({
          fd,
          events: phase === "connecting" ? POLLOUT : POLLIN,
        })),
        POLL_SLICE_MS,
      );
      waiting.forEach((attempt, index) => {
        if (!ready[index]) return;
        progressMs = performance.now();
        const answer = advance(attempt);
        if (answer) settle(attempt, answer);
      });
      const now = performance.now();
      for (const attempt of [...pending]) {
        if (now - Math.max(attempt.startedMs, progressMs) >= timeoutMs) {
          settle(attempt, { outcome: "timeout" });
        }
      }
    }
  } finally {
    for (const { fd } of pending) closeFile(fd);
  }
  return answers;
}

/** Makes one attempt; see {@linkcode probeAll}. */
export async function probeOne(
  probe: Probe,
  options: ProbeOptions = {},
): Promise<Answer> {
  const [answer] = await probeAll([probe], options);
  if (answer === undefined) throw new Error("no answer for a probe");
  return answer;
}

function begin(
  probe: Probe,
  index: number,
): { readonly attempt: Attempt; readonly error: number } {
  const startedMs = performance.now();
  const { fd, error } = inNamespace(
    probe.namespace,
    () => startConnect(probe),
  );
  const tcp = probe.protocol === "TCP";
  const sent = error === 0 && !tcp
    ? sendBytes(fd, new Uint8Array([63]))
    : error;
  return {
    attempt: { index, fd, startedMs, phase: tcp ? "connecting" : "waiting" },
    error: sent,
  };
}

/** Goes on with a socket that is ready. @returns the answer, once there is one */
function advance(attempt: Attempt): Omit<Answer, "latencyMs"> | undefined {
  if (attempt.phase === "connecting") {
    const error = takeError(attempt.fd);
    if (error !== 0) return { outcome: outcomeOf(error) };
    attempt.phase = "waiting";
    return undefined;
  }
  const received = receiveBytes(attempt.fd);
  if (typeof received === "number") {
    return received === ERRNO.EAGAIN
      ? undefined
      : { outcome: outcomeOf(received) };
  }
  const [by, source] = new TextDecoder().decode(received).trim().split(" ");
  if (by === undefined || source === undefined) return { outcome: "broken" };
  return { outcome: "answered", by, source };
}

function outcomeOf(error: number): Outcome {
  switch (error) {
    case ERRNO.ECONNREFUSED:
      return "refused";
    case ERRNO.EPERM:
    case ERRNO.EACCES:
      return "prohibited";
    case ERRNO.ECONNRESET:
      return "broken";
    default:
      return "unreachable";
  }
}
