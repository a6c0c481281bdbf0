import { assert, assertEquals } from "@std/assert";
import { renderNftBatch } from "../../lib/dataplane/render_nft.ts";
import { compileClosed } from "../../lib/firewall/base.ts";
import type { Family } from "../../lib/net/ip.ts";
import { parsePrefix } from "../../lib/net/prefix.ts";
import { additions, clusterOf, Desired, desiredFor } from "./cluster.ts";

const DIRECTORY = new URL("golden/", import.meta.url);
const SEPARATOR = /^==== nft(?: families ([46]))?( without base)?\n/m;

const CLOSED = {
  families: [4, 6],
  podCidrs: [parsePrefix("10.244.1.0/24"), parsePrefix("fd00:1::/64")],
} as const;

/** What a file's objects compile to on node n1, as nft text. */
function render(objects: string, families: Family[], base: boolean): string {
  const store = clusterOf(objects);
  const ops = additions(desiredFor(store, "n1", families));
  const closed = new Desired();
  closed.take(compileClosed({ ...CLOSED, families }));
  const skipped = base ? new Map() : closed.values();
  return renderNftBatch(ops.filter((op) => !skipped.has(op.key))).text;
}

for (
  const { name } of [...Deno.readDirSync(DIRECTORY)].sort((a, b) =>
    a.name < b.name ? -1 : 1
  )
) {
  if (!name.endsWith(".golden")) continue;
  Deno.test(`firewall golden: ${name}`, () => {
    const file = new URL(name, DIRECTORY);
    const text = Deno.readTextFileSync(file);
    const found = SEPARATOR.exec(text);
    assert(found !== null, "no separator");
    const objects = text.slice(0, found.index);
    const head = text.slice(0, found.index + found[0].length);
    const families: Family[] = found[1] === undefined
      ? [4, 6]
      : [found[1] === "4" ? 4 : 6];
    const actual = render(objects, families, found[2] === undefined);
    if (Deno.env.get("UPDATE_GOLDEN") === "1") {
      Deno.writeTextFileSync(file, head + actual);
    } else assertEquals(actual, text.slice(head.length));
  });
}

Deno.test("firewall: the closed table is the compiler's base part", () => {
  const [closed, ...more] = compileClosed(CLOSED);
  assertEquals(more, []);
  const store = clusterOf(`
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.244.1.0/24, "fd00:1::/64"]}
`);
  const desired = desiredFor(store, "n1");
  const base = new Desired();
  base.take(closed === undefined ? [] : [closed]);
  assertEquals(desired.values(), base.values());
});
