/**
 * Desired, observed, difference: the shapes shared by compilers, the difference
 * engine and the kernel drivers.
 *
 * The state of one kernel tool is a map from key to value. A compiler says which
 * entries it wants, a driver ({@linkcode Target}) says which exist and carries
 * out operations, and the engine in `lib/agent/engine` stands between them.
 * Keys and values are made by Fairway from parsed input, never passed through.
 *
 * @module
 */

import type { KernelError } from "./errors.ts";

/** One thing that should exist in the kernel. */
export interface Entry<V> {
  /** Names the thing among all of its tool; the driver documents the form. */
  readonly key: string;
  readonly value: V;
  /**
   * Keys that must exist before this one can (a rule's sets, a destination's
   * virtual server). When one of them is refused, this entry waits too.
   */
  readonly needs?: readonly string[];
  /** The Kubernetes object this came from, as text for people: `Service default/web`. */
  readonly owner?: string;
}

/**
 * Everything one source wants of one tool, replacing what it wanted before; no
 * entries means the source is gone. A source is whatever a compiler computes as
 * one piece: a service, a pod, a policy. Several sources may want the same entry
 * (equal key and value): it stays until the last one lets go. If they want
 * different values for one key, the source that came first keeps it and the
 * other is reported.
 */
export interface SourceUpdate<V> {
  /** Unique within the contributor, for example `Service default/web`. */
  readonly source: string;
  readonly entries: readonly Entry<V>[];
}

/** One step from observed to desired. */
export type Op<V> =
  | { readonly kind: "add"; readonly key: string; readonly value: V }
  | {
    readonly kind: "change";
    readonly key: string;
    readonly value: V;
    readonly previous: V;
  }
  | { readonly kind: "remove"; readonly key: string; readonly previous: V };

/** One operation of a batch that the kernel refused. */
export interface Refusal {
  /** Index in the batch, or undefined when the tool does not say which. */
  readonly index: number | undefined;
  readonly error: KernelError;
}

/** What became of a batch. */
export interface ApplyResult {
  /** Empty when everything was carried out. */
  readonly refusals: readonly Refusal[];
  /**
   * Whether operations that are not named in `refusals` were carried out. An
   * atomic tool carries out all or nothing; of another tool that stopped at an
   * unknown place this is `"unknown"`, and the engine reads the state again.
   */
  readonly rest: "done" | "not_done" | "unknown";
}

/**
 * A kernel tool as keyed state. Implemented by each driver in `lib/kernel` and
 * by its fake; one conformance suite runs on both.
 */
export interface Target<V> {
  /** The tool's name, for logs, metrics and plans: `nft`, `ipvs`, `ip`, `sysctl`. */
  readonly name: string;

  /**
   * Reads everything of ours that exists, and of others' nothing.
   *
   * @throws {KernelError}
   */
  read(signal: AbortSignal): Promise<Map<string, V>>;

  /**
   * Carries out one batch with one process of the tool. The operations come in
   * the order that {@linkcode order} asks for.
   *
   * @throws {KernelError} when the tool could not be run at all or did not end;
   * a refusal by the kernel is a result, not an exception
   */
  apply(ops: readonly Op<V>[], signal: AbortSignal): Promise<ApplyResult>;

  /** Whether the kernel's value is what is wanted, ignoring what the kernel adds by itself. */
  equal(desired: V, observed: V): boolean;

  /**
   * The place of a key in a batch: additions and changes run from low to high,
   * and removals after them from high to low, so that what others need is made
   * first and goes last (make before break).
   */
  order(key: string): number;

  /** The operation in the tool's own language, for `fairway plan`. */
  render(op: Op<V>): string;
}
