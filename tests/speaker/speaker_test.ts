import { assertEquals, assertThrows } from "@std/assert";
import { FairwayError } from "../../lib/base/errors.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import type { RouteChange } from "../../lib/speaker/api.ts";
import { portOf, testSpeaker, until } from "./support.ts";

const A = parseIp("127.0.0.1");
const NODE = parseIp("192.0.2.1");
const POD_CIDR = parsePrefix("10.244.1.0/24");
const VIP6 = parsePrefix("2001:db8:1::5/128");

Deno.test("two speakers exchange routes of both families, withdraw them and part with a reason", async () => {
  const left = testSpeaker("127.0.0.1", 65001);
  const right = testSpeaker("127.0.0.1", 65002, {
    routerId: parseIp("10.0.0.2"),
    listen: [],
  });
  const changes: RouteChange[] = [];
  right.onRoutes((batch) => changes.push(...batch));
  left.setPeers([{ address: A, remoteAs: 65002, passive: true }]);
  left.setAnnouncements([
    {
      prefix: POD_CIDR,
      nextHop: NODE,
      attributes: { communities: ["65001:7"] },
    },
    { prefix: VIP6, nextHop: parseIp("2001:db8::1") },
  ]);
  right.setPeers([{ address: A, remoteAs: 65001, port: portOf(left) }]);
  right.setAnnouncements([]);
  await until("both routes", () => right.best().length === 2);
  assertEquals(
    right.best().map(({ prefix, nextHops }) => [prefix, nextHops]),
    [[POD_CIDR, [NODE]], [VIP6, [parseIp("2001:db8::1")]]],
  );
  assertEquals(right.best()[0]?.attributes.communities, [65001 * 65536 + 7]);
  await until(
    "End-of-RIB of both families",
    () => right.peers()[0]?.endOfRib.length === 2,
  );
  const status = right.peers()[0];
  assertEquals(status?.state, "established");
  assertEquals(status?.families, [4, 6]);
  assertEquals(left.peers()[0]?.prefixes.advertised, 2);

  left.setAnnouncements([{ prefix: POD_CIDR, nextHop: NODE }]);
  await until("the withdrawal", () => right.best().length === 1);
  await until(
    "the community's end",
    () => right.best()[0]?.attributes.communities === undefined,
  );

  await left.stop({ communication: "maintenance at noon" });
  await until("the routes' end", () => right.best().length === 0);
  assertEquals(
    right.peers()[0]?.lastError,
    'the peer sent Cease/Administrative Shutdown (6/2): "maintenance at noon"',
  );
  assertEquals(changes.at(-1), { kind: "removed", prefix: POD_CIDR });
  await right.stop();
});

Deno.test("a port in use is one clear error", async () => {
  const first = testSpeaker("127.0.0.1", 65001);
  const listen = [{ address: A, port: portOf(first) }];
  const error = assertThrows(
    () => testSpeaker("127.0.0.1", 65001, { listen }),
    FairwayError,
    "another program listens there",
  );
  assertEquals(error.code, "net.failed");
  await first.stop();
});
