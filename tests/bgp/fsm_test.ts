import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { step } from "../../lib/bgp/fsm.ts";
import { localOpen, type SessionConfig } from "../../lib/bgp/negotiate.ts";
import {
  createSession,
  type Effect,
  type Event,
  type Session,
  type Side,
  type State,
  stateOf,
} from "../../lib/bgp/session.ts";
import {
  describeNotification,
  fault,
  type Notification,
} from "../../lib/bgp/wire/notification.ts";
import type { OpenMessage } from "../../lib/bgp/wire/open.ts";
import type { Update } from "../../lib/bgp/wire/update.ts";
import { parseIp } from "../../lib/net/ip.ts";

const CONFIG: SessionConfig = {
  localAs: 65_001,
  remoteAs: 65_002,
  routerId: parseIp("10.0.0.5"),
  holdTimeSeconds: 90,
  minimumHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  passive: false,
  families: [4, 6],
};

/** The peer's OPEN; by default its identifier is the lower one, so our connection wins a collision. */
function openOf(changes: Partial<SessionConfig> = {}): OpenMessage {
  return localOpen({
    ...CONFIG,
    localAs: 65_002,
    routerId: parseIp("10.0.0.2"),
    ...changes,
  });
}

const UPDATE: Update = {
  kind: "update",
  withdrawn: [],
  announced: [],
  attributes: undefined,
  endOfRib: undefined,
  faults: [],
  verdict: "ok",
};

const start: Event = { t: "start" };
const connected: Event = { t: "connected" };
const incoming: Event = { t: "incoming" };
const open = (side: Side, message = openOf()): Event => ({
  t: "open",
  side,
  result: { ok: true, value: message },
});
const keepalive = (side: Side): Event => ({ t: "keepalive", side });
const update = (side: Side): Event => ({ t: "update", side, result: UPDATE });
const closed = (side: Side): Event => ({ t: "closed", side, reason: "gone" });
const notification = (side: Side, ...octets: number[]): Event => {
  const [code = 0, subcode = 0, ...data] = octets;
  return {
    t: "notification",
    side,
    notification: { code, subcode, data: Uint8Array.from(data) },
  };
};
const fires = (
  side: Side,
  timer: "hold" | "keepalive" | "sendHold",
): Event => ({
  t: "connectionTimer",
  side,
  timer,
});
const refresh = (side: Side): Event => ({
  t: "routeRefresh",
  side,
  refresh: { family: 4, subtype: 0 },
});

/** An effect as a word or two. */
function say(effect: Effect): string {
  const sent = (notification: Notification | undefined): string =>
    notification === undefined
      ? ""
      : ` ${notification.code}/${notification.subcode}`;
  switch (effect.f) {
    case "sendNotification":
      return `notify ${effect.side}${sent(effect.notification)}`;
    case "reject":
      return `reject${sent(effect.notification)}`;
    case "startTimer":
      return `start ${effect.timer} ${effect.ms}`;
    case "stopTimer":
      return `stop ${effect.timer}`;
    case "startConnectionTimer":
      return `start ${effect.side} ${effect.timer} ${effect.ms}`;
    case "stopConnectionTimers":
      return `stop ${effect.side}`;
    case "state":
      return `${effect.from}>${effect.to}`;
    case "down":
      return effect.graceful ? "down gracefully" : "down";
    case "close":
    case "sendOpen":
    case "sendKeepalive":
    case "established":
      return `${effect.f} ${effect.side}`;
    default:
      return effect.f;
  }
}

/** Plays events; the session, and what the last one caused. */
function play(
  events: readonly Event[],
  config: Partial<SessionConfig> = {},
): { session: Session; effects: readonly Effect[]; said: string[] } {
  let session = createSession({ ...CONFIG, ...config });
  let effects: readonly Effect[] = [];
  for (const event of events) [session, effects] = step(session, event);
  return { session, effects, said: effects.map(say) };
}

const OUT = "outgoing";
const IN = "incoming";
const toOpenSent = [start, connected];
const toOpenConfirm = [...toOpenSent, open(OUT)];
const toEstablished = [...toOpenConfirm, keepalive(OUT)];

