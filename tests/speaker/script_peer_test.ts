/** The speaker in conversation with a peer that follows a script, over real sockets. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { RecordingLogger } from "../../lib/base/log.ts";
import { encodeMessage, KEEPALIVE, MESSAGE } from "../../lib/bgp/wire/frame.ts";
import {
  encodeCommunication,
  encodeNotificationBody,
} from "../../lib/bgp/wire/notification.ts";
import { type Ip, parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import type { PeerConfig, SpeakerOptions } from "../../lib/speaker/api.ts";
import type { Speaker } from "../../lib/speaker/speaker.ts";
import { attribute, hex, ORDINARY, updateBody } from "../bgp/support.ts";
import { openBody, ScriptConnection, ScriptPeer } from "./script_peer.ts";
import { portOf, testSpeaker, until } from "./support.ts";

const HERE = parseIp("127.0.0.1");
const NODE = parseIp("192.0.2.1");
const LOCAL_AS = 65_000;
const POD = parsePrefix("10.244.1.0/24");
const VIP = parsePrefix("10.96.0.1/32");
const ROUTE = "198.51.100.0/24";

function update(...parts: Parameters<typeof updateBody>): Uint8Array {
  return encodeMessage(MESSAGE.update, updateBody(...parts));
}

/** A speaker that waits for a scripted peer to connect from this host. */
function waiting(
  peer: Partial<PeerConfig> = {},
  options: Partial<SpeakerOptions> = {},
): Speaker {
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS, options);
  speaker.setPeers([
    { address: HERE, remoteAs: 65_002, passive: true, ...peer },
  ]);
  return speaker;
}

function call(speaker: Speaker): Promise<ScriptConnection> {
  return ScriptConnection.connect(HERE, portOf(speaker));
}

function stateOf(speaker: Speaker): string | undefined {
  return speaker.peers()[0]?.state;
}

function errorOf(speaker: Speaker): string | undefined {
  return speaker.peers()[0]?.lastError;
}

/** Ends both sides without waiting for one another. */
async function finish(
  speaker: Speaker,
  ...connections: readonly ScriptConnection[]
): Promise<void> {
  const stopped = speaker.stop();
  for (const connection of connections) connection[Symbol.dispose]();
  await stopped;
}

async function established(speaker: Speaker): Promise<ScriptConnection> {
  const peer = await call(speaker);
  await peer.handshake();
  await until("the session", () => stateOf(speaker) === "established");
  return peer;
}

Deno.test("whom nobody configured is told Cease/Connection Rejected", async () => {
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS);
  const stranger = await call(speaker);
  assertEquals(await stranger.farewell(), "6/5");
  await finish(speaker, stranger);
});

Deno.test.each([
  ["another AS", openBody({ localAs: 65_009 }), "2/2"],
  ["no family in common", openBody({ families: [6] }), "2/7 010400010001"],
  ["identifier 0.0.0.0", hex("04 fdea 005a 00000000 00"), "2/3"],
  ["version 3", hex("03 fdea 005a 0a000002 00"), "2/1 0004"],
  ["hold time 2", hex("04 fdea 0002 0a000002 00"), "2/6"],
  ["authentication parameter", hex("04 fdea 005a 0a000002 03 0101 00"), "2/4"],
])(
  "an OPEN with %s is refused, in words too",
  async (_name, body, expected) => {
    const speaker = waiting({ families: [4] });
    const peer = await call(speaker);
    await peer.say(MESSAGE.open);
    await peer.send(encodeMessage(MESSAGE.open, body));
    assertEquals(await peer.farewell(), expected);
    const code = expected.split(" ")[0] ?? "";
    assert(errorOf(speaker)?.startsWith("OPEN Message Error"));
    assert(errorOf(speaker)?.includes(`(${code})`), errorOf(speaker));
    await finish(speaker, peer);
  },
);

