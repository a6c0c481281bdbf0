/**
 * What the agent counts, in a registry of its own, served as Prometheus text.
 *
 * The library's default metrics stay off: under Deno they read wrong values.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Clock } from "../base/clock.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { Op } from "../base/target.ts";
import { type MetricName, METRICS } from "./metric_names.ts";

/** States of a BGP session, with the numbers that the BGP MIB gives them (RFC 4273 bgpPeerState). */
export const SESSION_STATE_NUMBERS = {
  Idle: 1,
  Connect: 2,
  Active: 3,
  OpenSent: 4,
  OpenConfirm: 5,
  Established: 6,
} as const;

/** Seconds: a batch takes 1 ms to 10 s; a big start takes longer. */
const DURATION_BUCKETS = [
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
];

/** What the agent is, for `fairway_build_info`. */
export interface MetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  /** When the agent started, milliseconds since the epoch. */
  readonly startedAtMs: number;
}

/** How many operations of each kind a batch carried out. */
export type OpCounts = Readonly<Partial<Record<Op<unknown>["kind"], number>>>;

/** Counters, gauges and histograms of the agent. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #clock: Clock;
  readonly #beforeScrape = new Set<() => void>();

  readonly #residentMemory = this.#gauge(METRICS.residentMemory);
  readonly #heapUsed = this.#gauge(METRICS.heapUsed);
  readonly #heapTotal = this.#gauge(METRICS.heapTotal);
  readonly #externalMemory = this.#gauge(METRICS.externalMemory);
  readonly #moduleReady = this.#gauge(METRICS.moduleReady);
  readonly #moduleRestarts = this.#counter(METRICS.moduleRestarts);
  readonly #reconcileDuration = this.#histogram(METRICS.reconcileDuration);
  readonly #reconcileOps = this.#counter(METRICS.reconcileOps);
  readonly #reconcileErrors = this.#counter(METRICS.reconcileErrors);
  readonly #reconcileDrift = this.#counter(METRICS.reconcileDrift);
  readonly #desiredEntries = this.#gauge(METRICS.desiredEntries);
  readonly #refusedEntries = this.#gauge(METRICS.refusedEntries);
  readonly #convergence = this.#histogram(METRICS.convergence);
  readonly #watchEvents = this.#counter(METRICS.watchEvents);
  readonly #watchRestarts = this.#counter(METRICS.watchRestarts);
  readonly #watchLastEvent = this.#gauge(METRICS.watchLastEvent);
  readonly #clusterObjects = this.#gauge(METRICS.clusterObjects);
  readonly #bgpSessionState = this.#gauge(METRICS.bgpSessionState);
  readonly #bgpSessionSince = this.#gauge(METRICS.bgpSessionSince);
  readonly #bgpMessages = this.#counter(METRICS.bgpMessages);
  readonly #bgpPrefixes = this.#gauge(METRICS.bgpPrefixes);

  constructor(options: MetricsOptions) {
    this.#clock = options.clock;
    this.#gauge(METRICS.buildInfo).set(
      { version: options.version, deno: Deno.version.deno },
      1,
    );
    this.#gauge(METRICS.startTime).set(options.startedAtMs / 1000);
  }

  /** Module readiness and restarts, from the service graph. */
  module(name: string, ready: boolean): void {
    this.#moduleReady.set({ module: name }, ready ? 1 : 0);
    this.#moduleRestarts.inc({ module: name }, 0);
  }

  moduleRestarted(name: string): void {
    this.#moduleRestarts.inc({ module: name });
  }

  /** One batch that the kernel took. */
  reconciled(target: string, durationMs: number, ops: OpCounts): void {
    this.#reconcileDuration.observe({ target }, durationMs / 1000);
    for (const [op, count] of Object.entries(ops)) {
      this.#reconcileOps.inc({ target, op }, count);
    }
  }

  /** A batch or an entry that the kernel or its tool refused. */
  reconcileFailed(target: string, code: ErrorCode): void {
    this.#reconcileErrors.inc({ target, code });
  }

  /** Differences that an audit found; zero counts as an audit, too. */
  drift(target: string, count: number): void {
    this.#reconcileDrift.inc({ target }, count);
  }

  /** Entries wanted, and those the kernel refuses. */
  entries(target: string, desired: number, refused: number): void {
    this.#desiredEntries.set({ target }, desired);
    this.#refusedEntries.set({ target }, refused);
  }

  /** Time from seeing a change to the kernel holding it. */
  converged(durationMs: number): void {
    this.#convergence.observe(durationMs / 1000);
  }

  /** One change received. */
  watchEvent(kind: string, type: "added" | "changed" | "removed"): void {
    this.#watchEvents.inc({ kind, type });
    this.#watchLastEvent.set({ kind }, this.#clock.now() / 1000);
  }

  /** @param reason one of a fixed few, for example an error code */
  watchRestarted(kind: string, reason: string): void {
    this.#watchRestarts.inc({ kind, reason });
  }

  clusterObjects(kind: string, count: number): void {
    this.#clusterObjects.set({ kind }, count);
  }

  /** The state a session entered, and when (milliseconds since the epoch). */
  bgpSession(
    peer: string,
    state: keyof typeof SESSION_STATE_NUMBERS,
    sinceMs: number,
  ): void {
    this.#bgpSessionState.set({ peer }, SESSION_STATE_NUMBERS[state]);
    this.#bgpSessionSince.set({ peer }, sinceMs / 1000);
  }

  bgpMessage(
    peer: string,
    type: "open" | "update" | "notification" | "keepalive" | "route_refresh",
    direction: "in" | "out",
  ): void {
    this.#bgpMessages.inc({ peer, type, direction });
  }

  bgpPrefixes(
    peer: string,
    counts: {
      readonly received: number;
      readonly accepted: number;
      readonly advertised: number;
    },
  ): void {
    for (const [table, count] of Object.entries(counts)) {
      this.#bgpPrefixes.set({ peer, table }, count);
    }
  }

  /** Forgets a peer that is no longer configured. */
  dropPeer(peer: string): void {
    this.#bgpSessionState.remove({ peer });
    this.#bgpSessionSince.remove({ peer });
    for (const table of ["received", "accepted", "advertised"]) {
      this.#bgpPrefixes.remove({ peer, table });
    }
    for (
      const type of [
        "open",
        "update",
        "notification",
        "keepalive",
        "route_refresh",
      ]
    ) {
      for (const direction of ["in", "out"]) {
        this.#bgpMessages.remove({ peer, type, direction });
      }
    }
  }

  /** Runs before each reading, for gauges that copy a state; returns how to stop that. */
  beforeScrape(update: () => void): () => void {
    this.#beforeScrape.add(update);
    return () => this.#beforeScrape.delete(update);
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    const memory = Deno.memoryUsage();
    this.#residentMemory.set(memory.rss);
    this.#heapUsed.set(memory.heapUsed);
    this.#heapTotal.set(memory.heapTotal);
    this.#externalMemory.set(memory.external);
    for (const update of this.#beforeScrape) update();
    return this.#registry.metrics();
  }

  /** The media type of {@linkcode text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  #gauge(metric: MetricName): Gauge {
    return new Gauge(this.#configuration(metric));
  }

  #counter(metric: MetricName): Counter {
    return new Counter(this.#configuration(metric));
  }

  #histogram(metric: MetricName): Histogram {
    return new Histogram({
      ...this.#configuration(metric),
      buckets: DURATION_BUCKETS,
    });
  }

  #configuration(
    metric: MetricName,
  ): {
    name: string;
    help: string;
    labelNames: string[];
    registers: Registry[];
  } {
    return {
      name: metric.name,
      help: metric.help,
      labelNames: [...metric.labels],
      registers: [this.#registry],
    };
  }
}
