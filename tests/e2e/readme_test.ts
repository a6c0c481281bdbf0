/**
 * The README's commands do what it says.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Commands that the tests run elsewhere: as a whole, and by name in `tests/run.sh`. */
const ELSEWHERE = ["sh tests/run.sh", "sh deploy/demo.sh --check"];

async function shellBlocks(): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`${ROOT}README.md`);
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .map((match) => (match[1] ?? "").trim());
}

async function shell(script: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-e", "-c", script],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assertEquals(code, 0, `${script}\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

Deno.test("README.md is short enough to be read", async () => {
  const text = await Deno.readTextFile(`${ROOT}README.md`);
  assert(text.split("\n").length <= 250);
});

Deno.test("every shell block of README.md runs", async () => {
  const blocks = await shellBlocks();
  const here = blocks.filter((block) => !ELSEWHERE.includes(block));
  assertEquals(blocks.length - here.length, ELSEWHERE.length);
  const [prepare = "", plan = "", version = ""] = here;
  assertEquals(here.length, 3);
  await shell(prepare);
  const planned = await shell(plan);
  assertStringIncludes(planned, "isolated by default/web");
  assertStringIncludes(planned, "10.244.1.5");
  assertStringIncludes(await shell(version), "fairway ");
  await Deno.remove("/tmp/fairway-five", { recursive: true });
});

Deno.test("tests/run.sh runs the demo that README.md shows", async () => {
  const script = await Deno.readTextFile(`${ROOT}tests/run.sh`);
  assertStringIncludes(script, "deploy/demo.sh --check");
});
