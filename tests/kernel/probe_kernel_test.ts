import { assertEquals, assertMatch } from "@std/assert";
import { ToolRunner } from "../../lib/kernel/exec.ts";
import { parseNftVersion, probeKernel } from "../../lib/kernel/probe.ts";
import { TestNamespace } from "./namespace.ts";

const options = (): { signal: AbortSignal; mayLoadModules: boolean } => ({
  signal: AbortSignal.timeout(30_000),
  mayLoadModules: false,
});

Deno.test("probe: what works here has no problem, and nothing is written", async () => {
  await using namespace = await TestNamespace.create();
  const before = await namespace.run("ip", ["rule", "show"]);
  assertEquals(
    await probeKernel(
      namespace.runner(),
      ["nft", "ip", "bridge", "sysctl", "conntrack"],
      options(),
    ),
    [],
  );
  assertEquals(await namespace.run("nft", ["list", "tables"]), "");
  assertEquals(await namespace.run("ip", ["rule", "show"]), before);
});

Deno.test("probe: without the capability every tool says so in one line", async () => {
  const runner = new ToolRunner({
    prefix: ["setpriv", "--reuid", "65534", "--clear-groups"],
  });
  const problems = await probeKernel(
    runner,
    ["nft", "ip", "conntrack"],
    options(),
  );
  assertEquals(problems.map(({ capability, code }) => [capability, code]), [
    ["nft", "permission.denied"],
    ["ip", "permission.denied"],
    ["conntrack", "permission.denied"],
  ]);
  for (const { message } of problems) {
    assertMatch(message, /^\S+ is not permitted: .*CAP_NET_ADMIN[^\n]*$/);
  }
});

Deno.test("probe: versions of nft", () => {
  assertEquals(parseNftVersion("nftables v1.0.6 (Lester Gooch #5)\n"), [
    1,
    0,
    6,
  ]);
  assertEquals(parseNftVersion("nftables v0.9.8 (E.D.S.)"), [0, 9, 8]);
  assertEquals(parseNftVersion("nftables v1.1 (x)"), [1, 1, 0]);
  assertEquals(parseNftVersion("iptables"), undefined);
});

Deno.test("probe: a module that the kernel lacks is named with the mend", async () => {
  await using namespace = await TestNamespace.create();
  const hasIpvs = await namespace.run("sysctl", [
    "-e",
    "net.ipv4.vs.conntrack",
  ]);
  const problems = await probeKernel(namespace.runner(), ["ipvs"], options());
  if (hasIpvs !== "") return assertEquals(problems, []);
  assertEquals(problems, [{
    capability: "ipvs",
    code: "kernel.unsupported",
    message:
      "the kernel has no ip_vs: modprobe ip_vs (on Debian the module is in the package " +
      "linux-image of the running kernel; cloud kernels leave some out)",
    certain: true,
  }]);
});
