import { assertEquals, assertRejects } from "@std/assert";
import { FairwayError, KernelError } from "../../lib/base/errors.ts";
import { fakeIp } from "../../lib/kernel/fake_ip.ts";
import { fakeIpvs } from "../../lib/kernel/fake_ipvs.ts";
import { fakeNft } from "../../lib/kernel/fake_nft.ts";
import { fakeSysctl } from "../../lib/kernel/fake_sysctl.ts";
import type { FakeTarget } from "../../lib/kernel/fake_target.ts";
import { adds, conformance, removes, type Subject } from "./conformance.ts";
import { IP_SAMPLE } from "./samples_ip.ts";
import { IPVS_SAMPLE } from "./samples_ipvs.ts";
import { NFT_SAMPLE } from "./samples_nft.ts";
import { SYSCTL_SAMPLE } from "./samples_sysctl.ts";

const signal = new AbortController().signal;

function subject<V>(make: () => FakeTarget<V>): () => Promise<Subject<V>> {
  return () =>
    Promise.resolve({
      target: make(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
}

conformance("fake nft", { newSubject: subject(fakeNft), sample: NFT_SAMPLE });
conformance("fake ipvs", {
  newSubject: subject(fakeIpvs),
  sample: IPVS_SAMPLE,
});
conformance("fake ip", { newSubject: subject(fakeIp), sample: IP_SAMPLE });
conformance("fake sysctl", {
  newSubject: subject(fakeSysctl),
  sample: SYSCTL_SAMPLE,
});

Deno.test("fake nft: what is referred to cannot be deleted", async () => {
  const target = fakeNft();
  await target.apply(adds(target, NFT_SAMPLE.entries), signal);
  const before = target.dump();
  for (const key of ["chain/ps_x7/in", "set/in4", "counter/denied_in"]) {
    const entry = NFT_SAMPLE.entries.find(([other]) => other === key);
    const result = await target.apply(
      removes(target, entry === undefined ? [] : [entry]),
      signal,
    );
    assertEquals(result.refusals[0]?.error.code, "kernel.busy", key);
  }
  assertEquals(target.dump(), before);
});

Deno.test("fake ipvs: destinations go with their virtual server", async () => {
  const target = fakeIpvs();
  await target.apply(adds(target, IPVS_SAMPLE.entries), signal);
  const services = IPVS_SAMPLE.entries.filter(([key]) =>
    key.startsWith("service/")
  );
  await target.apply(removes(target, services), signal);
  assertEquals(target.dump(), "");
});

Deno.test("fake ip: addresses and routes go with their link", async () => {
  const target = fakeIp();
  const entries = IP_SAMPLE.entries.filter(([key]) => !key.startsWith("rule/"));
  await target.apply(adds(target, entries), signal);
  const links = entries.filter(([key]) => key.startsWith("link/"));
  await target.apply(removes(target, links), signal);
  assertEquals(
    [...target.state.keys()].filter((key) => !key.includes("/77/")),
    [],
  );
});

Deno.test("a fake refuses a key, fails as a whole, hangs until it is aborted, and says what was asked", async () => {
  const target = fakeSysctl();
  const ops = adds(target, SYSCTL_SAMPLE.entries);
  target.refuseKey("net.ipv4.ip_forward", "kernel.busy");
  const refused = await target.apply(ops, signal);
  assertEquals(refused.refusals.map(({ index }) => index), [0]);
  assertEquals(refused.refusals[0]?.error.code, "kernel.busy");
  target.allowKey("net.ipv4.ip_forward");
  assertEquals((await target.apply(ops, signal)).refusals, []);

  target.failNext(new KernelError("tool.timeout", "sysctl", "too slow", ""));
  await assertRejects(() => target.read(signal), KernelError, "too slow");
  assertEquals((await target.read(signal)).size, ops.length);

  target.hang();
  const abort = new AbortController();
  const hung = target.apply(ops, abort.signal);
  abort.abort();
  await assertRejects(() => hung, FairwayError, "given up");
  assertEquals(target.calls.map(({ kind }) => kind), [
    "apply",
    "apply",
    "read",
    "read",
    "apply",
  ]);
});

Deno.test("a fake's dump is the commands that make its state", async () => {
  const target = fakeIpvs();
  await target.apply(adds(target, IPVS_SAMPLE.entries.slice(0, 1)), signal);
  assertEquals(target.dump(), "ipvsadm -A -t 10.96.0.1:80 -s rr\n");
});
