/** Input that a stranger chose: names, labels, sizes. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { storeOf } from "../../lib/cluster/load.ts";
import { renderNftBatch } from "../../lib/dataplane/render_nft.ts";
import { FirewallModel } from "../../lib/firewall/model_eval.ts";
import { note } from "../../lib/firewall/names.ts";
import { parseIp } from "../../lib/net/ip.ts";
import { cast, podObject, policyObject } from "./cast.ts";
import { additions, desiredFor } from "./cluster.ts";

/** What rules may be made of: no text of any object but what {@linkcode note} lets through. */
const LINE =
  /^(?:(?:add|create) [a-z]+ inet fairway[A-Za-z0-9_ .@{};:,"/-]*|[0-9a-f.:/ -]+(?:tcp|udp|sctp)?[0-9a-z_ .:-]*,?|(?:tcp|udp|sctp) \. [0-9-]+ : [a-z]+(?: [a-z0-9_]+)?,?|\})$/;

function textFor(objects: readonly unknown[]): string {
  const { store } = storeOf([...cast(), ...objects]);
  return renderNftBatch(additions(desiredFor(store, "n1"))).text;
}

Deno.test("firewall hostile: a note holds only harmless characters, and 60 of them at most", () => {
  assertEquals(note("shop/web ingress 0"), "shop/web ingress 0");
  assertEquals(note('a"; drop\n{b}$c#'), "a__ drop__b__c_");
  assertEquals(note("x".repeat(400)).length, 60);
});

Deno.test("firewall hostile: names and labels of maximal length and odd characters", () => {
  const namespace = "n".repeat(63);
  const name = "p".repeat(63);
  const policy = `${"q".repeat(61)}.${"r".repeat(180)}`;
  const label = `${"d".repeat(60)}.example.com/${"k".repeat(63)}`;
  const key = `${namespace}/${name}`;
  const text = textFor([
    podObject(key, {
      node: "n1",
      ips: ["10.1.0.90"],
      labels: { [label]: "v".repeat(63), "a.b_c-d": "E.f_g-H" },
    }),
    policyObject(`${namespace}/${policy}`, {
      podSelector: { matchLabels: { [label]: "v".repeat(63) } },
      ingress: [{
        from: [{ podSelector: { matchLabels: { "a.b_c-d": "E.f_g-H" } } }],
        ports: [{ port: "a-very-long-1a" }, { port: 80 }],
      }],
    }),
  ]);
  assert(text.includes("isolated by nnnn"));
  for (const line of text.trim().split("\n")) {
    assertMatch(line, LINE);
    assert(line.length < 400, line);
  }
});

Deno.test("firewall hostile: labels that look like commands never reach the table", () => {
  const evil = '"; flush ruleset; #';
  const text = textFor([
    podObject("x/a", { labels: { pod: evil, "x } ; delete table": "y" } }),
    policyObject("x/p", {
      podSelector: { matchLabels: { pod: evil } },
      ingress: [{
        from: [{ namespaceSelector: { matchLabels: { [evil]: evil } } }],
        ports: [{ port: evil }, { port: 70000 }, { port: -1 }, {
          port: 90,
          endPort: 80,
        }],
      }],
    }),
    policyObject("x/q", {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: evil, except: [evil] } }] }],
    }),
  ]);
  assert(!/flush ruleset|delete table/.test(text));
  for (const line of text.trim().split("\n")) assertMatch(line, LINE);
});

Deno.test("firewall hostile: ten thousand overlapping blocks in one rule", () => {
  const from = Array.from({ length: 10_000 }, (_, i) => ({
    ipBlock: {
      cidr: `172.${16 + (i >> 9)}.${(i >> 1) & 255}.0/${i % 2 === 0 ? 24 : 25}`,
    },
  }));
  const { store } = storeOf([
    ...cast(),
    policyObject("x/p", { podSelector: {}, ingress: [{ from }] }),
  ]);
  const values = desiredFor(store, "n1").values();
  const elements = [...values.keys()].filter((key) =>
    /^element\/c_\w+_4\//.test(key)
  );
  assert(elements.length > 0 && elements.length < 20, `${elements.length}`);
  const model = new FirewallModel(values.values());
  const passes = (source: string): boolean =>
    model.judge({
      hook: "forward",
      family: 4,
      source: parseIp(source),
      destination: parseIp("10.1.0.10"),
      protocol: "tcp",
      port: 80,
    }).accepted;
  assert(passes("172.16.0.200"));
  assert(!passes("172.200.0.1"));
});