Deno.test("the way up, outgoing", () => {
  assertEquals(play([start]).said, [
    "start connectRetry 5000",
    "connect",
    "idle>connect",
  ]);
  assertEquals(play(toOpenSent).said, [
    "stop connectRetry",
    "sendOpen outgoing",
    "start outgoing hold 240000",
    "connect>openSent",
  ]);
  assertEquals(play(toOpenConfirm).said, [
    "sendKeepalive outgoing",
    "stop outgoing",
    "start outgoing hold 90000",
    "start outgoing keepalive 30000",
    "start outgoing sendHold 480000",
    "openSent>openConfirm",
  ]);
  assertEquals(play(toEstablished).said, [
    "start outgoing hold 90000",
    "stop connectRetry",
    "start stable 60000",
    "established outgoing",
    "openConfirm>established",
  ]);
  assertEquals(play([...toEstablished, update(OUT)]).said, [
    "start outgoing hold 90000",
    "update",
  ]);
});

Deno.test("the way up, incoming, passive", () => {
  const passive = { passive: true };
  assertEquals(play([start], passive).said, ["idle>active"]);
  assertEquals(play([start, incoming], passive).said, [
    "accept",
    "sendOpen incoming",
    "start incoming hold 240000",
    "active>openSent",
  ]);
  const { session } = play(
    [start, incoming, open(IN), keepalive(IN)],
    passive,
  );
  assertEquals(stateOf(session), "established");
});

Deno.test("nobody gets in before the start and after the stop", () => {
  assertEquals(play([incoming]).said, ["reject"]);
  assertEquals(
    play([start, { t: "stop", subcode: 2 }, incoming]).said,
    ["reject"],
  );
});

Deno.test.each<[string, readonly Event[], Event, string]>([
  ["KEEPALIVE in openSent", toOpenSent, keepalive(OUT), "5/1"],
  ["UPDATE in openSent", toOpenSent, update(OUT), "5/1"],
  ["UPDATE in openConfirm", toOpenConfirm, update(OUT), "5/2"],
  ["OPEN in openConfirm", toOpenConfirm, open(OUT), "5/2"],
  ["OPEN in established", toEstablished, open(OUT), "5/3"],
  ["ROUTE-REFRESH in openSent", toOpenSent, refresh(OUT), "5/1"],
  ["ROUTE-REFRESH in openConfirm", toOpenConfirm, refresh(OUT), "5/2"],
  ["hold timer in openSent", toOpenSent, fires(OUT, "hold"), "4/0"],
  ["hold timer in openConfirm", toOpenConfirm, fires(OUT, "hold"), "4/0"],
  ["hold timer in established", toEstablished, fires(OUT, "hold"), "4/0"],
  ["send hold timer", toEstablished, fires(OUT, "sendHold"), "8/0"],
  [
    "a malformed header",
    toOpenSent,
    { t: "fault", side: OUT, fault: fault(1, 1, "marker") },
    "1/1",
  ],
  [
    "a malformed OPEN",
    toOpenSent,
    { t: "open", side: OUT, result: { ok: false, fault: fault(2, 1, "v3") } },
    "2/1",
  ],
  ["another AS", toOpenSent, open(OUT, openOf({ localAs: 65_009 })), "2/2"],
  [
    "an UPDATE that resets",
    toEstablished,
    {
      t: "update",
      side: OUT,
      result: { kind: "reset", fault: fault(3, 1, "overrun") },
    },
    "3/1",
  ],
])("error: %s", (_name, before, event, expected) => {
  const { said, session } = play([...before, event]);
  assert(said.includes(`notify outgoing ${expected}`), said.join());
  assert(said.includes("close outgoing"));
  assert(said.includes("start idleHold 1000"));
  assertEquals(said.includes("down"), before === toEstablished);
  assertEquals(stateOf(session), "idle");
});

Deno.test("the pause after errors doubles up to a minute, and a session that stood for a minute forgets them", () => {
  const pauses: number[] = [];
  let session = createSession(CONFIG);
  const feed = (...events: readonly Event[]): void => {
    for (const event of events) {
      const [next, effects] = step(session, event);
      session = next;
      for (const effect of effects) {
        if (effect.f === "startTimer" && effect.timer === "idleHold") {
          pauses.push(effect.ms / 1000);
        }
      }
    }
  };
  const up = [connected, open(OUT), keepalive(OUT)];
  const again: Event = { t: "timer", timer: "idleHold" };
  feed(start, ...up);
  for (let i = 0; i < 8; i++) feed(notification(OUT, 6, 4), again, ...up);
  feed({ t: "timer", timer: "stable" }, notification(OUT, 6, 4));
  assertEquals(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 1]);
});