Deno.test("messages out of turn are errors of the state machine", async () => {
  for (
    const [message, expected] of [
      [KEEPALIVE, "5/1"],
      [update({ withdrawn: [ROUTE] }), "5/1"],
      [encodeMessage(MESSAGE.routeRefresh, hex("00010001")), "5/1"],
    ] as const
  ) {
    const speaker = waiting();
    const peer = await call(speaker);
    await peer.say(MESSAGE.open);
    await peer.send(message);
    assertEquals(await peer.farewell(), expected);
    await finish(speaker, peer);
  }
  const speaker = waiting();
  const peer = await call(speaker);
  await peer.say(MESSAGE.open);
  await peer.send(
    encodeMessage(MESSAGE.open, openBody()),
    update({ withdrawn: [ROUTE] }),
  );
  assertEquals(await peer.farewell(), "5/2");
  await finish(speaker, peer);
});

Deno.test("a session octet by octet", async () => {
  const speaker = waiting();
  speaker.setAnnouncements([]);
  const peer = await call(speaker);
  await peer.say(MESSAGE.open);
  const stream = [
    encodeMessage(MESSAGE.open, openBody()),
    KEEPALIVE,
    update({ attributes: ORDINARY, nlri: [ROUTE] }),
  ];
  for (const message of stream) {
    for (const octet of message) await peer.send(Uint8Array.of(octet));
  }
  await until("the route", () => speaker.best().length === 1);
  await finish(speaker, peer);
});

Deno.test("a two-octet speaker without capabilities gets AS_TRANS and IPv4 only", async () => {
  const speaker = testSpeaker("127.0.0.1", 200_000);
  speaker.setPeers([{ address: HERE, remoteAs: 65_002, passive: true }]);
  speaker.setAnnouncements([
    { prefix: POD, nextHop: NODE },
    { prefix: parsePrefix("2001:db8::/64"), nextHop: parseIp("2001:db8::1") },
  ]);
  const peer = await call(speaker);
  const open = await peer.say(MESSAGE.open);
  assertEquals(open.subarray(1, 3), hex("5ba0"));
  await peer.send(
    encodeMessage(MESSAGE.open, hex("04 fdea 005a 0a000002 00")),
    KEEPALIVE,
  );
  const body = await peer.say(MESSAGE.update);
  const attributes = [
    attribute(0x40, 1, "00"),
    attribute(0x40, 2, "0201 5ba0"),
    attribute(0x40, 3, "c0000201"),
    attribute(0xc0, 17, "0201 00030d40"),
  ];
  assertEquals(body, updateBody({ attributes, nlri: [POD] }));
  assertEquals(await peer.say(MESSAGE.update), hex("00000000"));
  await finish(speaker, peer);
});

Deno.test("End-of-RIB waits for the first announcements and comes once for each family", async () => {
  const speaker = waiting();
  const peer = await established(speaker);
  speaker.setAnnouncements([{ prefix: POD, nextHop: NODE }]);
  assertGreater((await peer.say(MESSAGE.update)).length, 4);
  assertEquals(await peer.say(MESSAGE.update), hex("00000000"));
  assertEquals(
    await peer.say(MESSAGE.update),
    hex("0000 0006 800f03 000201"),
  );
  speaker.setAnnouncements([{ prefix: VIP, nextHop: NODE }]);
  assertEquals(
    await peer.say(MESSAGE.update),
    updateBody({ withdrawn: [POD] }),
  );
  assertGreater((await peer.say(MESSAGE.update)).length, 4);
  await finish(speaker, peer);
});

