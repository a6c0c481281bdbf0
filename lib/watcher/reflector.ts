/**
 * The reflector: how to keep a copy of one Kubernetes collection, as a pure
 * state machine. The shell in `reflector_shell.ts` carries out its effects.
 *
 * ```
 *            ┌───────────── 400, 422, silence ─────────────┐
 *  start ─▶ streaming ──initial-events-end──▶ watching     ▼
 *            │  ▲                              │ ▲ ▲    listing ◀─┐ next page
 *            │  └── too old (410) ─────────────┘ │ └──────┤  └────┘
 *            │                                  │     last page
 *            └─ failure ─▶ waiting ─pause over──┘ (or back to where it was)
 * ```
 *
 * A watch that ends or goes silent resumes from the last resource version that
 * was seen. Only when that version is too old is the collection listed again,
 * and then handed over as a whole, so that nothing is missing in between.
 *
 * References: Kubernetes API concepts, "Efficient detection of changes",
 * "Retrieving large results sets in chunks"; KEP-3157 streaming lists; KEP-956
 * watch bookmarks.
 *
 * @module
 */

import {
  type Failure,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorSettings,
  type ReflectorState,
  type RestartReason,
  TOO_LARGE,
} from "./reflector_state.ts";

/** One step's outcome. */
export type ReflectorStep = readonly [
  ReflectorState,
  readonly ReflectorEffect[],
];

/**
 * One step. Total: an event that has no place in a state is ignored.
 *
 * @param random from 0 to 1, for the jitter
 */
export function step(
  state: ReflectorState,
  event: ReflectorEvent,
  random: number,
): ReflectorStep {
  switch (event.t) {
    case "start":
      return state.activity === "idle" ? readAll(state, random) : [state, []];
    case "resume":
      return state.activity === "waiting" ? goOn(state, random) : [state, []];
    case "page":
      return state.activity === "listing"
        ? takePage(state, event, random)
        : [state, []];
    case "added":
    case "modified":
    case "deleted":
      return takeChange(state, event);
    case "bookmark":
      return takeBookmark(state, event, random);
    case "ended":
      return takeEnd(state, event.openMs, random);
    case "silent":
      return takeSilence(state, random);
    case "failed":
      return takeFailure(state, event, random);
  }
}

/** Reads the whole collection from its start. */
function readAll(state: ReflectorState, random: number): ReflectorStep {
  if (state.mode === "streaming") {
    const effects: ReflectorEffect[] = [
      { f: "collectNew" },
      { ...watchEffect(state, random), resourceVersion: "", streaming: true },
    ];
    return [{ ...state, activity: "streaming", continueToken: "" }, effects];
  }
  return [{ ...state, activity: "listing", continueToken: "" }, [
    { f: "collectNew" },
    { f: "list", continueToken: "" },
  ]];
}

function watchFrom(state: ReflectorState, random: number): ReflectorStep {
  return [{ ...state, activity: "watching" }, [watchEffect(state, random)]];
}

function watchEffect(
  state: ReflectorState,
  random: number,
): Extract<ReflectorEffect, { f: "watch" }> {
  return {
    f: "watch",
    resourceVersion: state.resourceVersion,
    streaming: false,
    timeoutSeconds: Math.round(
      state.settings.watchSeconds * (0.9 + 0.2 * random),
    ),
  };
}

function goOn(state: ReflectorState, random: number): ReflectorStep {
  switch (state.after) {
    case "watching":
      return watchFrom(state, random);
    case "streaming":
      return readAll(state, random);
    case "listing": {
      if (state.continueToken === "") return readAll(state, random);
      const { continueToken } = state;
      return [{ ...state, activity: "listing" }, [
        { f: "list", continueToken },
      ]];
    }
  }
}

function takePage(
  state: ReflectorState,
  event: Extract<ReflectorEvent, { t: "page" }>,
  random: number,
): ReflectorStep {
  const { objects, continueToken, resourceVersion } = event;
  if (continueToken !== "") {
    return [{ ...state, continueToken }, [
      { f: "collect", objects },
      { f: "list", continueToken },
    ]];
  }
  const [next, effects] = watchFrom(
    { ...state, continueToken, resourceVersion, synced: true },
    random,
  );
  return [next, [{ f: "collect", objects }, { f: "commit" }, ...effects]];
}

function takeChange(
  state: ReflectorState,
  event: Extract<ReflectorEvent, { t: "added" | "modified" | "deleted" }>,
): ReflectorStep {
  const { object } = event;
  if (state.activity === "streaming") {
    return [
      state,
      event.t === "deleted"
        ? [{ f: "uncollect", object }]
        : [{ f: "collect", objects: [object] }],
    ];
  }
  if (state.activity !== "watching") return [state, []];
  return [progressed(state, event.resourceVersion), [{
    f: event.t === "deleted" ? "remove" : "upsert",
    object,
  }]];
}

function succeeded(state: ReflectorState): ReflectorState {
  return { ...state, failures: 0, readAgain: false };
}

function progressed(
  state: ReflectorState,
  resourceVersion: string,
): ReflectorState {
  return {
    ...succeeded(state),
    resourceVersion: resourceVersion === ""
      ? state.resourceVersion
      : resourceVersion,
  };
}