Deno.test("a connection that fails is tried again when connectRetry fires", () => {
  const failed = [start, closed(OUT)];
  assertEquals(play(failed).said, [
    "error",
    "stop outgoing",
    "close outgoing",
    "connect>active",
  ]);
  const retry: Event = { t: "timer", timer: "connectRetry" };
  assertEquals(play([...failed, retry]).said, [
    "start connectRetry 5000",
    "connect",
    "active>connect",
  ]);
  // One that hangs is given up first.
  assertEquals(play([start, retry]).said, [
    "stop outgoing",
    "close outgoing",
    "start connectRetry 5000",
    "connect",
  ]);
});

Deno.test("a NOTIFICATION is not answered", () => {
  for (const before of [toOpenSent, toOpenConfirm, toEstablished]) {
    const { said } = play([...before, notification(OUT, 6, 2)]);
    assertEquals(said.filter((one) => one.startsWith("notify")), []);
    assert(said.includes("close outgoing"));
  }
});

Deno.test("stopping tells the peer why, in its words", () => {
  const { effects, said, session } = play([
    ...toEstablished,
    { t: "stop", subcode: 2, communication: "moving" },
  ]);
  const told = effects.find((effect) => effect.f === "sendNotification");
  assert(told?.f === "sendNotification");
  assertEquals(
    describeNotification(told.notification),
    'Cease/Administrative Shutdown (6/2): "moving"',
  );
  assertEquals(said.slice(1), [
    "stop outgoing",
    "close outgoing",
    "stop stable",
    "down",
    "stop connectRetry",
    "stop idleHold",
    "stop stable",
    "established>idle",
  ]);
  assertEquals(session.enabled, false);
});

Deno.test("leaving silently sends nothing", () => {
  const { said } = play([...toEstablished, { t: "stop", subcode: "silent" }]);
  assertEquals(said.filter((one) => one.startsWith("notify")), []);
  assert(said.includes("close outgoing"));
});

Deno.test("hold time 0 runs no timer", () => {
  const zero = open(OUT, openOf({ holdTimeSeconds: 0 }));
  const { said } = play([...toOpenSent, zero]);
  assertEquals(said, [
    "sendKeepalive outgoing",
    "stop outgoing",
    "openSent>openConfirm",
  ]);
  assertEquals(
    play([...toOpenSent, zero, keepalive(OUT)]).said.filter((one) =>
      one.includes("hold")
    ),
    [],
  );
});

Deno.test("only UPDATE and KEEPALIVE restart the hold timer", () => {
  const restarts = (event: Event): boolean =>
    play([...toEstablished, event]).said.includes("start outgoing hold 90000");
  assertEquals(restarts(update(OUT)), true);
  assertEquals(restarts(keepalive(OUT)), true);
  assertEquals(restarts(refresh(OUT)), false);
});

const BOTH = [start, connected, incoming];
const LOWER = openOf();
const HIGHER = openOf({ routerId: parseIp("10.0.0.9") });
const SAME = openOf({ routerId: CONFIG.routerId });

Deno.test.each<[string, readonly Event[], Side]>([
  [
    "ours is higher, theirs opens last",
    [open(OUT, LOWER), open(IN, LOWER)],
    OUT,
  ],
  ["ours is higher, ours opens last", [open(IN, LOWER), open(OUT, LOWER)], OUT],
  [
    "theirs is higher, theirs opens last",
    [open(OUT, HIGHER), open(IN, HIGHER)],
    IN,
  ],
  [
    "theirs is higher, ours opens last",
    [open(IN, HIGHER), open(OUT, HIGHER)],
    IN,
  ],
  ["equal, their AS is higher", [open(OUT, SAME), open(IN, SAME)], IN],
])("collision: %s", (_name, opens, winner) => {
  const { said, session } = play([...BOTH, ...opens]);
  const loser: Side = winner === OUT ? IN : OUT;
  assert(said.includes(`notify ${loser} 6/7`), said.join());
  assertEquals(session[loser], undefined);
  assertEquals(session[winner]?.state, "openConfirm");
  assertEquals(
    stateOf(play([...BOTH, ...opens, keepalive(winner)]).session),
    "established",
  );
});