Deno.test("only the difference is sent", async () => {
  const speaker = waiting({ families: [4] });
  const routes = [
    { prefix: POD, nextHop: NODE },
    { prefix: VIP, nextHop: NODE, attributes: { communities: ["1:1"] } },
  ];
  speaker.setAnnouncements(routes);
  const peer = await established(speaker);
  await until("End-of-RIB", () => speaker.peers()[0]?.messages.sent === 5);
  speaker.setAnnouncements(structuredClone(routes));
  speaker.setAnnouncements([...routes].reverse());
  speaker.setAnnouncements([
    ...routes.slice(0, 1),
    { prefix: VIP, nextHop: NODE, attributes: { communities: ["1:2"] } },
  ]);
  await until("one more", () => speaker.peers()[0]?.messages.sent === 6);
  // A ROUTE-REFRESH brings both again, each with its own attributes.
  await peer.send(encodeMessage(MESSAGE.routeRefresh, hex("00010001")));
  await until("two more", () => speaker.peers()[0]?.messages.sent === 8);
  // Nothing for a family that was not agreed, or an unknown subtype.
  await peer.send(
    encodeMessage(MESSAGE.routeRefresh, hex("00020001")),
    encodeMessage(MESSAGE.routeRefresh, hex("00010901")),
    update({ attributes: ORDINARY, nlri: [ROUTE] }),
  );
  await until("the route", () => speaker.best().length === 1);
  assertEquals(speaker.peers()[0]?.messages.sent, 8);
  await finish(speaker, peer);
});

Deno.test("announcements reach those they are for", async () => {
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS, { listen: [] });
  using router = new ScriptPeer("127.0.0.1");
  using node = new ScriptPeer("127.0.0.2");
  speaker.setAnnouncements([
    { prefix: POD, nextHop: NODE, to: "internal" },
    { prefix: VIP, nextHop: NODE, to: "external" },
    {
      prefix: parsePrefix("10.1.0.0/16"),
      nextHop: NODE,
      to: (peer) => peer.description === "router",
    },
  ]);
  speaker.setPeers([
    {
      address: router.address,
      port: router.port,
      remoteAs: 65_002,
      description: "router",
    },
    { address: node.address, port: node.port, remoteAs: LOCAL_AS },
  ]);
  const first = await router.accept();
  const second = await node.accept();
  await first.handshake();
  await second.handshake({ localAs: LOCAL_AS });
  const advertised = (address: Ip): string =>
    speaker.advertised(address).map(({ prefix }) => prefix).join(" ");
  await until(
    "all",
    () =>
      speaker.peers().every(({ endOfRib, prefixes }) =>
        endOfRib.length === 0 && prefixes.advertised > 0
      ),
  );
  assertEquals(advertised(router.address), `10.1.0.0/16 ${VIP}`);
  assertEquals(advertised(node.address), POD as string);
  await finish(speaker, first, second);
});

Deno.test("a changed peer gets a new session and the others do not notice", async () => {
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS, { listen: [] });
  using one = new ScriptPeer("127.0.0.1");
  using two = new ScriptPeer("127.0.0.2");
  const configOf = (peer: ScriptPeer, more: Partial<PeerConfig> = {}) => ({
    address: peer.address,
    port: peer.port,
    remoteAs: 65_002,
    ...more,
  });
  speaker.setPeers([configOf(one), configOf(two)]);
  const first = await one.accept();
  const second = await two.accept();
  await first.handshake();
  await second.handshake({ routerId: parseIp("10.0.0.3") });
  await until(
    "both sessions",
    () => speaker.peers().every(({ state }) => state === "established"),
  );
  speaker.setPeers([
    configOf(two, { description: "the same with a name" }),
    configOf(one, { holdTimeSeconds: 30 }),
  ]);
  assertEquals(await first.farewell(), "6/6");
  first[Symbol.dispose]();
  const again = await one.accept();
  assertEquals((await again.handshake()).subarray(3, 5), hex("001e"));
  assertEquals(speaker.peers()[1]?.state, "established");
  assertEquals(speaker.peers()[1]?.established, 1);
  assertEquals(speaker.peers()[1]?.description, "the same with a name");
  speaker.setPeers([configOf(one, { holdTimeSeconds: 30 })]);
  assertEquals(await second.farewell(), "6/3");
  assertEquals(speaker.peers().length, 1);
  await finish(speaker, again, second);
});

