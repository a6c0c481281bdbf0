import { assert, assertEquals } from "@std/assert";
import type { Op } from "../../lib/base/target.ts";
import { nftKey, nftRules, type NftValue } from "../../lib/dataplane/nft.ts";
import { NftTarget } from "../../lib/kernel/nft.ts";
import { conformance, type Subject } from "./conformance.ts";
import { TestNamespace } from "./namespace.ts";
import { NFT_SAMPLE } from "./samples_nft.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const add = (value: NftValue): Op<NftValue> => ({
  kind: "add",
  key: nftKey(value),
  value,
});
const FORWARD: NftValue = { kind: "chain", name: "forward" };

async function newSubject(): Promise<Subject<NftValue>> {
  const namespace = await TestNamespace.create();
  return {
    target: new NftTarget(namespace.runner()),
    addForeign: async () => {
      await namespace.run(
        "nft",
        ["-f", "-"],
        "add table inet foreign\nadd chain inet foreign forward\n" +
          "add rule inet foreign forward accept\nadd table ip fairway\n" +
          "add set ip fairway s { type ipv4_addr; }\n",
      );
    },
    [Symbol.asyncDispose]: () => namespace[Symbol.asyncDispose](),
  };
}

conformance("nft on the kernel", { newSubject, sample: NFT_SAMPLE });

Deno.test("nft on the kernel: rules that somebody touched read as drifted", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  const rules = nftRules("forward", [{ body: "accept" }, { body: "drop" }]);
  await target.apply([add(FORWARD), add(rules)], signal());
  for (
    const touch of [
      "add rule inet fairway forward accept",
      'insert rule inet fairway forward drop comment "x:1/3"',
      "flush chain inet fairway forward",
    ]
  ) {
    await namespace.run("nft", ["-f", "-"], touch);
    const observed = (await target.read(signal())).get("rules/forward");
    assert(
      observed === undefined || !target.equal(rules, observed),
      touch,
    );
    const repair: Op<NftValue> = observed === undefined ? add(rules) : {
      kind: "change",
      key: "rules/forward",
      value: rules,
      previous: observed,
    };
    assertEquals((await target.apply([repair], signal())).rest, "done");
    const repaired = (await target.read(signal())).get("rules/forward");
    assert(repaired !== undefined && target.equal(rules, repaired), touch);
  }
});

Deno.test("nft on the kernel: intervals are regrouped in one transaction", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  const set: NftValue = {
    kind: "set",
    name: "cidr",
    type: "ipv4_addr",
    interval: true,
  };
  const element = (text: string): NftValue => ({
    kind: "element",
    set: "cidr",
    element: text,
  });
  await target.apply([add(set), add(element("10.0.0.0/8"))], signal());
  const result = await target.apply([
    add(element("10.0.0.0/16")),
    add(element("10.1.0.0/16")),
    {
      kind: "remove",
      key: "element/cidr/10.0.0.0/8",
      previous: element("10.0.0.0/8"),
    },
  ], signal());
  assertEquals(result, { refusals: [], rest: "done" });
  assertEquals([...(await target.read(signal())).keys()], [
    "set/cidr",
    "element/cidr/10.0.0.0/16",
    "element/cidr/10.1.0.0/16",
  ]);
});

Deno.test("nft on the kernel: several refusals are told apart", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  const result = await target.apply([
    add(FORWARD),
    add(nftRules("forward", [{ body: "accept" }, { body: "goto nowhere" }])),
    add({ kind: "element", set: "nowhere", element: "10.0.0.1" }),
  ], signal());
  assertEquals(result.rest, "not_done");
  assert(result.refusals.length > 0);
  for (const { index, error } of result.refusals) {
    assert(index === 1 || index === 2, `${index} ${error.message}`);
    assertEquals(error.code, "kernel.not_found");
  }
  assertEquals((await target.read(signal())).size, 0);
});

Deno.test("nft on the kernel: a set's type and a chain's hook are refused, and say the mend", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  const previous: NftValue = { kind: "set", name: "s", type: "ipv4_addr" };
  const value: NftValue = { kind: "set", name: "s", type: "ipv6_addr" };
  await target.apply([add(previous)], signal());
  const result = await target.apply(
    [{ kind: "change", key: "set/s", value, previous }],
    signal(),
  );
  assertEquals(result.rest, "not_done");
  assertEquals(result.refusals[0]?.index, 0);
  assertEquals(
    result.refusals[0]?.error.message,
    "nft: set s is { type ipv4_addr; } and cannot become { type ipv6_addr; } in place; " +
      "run `fairway cleanup`, then start again",
  );
});

Deno.test("nft on the kernel: counters are read, the table is deleted and stays gone", async () => {
  await using namespace = await TestNamespace.create();
  const target = new NftTarget(namespace.runner());
  assertEquals((await target.readCounters(signal())).size, 0);
  await target.apply([add({ kind: "counter", name: "denied_in" })], signal());
  assertEquals([...await target.readCounters(signal())], [
    ["denied_in", { packets: 0, bytes: 0 }],
  ]);
  await target.deleteTable(signal());
  await target.deleteTable(signal());
  assertEquals(await namespace.run("nft", ["list", "tables"]), "");
});
