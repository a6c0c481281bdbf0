import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import fc from "fast-check";
import { pauseMs, step } from "../../lib/watcher/reflector.ts";
import {
  type Activity,
  type Failure,
  initialReflector,
  REFLECTOR_SETTINGS,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
  TOO_LARGE,
} from "../../lib/watcher/reflector_state.ts";

function status(code: number, more: Partial<Failure> = {}): ReflectorEvent {
  const failure: Failure = {
    cause: "status",
    status: code,
    reason: "",
    retryAfterMs: 0,
    message: "",
    ...more,
  };
  return { t: "failed", failure, openMs: 0 };
}

/** Every event, and variants that are treated differently. */
const EVENTS: Readonly<Record<string, ReflectorEvent>> = {
  start: { t: "start" },
  resume: { t: "resume" },
  page: { t: "page", objects: [1], resourceVersion: "5", continueToken: "c" },
  lastPage: {
    t: "page",
    objects: [1],
    resourceVersion: "5",
    continueToken: "",
  },
  added: { t: "added", object: 1, resourceVersion: "6" },
  modified: { t: "modified", object: 1, resourceVersion: "6" },
  deleted: { t: "deleted", object: 1, resourceVersion: "6" },
  bookmark: { t: "bookmark", resourceVersion: "7", initialEventsEnd: false },
  endMark: { t: "bookmark", resourceVersion: "7", initialEventsEnd: true },
  endedSoon: { t: "ended", openMs: 100 },
  endedLate: { t: "ended", openMs: 290_000 },
  silent: { t: "silent" },
  "400": status(400),
  "401": status(401),
  "403": status(403),
  "410": status(410),
  "422": status(422),
  "429": status(429, { retryAfterMs: 8_000 }),
  "500": status(500),
  "504 too large": status(504, { reason: TOO_LARGE }),
  network: status(0, { cause: "network" }),
  malformed: status(0, { cause: "malformed" }),
};

function show(effect: ReflectorEffect): string {
  switch (effect.f) {
    case "list":
      return `list(${effect.continueToken})`;
    case "watch":
      return effect.streaming ? "stream" : `watch(${effect.resourceVersion})`;
    case "wait":
      return `wait(${effect.ms})`;
    case "restarted":
      return effect.reason;
    default:
      return effect.f;
  }
}

function outcome(state: ReflectorState, event: ReflectorEvent): string {
  const [next, effects] = step(state, event, 1);
  const after = next.activity === "waiting"
    ? `waiting>${next.after}`
    : next.activity;
  return [after, ...effects.map(show)].join(" ");
}

function tableOf(state: ReflectorState): Record<string, string> {
  return Object.fromEntries(
    Object.entries(EVENTS).filter(([, event]) => {
      const [next, effects] = step(state, event, 1);
      return next !== state || effects.length > 0;
    }).map(([name, event]) => [name, outcome(state, event)]),
  );
}

const AT_START = initialReflector(REFLECTOR_SETTINGS);
const SYNCED: ReflectorState = {
  ...AT_START,
  resourceVersion: "4",
  synced: true,
};

Deno.test("every event in every activity; what is not listed does nothing", () => {
  assertEquals(tableOf(AT_START), { start: "streaming collectNew stream" });

  assertEquals(tableOf({ ...AT_START, activity: "streaming" }), {
    added: "streaming collect",
    modified: "streaming collect",
    deleted: "streaming uncollect",
    bookmark: "listing no_streaming collectNew list()",
    endMark: "watching commit",
    endedSoon: "waiting>streaming ended wait(250)",
    endedLate: "waiting>streaming ended wait(250)",
    silent: "listing renewClient no_streaming collectNew list()",
    "400": "listing no_streaming collectNew list()",
    "401": "waiting>streaming unauthorized renewCredentials wait(250)",
    "403": "waiting>streaming forbidden wait(250)",
    "410": "streaming gone collectNew stream",
    "422": "listing no_streaming collectNew list()",
    "429": "waiting>streaming throttled wait(10000)",
    "500": "waiting>streaming server wait(250)",
    "504 too large": "waiting>streaming gone wait(250)",
    network: "waiting>streaming network renewClient wait(250)",
    malformed: "waiting>streaming malformed renewClient wait(250)",
  });

  assertEquals(tableOf({ ...AT_START, activity: "listing", mode: "paging" }), {
    page: "listing collect list(c)",
    lastPage: "watching collect commit watch(5)",
    "400": "waiting>listing server wait(250)",
    "401": "waiting>listing unauthorized renewCredentials wait(250)",
    "403": "waiting>listing forbidden wait(250)",
    "410": "listing gone collectNew list()",
    "422": "waiting>listing server wait(250)",
    "429": "waiting>listing throttled wait(10000)",
    "500": "waiting>listing server wait(250)",
    "504 too large": "waiting>listing gone wait(250)",
    network: "waiting>listing network renewClient wait(250)",
    malformed: "waiting>listing malformed renewClient wait(250)",
  });

  assertEquals(tableOf({ ...SYNCED, activity: "watching" }), {
    added: "watching upsert",
    modified: "watching upsert",
    deleted: "watching remove",
    bookmark: "watching",
    endMark: "watching",
    endedSoon: "waiting>watching ended wait(250)",
    endedLate: "watching ended watch(4)",
    silent: "watching silent renewClient watch(4)",
    "400": "waiting>watching server wait(250)",
    "401": "waiting>watching unauthorized renewCredentials wait(250)",
    "403": "waiting>watching forbidden wait(250)",
    "410": "streaming gone collectNew stream",
    "422": "waiting>watching server wait(250)",
    "429": "waiting>watching throttled wait(10000)",
    "500": "waiting>watching server wait(250)",
    "504 too large": "streaming gone collectNew stream",
    network: "waiting>watching network renewClient wait(250)",
    malformed: "waiting>watching malformed renewClient wait(250)",
  });

  const waiting = { ...SYNCED, activity: "waiting" } as const;
  assertEquals(tableOf({ ...waiting, after: "watching" }), {
    resume: "watching watch(4)",
  });
  assertEquals(tableOf({ ...waiting, after: "streaming" }), {
    resume: "streaming collectNew stream",
  });
  assertEquals(
    tableOf({
      ...waiting,
      after: "listing",
      mode: "paging",
      continueToken: "c",
    }),
    { resume: "listing list(c)" },
  );
});