Deno.test("the import policy refuses with a reason, and can be asked again", async () => {
  let refused = true;
  const speaker = waiting({}, {
    accept: ({ prefix }, { remoteAs }) =>
      refused ? `AS ${remoteAs} may not send ${prefix}` : true,
  });
  const peer = await established(speaker);
  await peer.send(update({ attributes: ORDINARY, nlri: [ROUTE] }));
  await until("the route", () => speaker.received().length === 1);
  assertEquals(
    speaker.received()[0]?.accepted,
    `AS 65002 may not send ${ROUTE}`,
  );
  assertEquals(speaker.best(), []);
  assertEquals(speaker.peers()[0]?.prefixes, {
    received: 1,
    accepted: 0,
    advertised: 0,
  });
  refused = false;
  speaker.reconsider();
  assertEquals(speaker.best().length, 1);
  await finish(speaker, peer);
});

Deno.test("a prefix that we announce ourselves is not a learned route", async () => {
  const speaker = waiting();
  const changes: string[] = [];
  speaker.onRoutes((batch) => {
    for (const change of batch) changes.push(change.kind);
  });
  speaker.setAnnouncements([]);
  const peer = await established(speaker);
  await peer.send(update({ attributes: ORDINARY, nlri: [ROUTE] }));
  await until("the route", () => changes.length === 1);
  speaker.setAnnouncements([{ prefix: parsePrefix(ROUTE), nextHop: NODE }]);
  await until("its end", () => changes.length === 2);
  speaker.setAnnouncements([]);
  await until("the route again", () => changes.length === 3);
  assertEquals(changes, ["best", "removed", "best"]);
  await finish(speaker, peer);
});

Deno.test("tolerated faults are logged by name and do not end the session", async () => {
  const log = new RecordingLogger();
  const speaker = waiting({}, { log });
  const peer = await established(speaker);
  await peer.send(update({
    attributes: [...ORDINARY, attribute(0x40, 6, "00")],
    nlri: [ROUTE],
  }));
  await until("the route", () => speaker.best().length === 1);
  const fault = log.records.find(({ event }) => event === "bgp.update.fault");
  assertEquals(
    fault?.message,
    "Update from 127.0.0.1: ATOMIC_AGGREGATE: 1 octets instead of 0: discard (RFC 7606)",
  );
  await finish(speaker, peer);
});

Deno.test("the peer's shutdown communication is the last error", async () => {
  const speaker = waiting();
  const peer = await established(speaker);
  await peer.send(encodeMessage(
    MESSAGE.notification,
    encodeNotificationBody({
      code: 6,
      subcode: 2,
      data: encodeCommunication("Umbau um 12"),
    }),
  ));
  await until("the end", () => stateOf(speaker) === "idle");
  assertEquals(
    errorOf(speaker),
    'the peer sent Cease/Administrative Shutdown (6/2): "Umbau um 12"',
  );
  await finish(speaker, peer);
});

Deno.test("stopping says so on the wire, and a silent leave says nothing", async () => {
  const loud = waiting();
  const first = await established(loud);
  const stopped = loud.stop({ communication: "bye" });
  assertEquals(await first.farewell(), "6/2 03627965");
  first[Symbol.dispose]();
  await stopped;

  const silent = waiting();
  const second = await established(silent);
  const left = silent.stop({ keepRoutes: true });
  assertEquals(await second.next(), undefined);
  second[Symbol.dispose]();
  await left;
});

Deno.test("a second connection of an established peer is refused with Cease/Collision", async () => {
  const speaker = waiting();
  const peer = await established(speaker);
  const second = await call(speaker);
  assertEquals(await second.farewell(), "6/7");
  assertEquals(stateOf(speaker), "established");
  await finish(speaker, peer, second);
});

