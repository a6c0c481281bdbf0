import { assert, assertEquals } from "@std/assert";
import type { Op } from "../../lib/base/target.ts";
import type { SysctlValue } from "../../lib/dataplane/sysctl.ts";
import { SysctlTarget } from "../../lib/kernel/sysctl.ts";
import { conformance, type Subject } from "./conformance.ts";
import { TestNamespace } from "./namespace.ts";
import { SYSCTL_NAMES, SYSCTL_SAMPLE } from "./samples_sysctl.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const add = (value: SysctlValue): Op<SysctlValue> => ({
  kind: "add",
  key: value.name,
  value,
});

async function newSubject(): Promise<Subject<SysctlValue>> {
  const namespace = await TestNamespace.create();
  return {
    target: new SysctlTarget(namespace.runner(), () => SYSCTL_NAMES),
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}

conformance("sysctl on the kernel", { newSubject, sample: SYSCTL_SAMPLE });

Deno.test("sysctl on the kernel: an optional parameter may be missing, another may not", async () => {
  await using namespace = await TestNamespace.create();
  const name = "net.ipv4.nosuch";
  const target = new SysctlTarget(namespace.runner(), () => [name]);
  const refused = await target.apply([add({ name, value: "1" })], signal());
  assertEquals(refused.refusals.map(({ index }) => index), [0]);
  assertEquals(
    refused.refusals[0]?.error.message,
    "the kernel has no parameter net/ipv4/nosuch: the module it belongs to may not be loaded",
  );
  assertEquals((await target.read(signal())).size, 0);

  const optional = { name, value: "1", optional: true };
  assertEquals(await target.apply([add(optional)], signal()), {
    refusals: [],
    rest: "done",
  });
  const observed = (await target.read(signal())).get(name);
  assert(observed !== undefined && target.equal(optional, observed));
});

Deno.test("sysctl on the kernel: a link whose name has a dot", async () => {
  await using namespace = await TestNamespace.create();
  await namespace.run("ip", [
    "link",
    "add",
    "name",
    "fw.100",
    "type",
    "bridge",
  ]);
  const name = "net.ipv4.conf.fw/100.rp_filter";
  const target = new SysctlTarget(namespace.runner(), () => [name]);
  await target.apply([add({ name, value: "2" })], signal());
  assertEquals([...await target.read(signal())], [[name, {
    name,
    value: "2",
  }]]);
  const bad = await target.apply([add({ name, value: "banana" })], signal());
  assertEquals(bad.refusals.map(({ index }) => index), [0]);
});
