import { assertEquals } from "@std/assert";
import plugin, { judgeImport, RANKS } from "../../lib/arrows_lint.ts";

function lint(file: string, code: string): string[] {
  return Deno.lint.runPlugin(plugin, file, code).map((found) =>
    `${found.id}: ${found.message}`
  );
}

Deno.test.each<[string, string, boolean, string | undefined]>([
  ["lib/ipvs/a.ts", "../cluster/b.ts", false, undefined],
  ["lib/ipvs/a.ts", "./b.ts", false, undefined],
  [
    "lib/ipvs/a.ts",
    "../kernel/b.ts",
    false,
    "arrow points up: lib/ipvs -> lib/kernel",
  ],
  [
    "lib/ipvs/a.ts",
    "../bgp/wire/b.ts",
    false,
    "arrow points sideways: lib/ipvs -> lib/bgp",
  ],
  ["lib/ipvs/a.ts", "../bgp/b.ts", true, undefined],
  [
    "lib/ipvs/a.ts",
    "../agent/b.ts",
    true,
    "arrow points up: lib/ipvs -> lib/agent",
  ],
  [
    "lib/agent/engine/a.ts",
    "../../../routes/b.ts",
    false,
    "arrow points up: lib/agent -> routes",
  ],
  ["routes/a.ts", "../lib/agent/b.ts", false, undefined],
  [
    "lib/net/a.ts",
    "node:fs",
    false,
    'pure room "lib/net" must not import node:fs',
  ],
  [
    "lib/new/a.ts",
    "./b.ts",
    false,
    'room "lib/new" has no rank in lib/arrows_lint.ts',
  ],
  ["tests/x_test.ts", "../lib/kernel/b.ts", false, undefined],
])(
  "judgeImport(%s, %s) knows the arrow",
  (file, source, typeOnly, expected) => {
    assertEquals(judgeImport(`/repo/${file}`, source, typeOnly), expected);
  },
);

Deno.test("pure rooms touch neither Deno, clocks, timers nor chance", () => {
  const code = `
    Deno.exit(1);
    Date.now();
    new Date();
    new Date(5);
    Math.random();
    setTimeout(() => {}, 1);
  `;
  assertEquals(lint("/repo/lib/bgp/a.ts", code), [
    'arrows/pure-room: pure room "lib/bgp" must not touch Deno.exit',
    'arrows/pure-room: pure room "lib/bgp" must not touch Date.now',
    'arrows/pure-room: pure room "lib/bgp" must not read the clock',
    'arrows/pure-room: pure room "lib/bgp" must not touch Math.random',
    'arrows/pure-room: pure room "lib/bgp" must not call setTimeout()',
  ]);
  assertEquals(lint("/repo/lib/watcher/a.ts", code), []);
});

Deno.test("kernel commands are run in lib/kernel only", () => {
  const code = `new Deno.Command("nft");`;
  assertEquals(lint("/repo/lib/agent/a.ts", code), [
    "arrows/commands-in-kernel: Deno.Command belongs in lib/kernel, not in lib/agent",
  ]);
  assertEquals(lint("/repo/lib/kernel/a.ts", code), []);
});

Deno.test("every room on disk has a rank", () => {
  const rooms = [...Deno.readDirSync("lib")]
    .filter((entry) => entry.isDirectory)
    .map((entry) => `lib/${entry.name}`);
  assertEquals(rooms.filter((room) => !(room in RANKS)), []);
});
