/**
 * What the machine promises to the tests that run in it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { capture, run } from "./system/process.ts";

Deno.test("the machine's kernel has IPVS with its schedulers", async () => {
  for (const scheduler of ["rr", "wrr", "lc", "sh", "mh"]) {
    await capture("modprobe", [`ip_vs_${scheduler}`]);
  }
  await capture("ipvsadm", ["-A", "-t", "192.0.2.1:80", "-s", "mh"]);
  assert((await capture("ipvsadm", ["-Sn"])).includes("192.0.2.1:80 -s mh"));
  await capture("ipvsadm", ["-C"]);
});

Deno.test("the machine's kernel has every kind of link the agent makes", async () => {
  await capture("ip", ["link", "add", "lab-dummy", "type", "dummy"]);
  await capture("ip", [
    "link",
    "add",
    "lab-a",
    "type",
    "veth",
    "peer",
    "lab-b",
  ]);
  await capture("ip", ["link", "add", "lab-bridge", "type", "bridge"]);
  await capture("ip", [
    ...["link", "add", "lab-ipip", "type", "ipip"],
    ...["local", "192.0.2.1", "remote", "192.0.2.2"],
  ]);
  await capture("modprobe", ["br_netfilter"]);
  assertEquals(
    await capture("sysctl", ["-n", "net.bridge.bridge-nf-call-iptables"]),
    "1\n",
  );
  for (const link of ["lab-dummy", "lab-a", "lab-bridge", "lab-ipip"]) {
    await capture("ip", ["link", "delete", link]);
  }
});

Deno.test("the machine's nft has the expressions of a firewall", async () => {
  const rules = `table inet lab {
  set pods { type ipv4_addr; }
  chain in {
    type filter hook forward priority 0
    ct state established,related accept
    ip saddr @pods counter accept
    fib daddr type local log prefix "lab" reject
  }
  chain out {
    type nat hook postrouting priority srcnat
    meta mark & 0x4000 == 0x4000 masquerade
  }
}
`;
  await capture("nft", ["-f", "-"], { stdin: rules });
  await capture("nft", ["delete", "table", "inet", "lab"]);
});

Deno.test("namespaces have addresses and loopback of their own", async () => {
  await capture("ip", ["netns", "add", "lab-ns"]);
  const inside = ["netns", "exec", "lab-ns"];
  await capture("ip", [...inside, "ip", "link", "set", "lo", "up"]);
  const ping = await run("ip", [
    ...inside,
    ...["ip", "-j", "address", "show", "dev", "lo"],
  ]);
  assertEquals(JSON.parse(ping.stdout)[0].addr_info.length, 2);
  await capture("ip", ["netns", "delete", "lab-ns"]);
});