Deno.test("collision: an established session refuses a second connection", () => {
  assertEquals(play([...toEstablished, incoming]).said, ["reject 6/7"]);
});

Deno.test("collision: a connection under way loses against one that becomes established", () => {
  const { said, session } = play([...BOTH, open(OUT), keepalive(OUT)]);
  assert(said.includes("notify incoming 6/7"));
  assertEquals([session.outgoing?.state, session.incoming], [
    "established",
    undefined,
  ]);
});

Deno.test("collision: a peer that restarted gracefully replaces its old session", () => {
  const graceful = open(
    OUT,
    openOf({ gracefulRestart: { timeSeconds: 60, restarting: false } }),
  );
  const { said, session } = play([
    ...toOpenSent,
    graceful,
    keepalive(OUT),
    incoming,
  ]);
  assert(said.includes("down gracefully"));
  assertEquals(said.filter((one) => one.startsWith("notify")), []);
  assertEquals(session.incoming?.state, "openSent");
});

Deno.test("graceful restart: the end of TCP keeps the routes, a NOTIFICATION does not", () => {
  const graceful = open(
    OUT,
    openOf({ gracefulRestart: { timeSeconds: 60, restarting: false } }),
  );
  const up = [...toOpenSent, graceful, keepalive(OUT)];
  assert(play([...up, closed(OUT)]).said.includes("down gracefully"));
  assert(play([...up, notification(OUT, 6, 4)]).said.includes("down"));
  assert(play([...up, fires(OUT, "hold")]).said.includes("down"));
  assert(play([...toEstablished, closed(OUT)]).said.includes("down"));
});

Deno.test.each<[string, Event, readonly number[] | "all"]>([
  ["2/4", notification(OUT, 2, 4), "all"],
  ["2/7 without data", notification(OUT, 2, 7), "all"],
  [
    "2/7 that names capabilities",
    notification(OUT, 2, 7, 64, 0, 65, 4, 0, 0, 0, 1),
    [64, 65],
  ],
])(
  "old gear answers %s: once, the OPEN goes without",
  (_name, refusal, omit) => {
    const again: Event[] = [{ t: "timer", timer: "idleHold" }, connected];
    const encodingOf = (events: readonly Event[]): unknown => {
      const sent = play(events).effects.find((one) => one.f === "sendOpen");
      return sent?.f === "sendOpen" ? sent.encoding.omit : undefined;
    };
    const once = [...toOpenSent, refusal, ...again];
    assertEquals(encodingOf(once), omit);
    assertEquals(encodingOf([...once, refusal, ...again]), []);
  },
);

// ---- every pair, and every order ----

const PATHS: Readonly<Record<State, readonly Event[]>> = {
  idle: [],
  connect: [start],
  active: [start, closed(OUT)],
  openSent: toOpenSent,
  openConfirm: toOpenConfirm,
  established: toEstablished,
};

function allEvents(): readonly Event[] {
  const events: Event[] = [
    start,
    { t: "stop", subcode: 2, communication: "bye" },
    { t: "stop", subcode: "silent" },
    connected,
    incoming,
  ];
  for (const timer of ["connectRetry", "idleHold", "stable"] as const) {
    events.push({ t: "timer", timer });
  }
  for (const side of [OUT, IN] as const) {
    events.push(
      closed(side),
      { t: "sent", side },
      fires(side, "hold"),
      fires(side, "keepalive"),
      fires(side, "sendHold"),
      open(side),
      open(side, HIGHER),
      open(side, openOf({ holdTimeSeconds: 0 })),
      open(side, openOf({ localAs: 65_009 })),
      keepalive(side),
      update(side),
      refresh(side),
      notification(side, 6, 7),
      notification(side, 2, 4),
      { t: "fault", side, fault: fault(1, 2, "length") },
    );
  }
  return events;
}

/** The shell's view, kept from effects alone, and what must always hold of it. */
class Shell {
  session: Session;
  readonly timers = new Set<string>();
  readonly links = new Set<Side>();
  up = false;

  constructor(config: SessionConfig) {
    this.session = createSession(config);
  }