function takeBookmark(
  state: ReflectorState,
  event: Extract<ReflectorEvent, { t: "bookmark" }>,
  random: number,
): ReflectorStep {
  if (state.activity === "watching") {
    return [progressed(state, event.resourceVersion), []];
  }
  if (state.activity !== "streaming") return [state, []];
  // A server that ignores sendInitialEvents sends bookmarks without the mark.
  if (!event.initialEventsEnd) return fallBack(state, random);
  return [
    {
      ...state,
      activity: "watching",
      resourceVersion: event.resourceVersion,
      synced: true,
    },
    [{ f: "commit" }],
  ];
}

/** Reads in pages from now on. */
function fallBack(state: ReflectorState, random: number): ReflectorStep {
  const [next, effects] = readAll({ ...state, mode: "paging" }, random);
  return [next, [{ f: "restarted", reason: "no_streaming" }, ...effects]];
}

function takeEnd(
  state: ReflectorState,
  openMs: number,
  random: number,
): ReflectorStep {
  if (state.activity !== "watching" && state.activity !== "streaming") {
    return [state, []];
  }
  const restarted: ReflectorEffect = { f: "restarted", reason: "ended" };
  if (state.activity === "streaming" || openMs < state.settings.stableMs) {
    return pause(state, { random, effects: [restarted] });
  }
  const [next, effects] = watchFrom(succeeded(state), random);
  return [next, [restarted, ...effects]];
}

function takeSilence(state: ReflectorState, random: number): ReflectorStep {
  switch (state.activity) {
    case "streaming": {
      // Also what a server does that ignores sendInitialEvents.
      const [next, effects] = fallBack(state, random);
      return [next, [{ f: "renewClient" }, ...effects]];
    }
    case "watching": {
      const [next, effects] = watchFrom(state, random);
      return [next, [
        { f: "restarted", reason: "silent" },
        { f: "renewClient" },
        ...effects,
      ]];
    }
    case "idle":
    case "listing":
    case "waiting":
      return [state, []];
  }
}

function takeFailure(
  before: ReflectorState,
  event: Extract<ReflectorEvent, { t: "failed" }>,
  random: number,
): ReflectorStep {
  const { activity, settings } = before;
  if (activity === "idle" || activity === "waiting") return [before, []];
  const { failure, openMs } = event;
  const state = activity === "watching" && openMs >= settings.stableMs
    ? succeeded(before)
    : before;
  const reason = reasonOf(failure);
  const effects: ReflectorEffect[] = [{ f: "restarted", reason }];
  if (
    activity === "streaming" &&
    (failure.status === 400 || failure.status === 422)
  ) return fallBack(state, random);
  if (failure.cause !== "status") effects.push({ f: "renewClient" });
  if (failure.status === 401) effects.push({ f: "renewCredentials" });
  const { retryAfterMs } = failure;
  if (mustReadAll(state, failure)) {
    const again = { ...state, continueToken: "", readAgain: true };
    // The first time at once; a server that goes on like this is given time.
    if (state.readAgain || retryAfterMs > 0) {
      const restart = { ...again, activity: activityOfMode(state) };
      return pause(restart, { random, effects, retryAfterMs });
    }
    const [next, more] = readAll(again, random);
    return [next, [...effects, ...more]];
  }
  return pause(state, { random, effects, retryAfterMs });
}

/** A malformed watch may be malformed for good at this place; after some tries go round it. */
const MALFORMED_TRIES = 3;

function mustReadAll(state: ReflectorState, failure: Failure): boolean {
  if (failure.status === 410) return true;
  if (state.activity !== "watching") return false;
  return failure.reason === TOO_LARGE ||
    (failure.cause === "malformed" && state.failures >= MALFORMED_TRIES);
}

function activityOfMode(state: ReflectorState): "streaming" | "listing" {
  return state.mode === "streaming" ? "streaming" : "listing";
}

function reasonOf(failure: Failure): RestartReason {
  if (failure.cause !== "status") return failure.cause;
  if (failure.reason === TOO_LARGE) return "gone";
  switch (failure.status) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 410:
      return "gone";
    case 429:
      return "throttled";
    default:
      return "server";
  }
}

/** Waits, longer after each failure, then goes on where it was. */
function pause(
  state: ReflectorState,
  options: {
    readonly random: number;
    readonly effects: readonly ReflectorEffect[];
    readonly retryAfterMs?: number;
  },
): ReflectorStep {
  const { activity } = state;
  const failures = state.failures + 1;
  const next: ReflectorState = {
    ...state,
    failures,
    activity: "waiting",
    after: activity === "listing" || activity === "streaming"
      ? activity
      : "watching",
  };
  const { random, effects, retryAfterMs = 0 } = options;
  const ms = Math.max(
    pauseMs(state.settings, failures, random),
    // What the server asks for is the least; more for some, so that not all come back at once.
    Math.round(retryAfterMs * (1 + random / 4)),
  );
  return [next, [...effects, { f: "wait", ms }]];
}

/**
 * The pause after the nth failure in a row, milliseconds: doubled each time up to
 * the longest, of which a random half is taken off.
 */
export function pauseMs(
  settings: ReflectorSettings,
  failures: number,
  random: number,
): number {
  const { firstPauseMs, longestPauseMs } = settings;
  const full = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
  return Math.round(full * (0.5 + random / 2));
}
