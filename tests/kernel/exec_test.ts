import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { FairwayError, KernelError } from "../../lib/base/errors.ts";
import { type ToolCall, ToolRunner } from "../../lib/kernel/exec.ts";

const never = new AbortController().signal;

Deno.test("a tool gets its input, a clean environment, and is heard out", async () => {
  const runner = new ToolRunner();
  const input = "0123456789".repeat(500_000);
  const echoed = await runner.run("cat", {
    args: [],
    stdin: input,
    signal: never,
  });
  assertEquals(echoed.code, 0);
  assert(echoed.stdout === input);
  const environment = await runner.run("env", { args: [], signal: never });
  assertEquals(
    environment.stdout.trim().split("\n").map((line) => line.split("=")[0])
      .sort(),
    ["LC_ALL", "PATH"],
  );
});

Deno.test("a failing tool is a result with its words", async () => {
  const output = await new ToolRunner().run("sh", {
    args: ["-c", "echo out; echo wrong >&2; exit 3"],
    signal: never,
  });
  assertEquals([output.code, output.stdout, output.stderr, output.stderrCut], [
    3,
    "out\n",
    "wrong\n",
    false,
  ]);
});

Deno.test("a tool that does not read its input is no fault", async () => {
  const output = await new ToolRunner().run("true", {
    args: [],
    stdin: "x".repeat(5_000_000),
    signal: never,
  });
  assertEquals(output.code, 0);
});

Deno.test("what a tool says on stderr is kept up to a limit", async () => {
  const output = await new ToolRunner().run("sh", {
    args: ["-c", "head -c 6000000 /dev/zero >&2; exit 1"],
    signal: never,
  });
  assertEquals(output.code, 1);
  assert(output.stderrCut);
  assertLess(output.stderr.length, 4 * 1024 * 1024 + 1);
});

Deno.test("a tool that does not end within its deadline is ended", async () => {
  const error = await assertRejects(
    () =>
      new ToolRunner().run("sleep", {
        args: ["60"],
        signal: never,
        deadlineMs: 50,
      }),
    KernelError,
  );
  assertEquals(error.code, "tool.timeout");
  assertEquals(error.message, "sleep did not end within 0.05 s");
});

Deno.test("a tool that ignores SIGTERM is killed, though a descendant keeps its pipes", async () => {
  const startedMs = performance.now();
  const error = await assertRejects(
    () =>
      new ToolRunner({ deadlineMs: 50 }).run("sh", {
        args: ["-c", 'trap "" TERM; while :; do sleep 3; done'],
        signal: never,
      }),
    KernelError,
  );
  assertEquals(error.code, "tool.timeout");
  assertLess(performance.now() - startedMs, 2_900);
});

Deno.test("an abort ends a running tool, and starts none", async () => {
  const runner = new ToolRunner();
  const abort = new AbortController();
  const run = runner.run("sleep", { args: ["60"], signal: abort.signal });
  abort.abort();
  const error = await assertRejects(() => run, FairwayError);
  assertEquals(error.code, "aborted");
  const again = await assertRejects(
    () => runner.run("sleep", { args: ["60"], signal: abort.signal }),
    FairwayError,
  );
  assertEquals(again.code, "aborted");
});

Deno.test("a missing tool says what to install and what is lost", async () => {
  const error = await assertRejects(
    () => new ToolRunner().run("fairway-nosuch", { args: [], signal: never }),
    KernelError,
  );
  assertEquals(error.code, "tool.missing");
  assertEquals(error.message, "fairway-nosuch is not installed: install it");
});

Deno.test({
  name: "a tool that Deno may not start says which flag is missing",
  permissions: { read: true, run: false },
  fn: async () => {
    const error = await assertRejects(
      () => new ToolRunner().run("cat", { args: [], signal: never }),
      KernelError,
    );
    assertEquals(error.code, "permission.denied");
    assertEquals(
      error.message,
      'cat may not be started: add --allow-run=cat (the permission set "agent" has it)',
    );
  },
});

Deno.test({
  name: "a permission for the tool's name is enough",
  permissions: { read: true, run: ["cat"] },
  fn: async () => {
    const output = await new ToolRunner().run("cat", {
      args: [],
      stdin: "x",
      signal: never,
    });
    assertEquals(output.stdout, "x");
  },
});

Deno.test("every process is reported to the observer", async () => {
  const calls: ToolCall[] = [];
  const runner = new ToolRunner({
    observer: { called: (call) => calls.push(call) },
  });
  await runner.run("true", { args: [], signal: never });
  await runner.run("false", { args: [], signal: never });
  await runner.run("sleep", { args: ["60"], signal: never, deadlineMs: 20 })
    .catch(() => {});
  assertEquals(calls.map(({ tool, ok }) => [tool, ok]), [
    ["true", true],
    ["false", false],
    ["sleep", false],
  ]);
  assert(calls.every(({ durationMs }) => durationMs > 0));
});