  feed(event: Event): void {
    // The shell reports only on connections that it has.
    if (
      "side" in event && event.t !== "closed" && !this.links.has(event.side)
    ) {
      return;
    }
    if (event.t === "connected") {
      if (this.session.outgoing?.state !== "connecting") return;
      this.links.add(OUT);
    }
    if (event.t === "timer") this.timers.delete(event.timer);
    if (event.t === "connectionTimer") {
      if (!this.timers.delete(`${event.side} ${event.timer}`)) return;
    }
    const before = this.session;
    const [session, effects] = step(before, event);
    assertEquals(step(before, event)[1], effects, "not a pure function");
    this.session = session;
    let answered = 0;
    for (const effect of effects) {
      switch (effect.f) {
        case "accept":
          answered++;
          assert(!this.links.has(IN), "accepted over a connection");
          this.links.add(IN);
          break;
        case "reject":
          answered++;
          break;
        case "close":
          this.links.delete(effect.side);
          break;
        case "sendOpen":
        case "sendKeepalive":
        case "sendNotification":
          assert(this.links.has(effect.side), `${effect.f} without connection`);
          break;
        case "startTimer":
          this.timers.add(effect.timer);
          break;
        case "stopTimer":
          this.timers.delete(effect.timer);
          break;
        case "startConnectionTimer":
          this.timers.add(`${effect.side} ${effect.timer}`);
          break;
        case "stopConnectionTimers":
          for (const timer of ["hold", "keepalive", "sendHold"]) {
            this.timers.delete(`${effect.side} ${timer}`);
          }
          break;
        case "established":
          assert(!this.up, "established twice");
          this.up = true;
          break;
        case "down":
          assert(this.up, "down without being up");
          this.up = false;
          break;
        case "update":
        case "routeRefresh":
          assert(this.up, "routes without a session");
      }
    }
    assertEquals(answered, event.t === "incoming" ? 1 : 0);
    this.check();
  }

  check(): void {
    const { session } = this;
    const state = stateOf(session);
    assertEquals(this.up, state === "established");
    for (const side of [OUT, IN] as const) {
      const connection = session[side];
      const live = connection !== undefined &&
        connection.state !== "connecting";
      assertEquals(this.links.has(side), live, `connection ${side}`);
      const holds = live && (connection.negotiated === undefined ||
        connection.negotiated.holdTimeSeconds > 0);
      assertEquals(this.timers.has(`${side} hold`), holds, `hold ${side}`);
      const keeps = live && (connection.negotiated?.holdTimeSeconds ?? 0) > 0;
      assertEquals(this.timers.has(`${side} keepalive`), keeps);
      assertEquals(this.timers.has(`${side} sendHold`), keeps);
    }
    const established = [session.outgoing, session.incoming].filter((one) =>
      one?.state === "established"
    );
    assert(established.length <= 1, "two established connections");
    if (established.length === 1) {
      assert(!session.outgoing || !session.incoming, "a rival survived");
    }
    if (!session.enabled) assertEquals([...this.timers], []);
    assertEquals(session.held, this.timers.has("idleHold"), "idleHold");
    assertEquals(this.timers.has("stable") && !this.up, false);
    // Never stuck: a session that is wanted waits for a timer, a connection or, when passive, the peer.
    if (session.enabled && !session.config.passive) {
      assert(this.timers.size + this.links.size > 0, `stuck in ${state}`);
    }
  }
}

Deno.test("every pair of state and event has an outcome", () => {
  let pairs = 0;
  for (const [state, path] of Object.entries(PATHS)) {
    for (const event of allEvents()) {
      const shell = new Shell(CONFIG);
      for (const one of path) shell.feed(one);
      assertEquals(stateOf(shell.session) as string, state);
      shell.feed(event);
      step(shell.session, event);
      pairs++;
    }
  }
  assertEquals(pairs, 6 * allEvents().length);
});

Deno.test("in any order of events the invariants hold", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.constantFrom(...allEvents()), { maxLength: 60 }),
      (passive, events) => {
        const shell = new Shell({ ...CONFIG, passive });
        shell.feed(start);
        for (const event of events) shell.feed(event);
        shell.feed({ t: "stop", subcode: 3 });
        assertEquals([...shell.links], []);
        assertEquals([...shell.timers], []);
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("jitter shortens the timers that RFC 4271 §10 names", () => {
  const [, effects] = step(createSession(CONFIG), start, 0.75);
  assertEquals(effects.map(say)[0], "start connectRetry 3750");
});