Deno.test("collision: both connect, the higher identifier's connection stays", async () => {
  for (
    const [routerId, survivor] of [["9.0.0.1", "ours"], [
      "200.0.0.1",
      "theirs",
    ]] as const
  ) {
    const speaker = testSpeaker("127.0.0.1", LOCAL_AS);
    using listener = new ScriptPeer("127.0.0.1");
    speaker.setPeers([
      { address: HERE, port: listener.port, remoteAs: 65_002 },
    ]);
    const theirs = await call(speaker);
    const ours = await listener.accept();
    const open = encodeMessage(
      MESSAGE.open,
      openBody({ routerId: parseIp(routerId) }),
    );
    await ours.say(MESSAGE.open);
    await theirs.say(MESSAGE.open);
    await ours.send(open);
    await ours.say(MESSAGE.keepalive);
    await theirs.send(open);
    const [winner, loser] = survivor === "ours"
      ? [ours, theirs]
      : [theirs, ours];
    assertEquals(await loser.farewell(), "6/7");
    await winner.send(KEEPALIVE);
    await until("the session", () => stateOf(speaker) === "established");
    assertEquals(errorOf(speaker), undefined);
    await finish(speaker, ours, theirs);
  }
});

Deno.test("hold timer, keepalives and the send hold timer run on the clock", async () => {
  const clock = new FakeClock();
  const speaker = waiting({ holdTimeSeconds: 9 }, { clock });
  const peer = await established(speaker);
  const sent = (): number => speaker.peers()[0]?.messages.sent ?? 0;
  const before = sent();
  await clock.advance(3000);
  assertEquals(sent(), before + 1);
  const received = (): number => speaker.peers()[0]?.messages.received ?? 0;
  const heard = received();
  await peer.send(KEEPALIVE);
  await until("the KEEPALIVE", () => received() > heard);
  await clock.advance(8000);
  assertEquals(stateOf(speaker), "established");
  await clock.advance(1000);
  assertEquals(stateOf(speaker), "idle");
  assertEquals(
    errorOf(speaker),
    "Hold Timer Expired (4/0): nothing came for 9 s",
  );
  assertEquals(await peer.farewell(), "4/0");
  peer[Symbol.dispose]();
  await finish(speaker);
  assertEquals(clock.pending, 0);
});

Deno.test("a peer that does not read is left after the send hold time", async () => {
  const clock = new FakeClock();
  const speaker = waiting({ holdTimeSeconds: 90 }, { clock });
  const peer = await established(speaker);
  // More than both socket buffers hold.
  speaker.setAnnouncements(Array.from({ length: 300_000 }, (_, i) => ({
    prefix: parsePrefix(`10.${i >> 16 & 255}.${i >> 8 & 255}.${i & 255}/32`),
    nextHop: NODE,
    attributes: { med: i },
  })));
  const sent = (): number => speaker.peers()[0]?.messages.sent ?? 0;
  let before = -1;
  await until("the connection to clog", async () => {
    const stands = before === sent();
    before = sent();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return stands;
  }, 30_000);
  // The peer goes on talking all the while.
  for (let seconds = 0; seconds < 470; seconds += 60) {
    const { received = 0 } = speaker.peers()[0]?.messages ?? {};
    await peer.send(KEEPALIVE);
    await until(
      "the KEEPALIVE",
      () => (speaker.peers()[0]?.messages.received ?? 0) > received,
    );
    await clock.advance(60_000);
    if (stateOf(speaker) !== "established") break;
  }
  await until("the end", () => stateOf(speaker) === "idle");
  assertEquals(
    errorOf(speaker),
    "Send Hold Timer Expired (8/0): the peer does not read",
  );
  const stopped = speaker.stop();
  await clock.advance(1000);
  peer[Symbol.dispose]();
  await stopped;
});

Deno.test("a peer that cannot be reached is tried again, with the reason in words", async () => {
  const clock = new FakeClock();
  const closed = new ScriptPeer("127.0.0.3");
  const { address, port } = closed;
  closed[Symbol.dispose]();
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS, { clock, listen: [] });
  speaker.setPeers([{ address, port, remoteAs: 65_002 }]);
  await until("the refusal", () => errorOf(speaker) !== undefined);
  assert(
    errorOf(speaker)?.startsWith(`Cannot connect to 127.0.0.3:${port}: `),
    errorOf(speaker),
  );
  assertEquals(stateOf(speaker), "active");
  await clock.advance(5000);
  assertEquals(stateOf(speaker), "connect");
  await speaker.stop();
  assertEquals(clock.pending, 0);
});

