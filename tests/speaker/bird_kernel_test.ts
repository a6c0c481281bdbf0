/** The speaker against a real BIRD 2. Needs root, network namespaces and Debian's `bird2`. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parsePrefix } from "../../lib/net/prefix.ts";
import type { PeerConfig, RouteChange } from "../../lib/speaker/api.ts";
import { Speaker } from "../../lib/speaker/speaker.ts";
import { SILENT } from "../../lib/base/log.ts";
import { Bird } from "./bird.ts";
import { REAL_CLOCK, until } from "./support.ts";

const POD4 = parsePrefix("10.244.1.0/24");
const POD6 = parsePrefix("2001:db8:1::/64");
const VIP = parsePrefix("10.96.0.10/32");
const THEIRS4 = parsePrefix("10.50.0.0/16");
const THEIRS6 = parsePrefix("2001:db8:50::/48");

const NODE_AS = 65_001;
const ROUTER_AS = 4_200_000_000;

function speakerFor(
  bird: Bird,
  peer: Partial<PeerConfig> = {},
  options: { readonly restarting?: boolean; readonly localAs?: number } = {},
): Speaker {
  const speaker = new Speaker({
    clock: REAL_CLOCK,
    log: SILENT,
    localAs: NODE_AS,
    routerId: bird.wire.ours,
    listen: [{ address: bird.wire.ours, port: 179 }],
    ...options,
  });
  speaker.setPeers([{
    address: bird.wire.theirs,
    remoteAs: ROUTER_AS,
    nextHops: [bird.wire.ours6],
    connectRetrySeconds: 1,
    ...peer,
  }]);
  return speaker;
}

const ROUTES = [
  {
    prefix: POD4,
    attributes: {
      communities: ["65001:100"],
      largeCommunities: ["65001:1:2"],
      med: 7,
      prepend: 1,
    },
  },
  { prefix: POD6 },
  { prefix: VIP, attributes: { communities: ["no-export"] } },
] as const;

Deno.test("BIRD: both families over one session, routes both ways, withdrawal, refresh, shutdown with a reason", async () => {
  await using bird = await Bird.start({
    asn: ROUTER_AS,
    peerAs: NODE_AS,
    routes4: [THEIRS4],
    routes6: [THEIRS6],
  });
  const speaker = speakerFor(bird);
  const changes: RouteChange[] = [];
  speaker.onRoutes((batch) => changes.push(...batch));
  speaker.setAnnouncements(ROUTES);

  const theirs = await until("our routes in BIRD", async () => {
    const routes = await bird.routes();
    return routes.size === 3 && routes;
  }, 20_000);
  const pod4 = theirs.get(POD4) ?? "";
  assertStringIncludes(pod4, "via 198.18.77.1 on eth0");
  assertStringIncludes(pod4, "BGP.as_path: 65001 65001\n");
  assertStringIncludes(pod4, "BGP.community: (65001,100)");
  assertStringIncludes(pod4, "BGP.large_community: (65001, 1, 2)");
  assertStringIncludes(pod4, "BGP.med: 7");
  assertStringIncludes(pod4, "BGP.origin: IGP");
  assertStringIncludes(theirs.get(POD6) ?? "", "via 2001:db8:77::1 on eth0");
  assertStringIncludes(theirs.get(VIP) ?? "", "BGP.community: (65535,65281)");

  await until("BIRD's routes", () => speaker.best().length === 2);
  assertEquals(
    speaker.best().map(({ prefix, nextHops, attributes }) => ({
      prefix,
      nextHops,
      path: attributes.asPath,
    })),
    [
      {
        prefix: THEIRS4,
        nextHops: [bird.wire.theirs],
        path: [{ type: 2, asns: [ROUTER_AS] }],
      },
      {
        prefix: THEIRS6,
        nextHops: [bird.wire.theirs6],
        path: [{ type: 2, asns: [ROUTER_AS] }],
      },
    ],
  );
  await until(
    "BIRD's End-of-RIB",
    () => speaker.peers()[0]?.endOfRib.length === 2,
  );
  const status = speaker.peers()[0];
  assertEquals(status?.capabilities, [
    "multiprotocol",
    "route-refresh",
    "four-octet-as",
    "graceful-restart",
  ]);

  speaker.setAnnouncements(ROUTES.slice(0, 2));
  await until(
    "the VIP's withdrawal",
    async () => !(await bird.routes()).has(VIP),
  );

  const before = speaker.peers()[0]?.messages.sent ?? 0;
  await bird.ask("reload in fw");
  await until(
    "the routes sent again",
    () => (speaker.peers()[0]?.messages.sent ?? 0) >= before + 2,
  );
  assertEquals((await bird.routes()).size, 2);

  await bird.ask("disable s4");
  await until("BIRD's withdrawal", () => speaker.best().length === 1);
  assertEquals(changes.at(-1), { kind: "removed", prefix: THEIRS4 });

  await bird.ask('disable fw "rack 7 is moved"');
  await until("the end of the session", () => speaker.best().length === 0);
  assertEquals(
    speaker.peers()[0]?.lastError,
    'the peer sent Cease/Administrative Shutdown (6/2): "rack 7 is moved"',
  );
  await bird.ask("enable fw");
  await until("the session again", () => speaker.best().length === 1, 30_000);

  await speaker.stop({ communication: "node drained" });
  await until(
    "the reason in BIRD's log",
    async () => (await bird.log()).includes("node drained"),
  );
  assertEquals((await bird.routes()).size, 0);
});

Deno.test("BIRD: a cut wire ends the session by the hold timer, and it comes back", async () => {
  await using bird = await Bird.start({
    asn: ROUTER_AS,
    peerAs: NODE_AS,
    routes4: [THEIRS4],
    bgp: "hold time 3; keepalive time 1; graceful restart off;",
  });
  const speaker = speakerFor(bird);
  speaker.setAnnouncements([{ prefix: POD4 }]);
  await until("BIRD's route", () => speaker.best().length === 1, 20_000);
  assertEquals(speaker.peers()[0]?.holdTimeSeconds, 3);
  await bird.wire.set("down");
  await until("the route's end", () => speaker.best().length === 0);
  assertEquals(
    speaker.peers()[0]?.lastError,
    "Hold Timer Expired (4/0): nothing came for 3 s",
  );
  await bird.wire.set("up");
  await until("the route again", () => speaker.best().length === 1, 30_000);
  await until(
    "our route in BIRD",
    async () => (await bird.routes()).size === 1,
  );
  await speaker.stop();
});

Deno.test("BIRD: an internal session carries LOCAL_PREF and no AS", async () => {
  await using bird = await Bird.start({
    asn: NODE_AS,
    peerAs: NODE_AS,
    routes4: [THEIRS4],
  });
  const speaker = speakerFor(bird, { remoteAs: NODE_AS });
  speaker.setAnnouncements([
    { prefix: POD4, attributes: { localPref: 150 } },
    { prefix: VIP, to: "external" },
  ]);
  const routes = await until("our route in BIRD", async () => {
    const some = await bird.routes();
    return some.size > 0 && some;
  }, 20_000);
  assertEquals([...routes.keys()], [POD4 as string]);
  assertStringIncludes(routes.get(POD4) ?? "", "BGP.local_pref: 150");
  assertStringIncludes(routes.get(POD4) ?? "", "BGP.as_path: \n");
  await until("BIRD's route", () => speaker.best().length === 1);
  await speaker.stop();
});

Deno.test("BIRD: a restarted speaker finds its routes kept, and what it no longer announces goes", async () => {
  await using bird = await Bird.start({ asn: ROUTER_AS, peerAs: NODE_AS });
  const first = speakerFor(bird, { gracefulRestartSeconds: 60 });
  first.setAnnouncements([{ prefix: POD4 }, { prefix: VIP }]);
  await until(
    "our routes",
    async () => (await bird.routes()).size === 2,
    20_000,
  );

  await first.stop({ keepRoutes: true });
  let missed = 0;
  let watching = true;
  const watch = (async (): Promise<number> => {
    let looks = 0;
    for (; watching; looks++) {
      if (!(await bird.routes()).has(POD4)) missed++;
    }
    return looks;
  })();
  await until(
    "BIRD to wait for us",
    async () => !(await bird.ask("show protocols fw")).includes("Established"),
  );
  const second = speakerFor(bird, { gracefulRestartSeconds: 60 }, {
    restarting: true,
  });
  await until(
    "the session again",
    () => second.peers()[0]?.state === "established",
    30_000,
  );
  second.setAnnouncements([{ prefix: POD4 }]);
  await until("the old route's end", async () => {
    const routes = await bird.routes();
    return !routes.has(VIP);
  });
  watching = false;
  assert(await watch > 3);
  assertEquals(missed, 0);
  await second.stop();
});

Deno.test("BIRD: its own restart flaps no route of ours", async () => {
  await using bird = await Bird.start({
    asn: ROUTER_AS,
    peerAs: NODE_AS,
    routes4: [THEIRS4],
    bgp: "graceful restart on; graceful restart time 30;",
  });
  const speaker = speakerFor(bird);
  speaker.setAnnouncements([{ prefix: POD4 }]);
  await until("BIRD's route", () => speaker.best().length === 1, 20_000);
  const changes: RouteChange[] = [];
  speaker.onRoutes((batch) => changes.push(...batch));
  changes.length = 0;
  const established = speaker.peers()[0]?.established ?? 0;
  await bird.restart();
  await until(
    "the session again",
    () =>
      (speaker.peers()[0]?.established ?? 0) > established &&
      speaker.peers()[0]?.endOfRib.includes(4) === true,
    40_000,
  );
  assertEquals(speaker.best().map(({ stale }) => stale), [false]);
  assert(changes.every(({ kind }) => kind === "best"));
  await speaker.stop();
});
