/** The speaker against a real GoBGP. Needs root, network namespaces and Debian's `gobgpd`. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { SILENT } from "../../lib/base/log.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import { Speaker } from "../../lib/speaker/speaker.ts";
import { REAL_CLOCK, until } from "./support.ts";
import { run, Wire } from "./wire.ts";

const POD4 = parsePrefix("10.244.1.0/24");
const POD6 = parsePrefix("2001:db8:1::/64");

function neighbour(address: string, family: string): string {
  return `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = 65001
  [neighbors.timers.config]
    connect-retry = 1
    hold-time = 9
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "${family}-unicast"
`;
}

Deno.test("GoBGP: a session over IPv4 and one over IPv6, routes both ways, withdrawal, shutdown with a reason", async () => {
  await using wire = await Wire.lay();
  const ask = (question: string): Promise<string> =>
    run(`ip netns exec ${wire.namespace} gobgp ${question}`);
  const path = `${wire.directory}/gobgpd.toml`;
  await Deno.writeTextFile(
    path,
    `[global.config]\n  as = 65002\n  router-id = "${wire.theirs}"\n` +
      neighbour(wire.ours, "ipv4") + neighbour(wire.ours6, "ipv6"),
  );
  await wire.start(["gobgpd", "-f", path], () => ask("global"));
  await ask("global rib add 10.50.0.0/16 community 65002:7");
  await ask("global rib add 2001:db8:50::/48 -a ipv6");

  const speaker = new Speaker({
    clock: REAL_CLOCK,
    log: SILENT,
    localAs: 65_001,
    routerId: wire.ours,
    listen: [
      { address: wire.ours, port: 179 },
      { address: wire.ours6, port: 179 },
    ],
  });
  const common = { remoteAs: 65_002, connectRetrySeconds: 1 };
  speaker.setPeers([
    { ...common, address: wire.theirs, families: [4] },
    { ...common, address: wire.theirs6, families: [6] },
  ]);
  speaker.setAnnouncements([
    { prefix: POD4, attributes: { largeCommunities: ["65001:1:2"] } },
    { prefix: POD6 },
  ]);

  await until("GoBGP's routes", () => speaker.best().length === 2, 30_000);
  assertEquals(
    speaker.best().map(({ prefix, nextHops, attributes }) => [
      `${prefix} via ${nextHops}`,
      attributes.communities,
    ]),
    [
      [`10.50.0.0/16 via ${wire.theirs}`, [65_002 * 65_536 + 7]],
      [`2001:db8:50::/48 via ${wire.theirs6}`, undefined],
    ],
  );
  const four = await until("our IPv4 route", async () => {
    const rib = await ask("global rib");
    return rib.includes(POD4) && rib;
  });
  assertStringIncludes(four, wire.ours);
  assertStringIncludes(four, "65001:1:2");
  const six = await until("our IPv6 route", async () => {
    const rib = await ask("global rib -a ipv6");
    return rib.includes(POD6) && rib;
  });
  assertStringIncludes(six, wire.ours6);

  speaker.setAnnouncements([{ prefix: POD6 }]);
  await until(
    "the withdrawal",
    async () => !(await ask("global rib")).includes(POD4),
  );
  await ask("global rib del 10.50.0.0/16");
  await until("GoBGP's withdrawal", () => speaker.best().length === 1);

  await ask(`neighbor ${wire.ours6} shutdown rack`);
  await until("the end of the session", () => speaker.best().length === 0);
  const lost = speaker.peers().find(({ address }) => address === wire.theirs6);
  assertStringIncludes(
    lost?.lastError ?? "",
    "the peer sent Cease/Administrative Shutdown (6/2)",
  );
  await speaker.stop();
});
