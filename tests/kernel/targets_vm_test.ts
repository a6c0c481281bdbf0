/**
 * The nft and ip drivers on the reference kernel, which has dummy links; runs in
 * the lab's machine.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { TABLE_LOCAL, TABLE_MAIN } from "../../lib/dataplane/ip.ts";
import { IpTarget } from "../../lib/kernel/ip.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { probeKernel } from "../../lib/kernel/probe.ts";
import { conformance } from "./conformance.ts";
import { TestNamespace } from "./namespace.ts";
import { IP_SAMPLE, SAMPLE_PRIORITIES, SAMPLE_TABLE } from "./samples_ip.ts";
import { NFT_SAMPLE } from "./samples_nft.ts";

conformance("nft on the reference kernel", {
  newSubject: async () => {
    const namespace = await TestNamespace.create();
    return {
      target: new NftTarget(namespace.runner()),
      [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
    };
  },
  sample: NFT_SAMPLE,
  brief: true,
});

conformance("ip on the reference kernel", {
  newSubject: async () => {
    const namespace = await TestNamespace.create();
    return {
      target: new IpTarget(namespace.runner(), {
        tables: [TABLE_MAIN, TABLE_LOCAL, SAMPLE_TABLE],
        rulePriorities: SAMPLE_PRIORITIES,
      }),
      [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
    };
  },
  sample: IP_SAMPLE,
  brief: true,
});

Deno.test("probe: the reference kernel has everything", async () => {
  await using namespace = await TestNamespace.create();
  const problems = await probeKernel(
    namespace.runner(),
    ["nft", "ipvs", "ip", "dummy", "sysctl", "conntrack"],
    { signal: AbortSignal.timeout(60_000) },
  );
  assertEquals(problems, []);
});