Deno.test("events and bookmarks move the version; the next watch goes on from there", () => {
  let state: ReflectorState = { ...SYNCED, activity: "watching" };
  for (const name of ["added", "bookmark"]) {
    const event = EVENTS[name];
    if (event !== undefined) [state] = step(state, event, 0);
  }
  assertEquals(state.resourceVersion, "7");
  assertEquals(
    outcome(state, { t: "silent" }),
    "watching silent renewClient watch(7)",
  );
});

Deno.test("410 again and again is given time, and any success ends the row", () => {
  let state: ReflectorState = {
    ...SYNCED,
    mode: "paging",
    activity: "watching",
  };
  const feed = (event: ReflectorEvent): readonly ReflectorEffect[] => {
    const [next, effects] = step(state, event, 1);
    state = next;
    return effects;
  };
  const last: ReflectorEvent = {
    t: "page",
    objects: [],
    resourceVersion: "9",
    continueToken: "",
  };
  assertEquals(feed(status(410)).map(show), ["gone", "collectNew", "list()"]);
  feed(last);
  assertEquals(feed(status(410)).map(show), ["gone", "wait(250)"]);
  assertEquals(feed({ t: "resume" }).map(show), ["collectNew", "list()"]);
  feed(last);
  assertEquals(feed(status(410)).map(show), ["gone", "wait(500)"]);
  feed({ t: "resume" });
  feed(last);
  feed({ t: "bookmark", resourceVersion: "10", initialEventsEnd: false });
  assertEquals(feed(status(410)).map(show), ["gone", "collectNew", "list()"]);
});

Deno.test("a place that stays malformed is gone round by reading everything", () => {
  const event = EVENTS["malformed"];
  assert(event !== undefined);
  let state: ReflectorState = { ...SYNCED, activity: "watching" };
  const outcomes: string[] = [];
  for (let i = 0; i < 5; i++) {
    const [next] = step(state, event, 1);
    outcomes.push(next.activity);
    [state] = step(next, { t: "resume" }, 1);
  }
  assertEquals(outcomes.slice(0, 4), [
    "waiting",
    "waiting",
    "waiting",
    "streaming",
  ]);
});

Deno.test("pauses double to the longest, with at most half taken off", () => {
  const at = (n: number, random: number): number =>
    pauseMs(REFLECTOR_SETTINGS, n, random);
  assertEquals([1, 2, 3, 8, 50].map((n) => at(n, 1)), [
    250,
    500,
    1000,
    30000,
    30000,
  ]);
  assertEquals([1, 8].map((n) => at(n, 0)), [125, 15000]);
});

/** A server of numbers, and the copy that a reflector keeps of it. */
class World {
  revision = 1;
  floor = 0;
  objects = new Map<string, number>();
  /** The state after each revision. */
  readonly past = new Map<string, ReadonlyMap<string, number>>();
  readonly history: {
    revision: number;
    t: "added" | "deleted";
    name: string;
  }[] = [];
  copy = new Map<string, number>();
  collected = new Map<string, number>();
  state: ReflectorState;
  pending: ReflectorEffect | undefined;
  /** What a running list or streaming list still has to give. */
  rest: [string, number][] = [];
  snapshotRevision = 0;
  cursor = 0;
  opened = false;

  constructor(streaming: boolean) {
    this.state = initialReflector({ ...REFLECTOR_SETTINGS, streaming });
    this.past.set("1", new Map());
    this.feed({ t: "start" });
  }

  write(name: string, remove: boolean): void {
    if (remove && !this.objects.delete(name)) return;
    this.revision++;
    if (!remove) this.objects.set(name, this.revision);
    this.past.set(`${this.revision}`, new Map(this.objects));
    const t = remove ? "deleted" : "added";
    this.history.push({ revision: this.revision, t, name });
  }