Deno.test("graceful restart of the peer: stale until End-of-RIB or until the time is up", async () => {
  const clock = new FakeClock();
  const graceful = { gracefulRestart: { timeSeconds: 60, restarting: true } };
  const speaker = waiting({}, { clock });
  const changes: string[] = [];
  speaker.onRoutes((batch) => {
    for (const change of batch) {
      changes.push(change.kind === "best" ? change.route.prefix : "removed");
    }
  });
  const shake = async (): Promise<ScriptConnection> => {
    const peer = await call(speaker);
    await peer.handshake(graceful);
    await until("the session", () => stateOf(speaker) === "established");
    return peer;
  };
  const first = await shake();
  await first.send(
    update({ attributes: ORDINARY, nlri: [ROUTE, "203.0.113.0/24"] }),
  );
  await until("the routes", () => speaker.best().length === 2);
  first[Symbol.dispose]();
  await until("the loss", () => stateOf(speaker) === "idle");
  assertEquals(speaker.best().map(({ stale }) => stale), [true, true]);
  await clock.advance(1000);

  const second = await shake();
  await second.send(update({ attributes: ORDINARY, nlri: [ROUTE] }));
  await until("the route again", () => speaker.best()[0]?.stale === false);
  assertEquals(speaker.best().length, 2);
  await second.send(encodeMessage(MESSAGE.update, hex("00000000")));
  await until("the other's end", () => speaker.best().length === 1);
  assertEquals(changes.filter((change) => change === "removed").length, 1);
  second[Symbol.dispose]();
  await until("the loss", () => stateOf(speaker) === "idle");
  await clock.advance(59_000);
  assertEquals(speaker.best().length, 1);
  await clock.advance(1000);
  assertEquals(speaker.best().length, 0);
  await finish(speaker);
  assertEquals(clock.pending, 0);
});

Deno.test("what a speaker cannot be told is refused with the value and the mend", () => {
  const speaker = testSpeaker("127.0.0.1", LOCAL_AS, { listen: [] });
  const peer = { address: HERE, remoteAs: 65_002 };
  const problem = (run: () => void): string => {
    try {
      run();
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
    return "nothing";
  };
  const rows: readonly [() => void, string][] = [
    [
      () => speaker.setPeers([{ ...peer, remoteAs: 0 }]),
      "BGP peer 127.0.0.1: remote AS 0 is no AS number; use 1 to 4294967295, not 23456",
    ],
    [
      () => speaker.setPeers([{ ...peer, holdTimeSeconds: 2 }]),
      "BGP peer 127.0.0.1: hold time 2 s; use 0, or 3 to 65535",
    ],
    [
      () => speaker.setPeers([{ ...peer, port: 70_000 }]),
      "BGP peer 127.0.0.1: port 70000 is out of range; use 1 to 65535",
    ],
    [
      () => speaker.setPeers([peer, peer]),
      "BGP peer 127.0.0.1: configured twice; keep one",
    ],
    [
      () =>
        speaker.setAnnouncements([{
          prefix: POD,
          attributes: { communities: ["65536:1"] },
        }]),
      'announcement of 10.244.1.0/24: "65536:1" is no community such as 65000:1',
    ],
    [
      () =>
        speaker.setAnnouncements([{
          prefix: POD,
          nextHop: parseIp("2001:db8::1"),
        }]),
      "announcement of 10.244.1.0/24: next hop 2001:db8::1 is of another family",
    ],
    [
      () => testSpeaker("127.0.0.1", 23_456),
      "local AS 23456 is no AS number; use 1 to 4294967295, not 23456",
    ],
  ];
  for (const [run, expected] of rows) assertEquals(problem(run), expected);
  assertEquals(speaker.peers(), []);
});