  compact(): void {
    this.floor = this.revision;
    // Lists in pages are of the past too.
    if (this.pending?.f === "list" && this.opened) this.snapshotRevision = -1;
  }

  feed(event: ReflectorEvent): void {
    const before = this.state.resourceVersion;
    const [state, effects] = step(this.state, event, 0.5);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
    const version = state.resourceVersion;
    assertGreaterOrEqual(Number(version), Number(before), "never goes back");
    if (state.synced) {
      const truth = this.past.get(version);
      assertEquals(
        [...this.copy].sort(),
        [...truth ?? []].sort(),
        "consistent",
      );
    }
  }

  /** The next thing that the running activity gives, without faults. */
  deliver(): void {
    const { pending } = this;
    switch (pending?.f) {
      case "wait":
        return this.feed({ t: "resume" });
      case "list":
        return this.#deliverPage(pending.continueToken);
      case "watch":
        return pending.streaming
          ? this.#deliverStreaming()
          : this.#deliverChange();
      default:
        throw new Error("nothing runs");
    }
  }

  #deliverPage(token: string): void {
    if (token === "") {
      this.snapshotRevision = this.revision;
      this.rest = [...this.objects];
    } else if (this.snapshotRevision < 0) return this.feed(status(410));
    const page = this.rest.splice(0, 2);
    const more = this.rest.length > 0;
    this.opened = more;
    this.feed({
      t: "page",
      objects: page,
      resourceVersion: `${this.snapshotRevision}`,
      continueToken: more ? `${this.rest.length}` : "",
    });
  }

  #deliverStreaming(): void {
    if (this.state.activity === "watching") return this.#deliverChange();
    if (!this.opened) {
      this.opened = true;
      this.rest = [...this.objects];
      this.cursor = this.snapshotRevision = this.revision;
    }
    const next = this.rest.shift();
    const resourceVersion = `${this.snapshotRevision}`;
    this.feed(
      next === undefined
        ? { t: "bookmark", resourceVersion, initialEventsEnd: true }
        : { t: "added", object: next, resourceVersion },
    );
  }

  #deliverChange(): void {
    if (this.cursor < this.floor && !this.opened) return this.feed(status(410));
    this.opened = true;
    const change = this.history.find(({ revision }) => revision > this.cursor);
    if (change === undefined) {
      this.cursor = this.revision;
      const resourceVersion = `${this.revision}`;
      return this.feed({
        t: "bookmark",
        resourceVersion,
        initialEventsEnd: false,
      });
    }
    this.cursor = change.revision;
    const resourceVersion = `${change.revision}`;
    const object = [change.name, change.revision];
    this.feed({ t: change.t, object, resourceVersion });
  }

  #perform(effect: ReflectorEffect): void {
    switch (effect.f) {
      case "list":
      case "wait":
      case "watch":
        this.pending = effect;
        if (effect.f !== "list" || effect.continueToken === "") {
          this.opened = false;
        }
        if (effect.f === "watch" && !effect.streaming) {
          assert(effect.resourceVersion !== "", "a watch starts somewhere");
          this.cursor = Number(effect.resourceVersion);
        }
        return;
      case "collectNew":
        this.collected = new Map();
        return;
      case "collect":
        for (const object of effect.objects) {
          this.collected.set(...object as [string, number]);
        }
        return;
      case "uncollect":
        this.collected.delete((effect.object as [string, number])[0]);
        return;
      case "commit":
        this.copy = this.collected;
        return;
      case "upsert":
        this.copy.set(...effect.object as [string, number]);
        return;
      case "remove":
        this.copy.delete((effect.object as [string, number])[0]);
        return;
      case "renewClient":
      case "renewCredentials":
      case "restarted":
        return;
    }
  }
}

Deno.test("in any order of events the copy is a state the server had, never goes back, and converges", () => {
  const fault = fc.constantFrom(
    "endedSoon",
    "endedLate",
    "silent",
    "400",
    "401",
    "410",
    "429",
    "500",
    "504 too large",
    "network",
    "malformed",
  );
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: "deliver" } as const) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("write" as const),
        name: fc.constantFrom("a", "b", "c", "d", "e"),
        remove: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "compact" } as const) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("fault" as const), fault }),
    },
  );
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(action, { maxLength: 80 }),
      (streaming, actions) => {
        const world = new World(streaming);
        for (const action of actions) {
          switch (action.do) {
            case "deliver":
              world.deliver();
              break;
            case "write":
              world.write(action.name, action.remove);
              break;
            case "compact":
              world.compact();
              break;
            case "fault": {
              const event = EVENTS[action.fault];
              if (event !== undefined) world.feed(event);
            }
          }
        }
        const settled: Activity = "watching";
        for (let i = 0; i < 200; i++) {
          if (
            world.state.activity === settled &&
            world.state.resourceVersion === `${world.revision}`
          ) break;
          world.deliver();
        }
        assertEquals(world.state.activity, settled);
        assertEquals([...world.copy].sort(), [...world.objects].sort());
      },
    ),
    { numRuns: 500 },
  );
});
