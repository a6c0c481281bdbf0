import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { FairwayError } from "../../lib/base/errors.ts";
import type { Settings } from "../../lib/cluster/config/settings.ts";
import type { Actions } from "../../lib/cli/actions.ts";
import { type CommandWorld, runCommandLine } from "../../lib/cli/commands.ts";
import { summarise } from "../../routes/summary.ts";
import { fakeState, STARTED_MS } from "../routes/fake_state.ts";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What was asked of the agent. */
  readonly calls: readonly (readonly [string, Settings])[];
}

interface Changes {
  readonly actions?: Partial<Actions>;
  readonly world?: Partial<CommandWorld>;
}

async function command(
  argv: readonly string[],
  changes: Changes = {},
): Promise<Outcome> {
  let out = "";
  let err = "";
  const calls: [string, Settings][] = [];
  const clock = new FakeClock();
  let done = false;
  const running = runCommandLine(argv, {
    actions: {
      run: (settings) => {
        calls.push(["run", settings]);
        return Promise.resolve();
      },
      plan: (settings) => {
        calls.push(["plan", settings]);
        return Promise.resolve({ targets: [], issues: [] });
      },
      cleanup: (settings) => {
        calls.push(["cleanup", settings]);
        return Promise.resolve([
          { target: "nft", removed: 3, problems: [] },
          { target: "ip", removed: 0, problems: [] },
        ]);
      },
      ...changes.actions,
    },
    terminal: {
      out: (text) => out += text,
      err: (text) => err += text,
      color: false,
    },
    clock,
    version: "1.2.3",
    env: {},
    readTextFile: () => Promise.reject(new Error("No such file")),
    ask: () =>
      Promise.reject(new FairwayError("net.failed", "no agent answers")),
    ...changes.world,
  }).finally(() => done = true);
  // A command that waits, waits for this clock.
  for (let i = 0; i < 1000 && !done; i++) await clock.advance(500);
  return { code: await running, out, err, calls };
}

Deno.test("run passes every flag on to the settings, in whatever form", async () => {
  const { code, calls, err } = await command([
    "run",
    "--manifests",
    "/tmp/cluster",
    "--hostname-override=node-a",
    "--run-router=false",
    "-v",
    "2",
  ]);
  assertEquals([code, err], [0, ""]);
  const [name, settings] = calls[0] ?? [];
  assertEquals(name, "run");
  assertEquals(settings?.manifests, "/tmp/cluster");
  assertEquals(settings?.nodeName, "node-a");
  assertEquals(settings?.runRouter, false);
  assertEquals(settings?.verbosity, 2);
});

Deno.test("a bad flag stops the command with one line that names it", async () => {
  const { code, calls, out, err } = await command(["run", "--bgp-prot=179"]);
  assertEquals(code, 2);
  assertEquals(calls, []);
  assertEquals(out, "");
  assertMatch(err, /^fairway: .*--bgp-prot.*\n$/);
});

Deno.test("each wrong setting has its own line", async () => {
  const { code, err } = await command([
    "run",
    "--bgp-port=70000",
    "--api-port=x",
  ]);
  assertEquals(code, 2);
  assertEquals(err.trimEnd().split("\n").length, 2);
});

Deno.test("a configuration file that cannot be read is a usage error", async () => {
  const { code, err, calls } = await command(["run", "--config", "/nowhere"]);
  assertEquals(code, 2);
  assertEquals(calls, []);
  assertStringIncludes(err, '"/nowhere" cannot be read: No such file');
});

Deno.test("the configuration file is read, and flags win over it", async () => {
  const { code, calls } = await command(
    ["run", "--config", "/etc/fairway.yaml", "--api-port=1"],
    {
      world: {
        readTextFile: () => Promise.resolve("api-port: 2\nhealth-port: 3\n"),
      },
    },
  );
  assertEquals(code, 0);
  assertEquals(calls[0]?.[1].apiPort, 1);
  assertEquals(calls[0]?.[1].healthPort, 3);
});

Deno.test("--cleanup-config cleans up instead of running, as kube-router does", async () => {
  const { code, calls, out } = await command(["run", "--cleanup-config"]);
  assertEquals(code, 0);
  assertEquals(calls.map(([name]) => name), ["cleanup"]);
  assertEquals(out, "nft: 3 removed\n");
});

Deno.test.each(
  [
    ["config.invalid", 2],
    ["input.invalid", 2],
    ["tool.missing", 3],
    ["kernel.unsupported", 3],
    ["permission.denied", 3],
    ["net.failed", 3],
    ["kube.failed", 1],
  ] as const,
)("%s ends with exit code %d and one line", async (code, exit) => {
  const outcome = await command(["run"], {
    actions: {
      run: () => Promise.reject(new FairwayError(code, "two\nlines")),
    },
  });
  assertEquals(outcome.code, exit);
  assertEquals(outcome.err, "fairway: two; lines\n");
});

Deno.test("a fault of ours is told with where it happened", async () => {
  const { code, err } = await command(["run"], {
    actions: { run: () => Promise.reject(new TypeError("oops")) },
  });
  assertEquals(code, 1);
  assertMatch(err, /^fairway: oops\nTypeError: oops\n\s+at /);
});

Deno.test("cleanup that leaves something fails and says what", async () => {
  const { code, err } = await command(["cleanup"], {
    actions: {
      cleanup: () =>
        Promise.resolve([{
          target: "ip",
          removed: 0,
          problems: ["ip: link is busy"],
        }]),
    },
  });
  assertEquals(code, 1);
  assertEquals(err, "fairway: ip: link is busy\n");
});

Deno.test("plan prints a plan, and JSON when asked", async () => {
  const text = await command(["plan", "--hostname-override", "worker-1"]);
  assertEquals(text.code, 0);
  assertStringIncludes(text.out, "Nothing to do: the kernel");
  const json = await command(["plan", "--hostname-override=a", "--json"]);
  assertEquals(JSON.parse(json.out), {
    targets: [],
    issues: [],
  });
  assertEquals(json.calls[0]?.[1].nodeName, "a");
});

Deno.test("plan fails when a tool could not be read", async () => {
  const { code } = await command(["plan"], {
    actions: {
      plan: () =>
        Promise.resolve({
          targets: [{ name: "nft", steps: [], error: "not permitted" }],
          issues: [],
        }),
    },
  });
  assertEquals(code, 1);
});

Deno.test("status is 0 when ready, 1 when not, 2 when nobody answers", async () => {
  const ready = fakeState({ readiness: () => ({ ready: true, reasons: [] }) });
  const answers = [
    [summarise(ready, STARTED_MS), 0],
    [summarise(fakeState(), STARTED_MS), 1],
  ] as const;
  for (const [summary, exit] of answers) {
    const { code, out } = await command(["status"], {
      world: { ask: () => Promise.resolve(summary) },
    });
    assertEquals(code, exit);
    assertMatch(out, /^worker-1: /);
  }
  const { code, err } = await command(["status"]);
  assertEquals(code, 2);
  assertEquals(err, "fairway: no agent answers\n");
});

Deno.test("status asks where the flags say, with the token of the file", async () => {
  const asked: unknown[] = [];
  const { code } = await command([
    "status",
    "--api-port",
    "7",
    "--json",
    "--api-addr=192.0.2.1",
    "--api-token-file",
    "/token",
  ], {
    world: {
      readTextFile: () => Promise.resolve("secret-of-16-chars\n"),
      ask: (location) => {
        asked.push(location);
        return Promise.resolve(summarise(fakeState(), STARTED_MS));
      },
    },
  });
  assertEquals(code, 1);
  assertEquals(asked, [
    { address: "192.0.2.1", port: 7, token: "secret-of-16-chars" },
  ]);
});

Deno.test("status --wait waits for the node to become ready", async () => {
  let asked = 0;
  const { code } = await command(["status", "--wait", "30", "--json"], {
    world: {
      ask: () => {
        asked++;
        if (asked === 1) {
          return Promise.reject(new FairwayError("net.failed", "not yet"));
        }
        const ready = asked > 4;
        return Promise.resolve(
          summarise(
            fakeState({ readiness: () => ({ ready, reasons: [] }) }),
            STARTED_MS,
          ),
        );
      },
    },
  });
  assertEquals([code, asked], [0, 5]);
});

Deno.test("status --wait ends after its time", async () => {
  let asked = 0;
  const { code } = await command(["status", "--wait=2"], {
    world: {
      ask: () => {
        asked++;
        return Promise.resolve(summarise(fakeState(), STARTED_MS));
      },
    },
  });
  assertEquals([code, asked], [1, 5]);
});

Deno.test("status --wait refuses what is no number of seconds", async () => {
  const { code, err } = await command(["status", "--wait=soon"]);
  assertEquals(code, 2);
  assertMatch(err, /--wait.*soon.*whole seconds/);
});

Deno.test("an agent without a state API cannot be asked", async () => {
  const { code, err } = await command(["status", "--api-port=0"]);
  assertEquals(code, 2);
  assertMatch(err, /^fairway: --api-port: 0 turns the state API off/);
});

Deno.test("help has the commands, examples and exit codes; run's has every flag", async () => {
  const { code, out } = await command(["--help"]);
  assertEquals(code, 0);
  for (const name of ["run", "plan", "status", "cleanup", "version"]) {
    assertMatch(out, new RegExp(`^  ${name} `, "m"));
  }
  assertMatch(out, /Examples:\n {2}fairway run/);
  assertMatch(out, /Exit codes: 0 done, 1 failed, 2 wrong usage/);
  const run = await command(["run", "--help"]);
  assertEquals([run.code, run.calls.length], [0, 0]);
  for (const flag of ["--kubeconfig", "--peer-router-ips", "--bgp-port"]) {
    assertStringIncludes(run.out, `  ${flag} `);
  }
  for (const line of run.out.split("\n")) assert(line.length <= 100, line);
});

Deno.test("version is printed by the command, the flag and run's flag", async () => {
  for (const argv of [["version"], ["run", "--version"], ["run", "-V"]]) {
    const { code, out, calls } = await command(argv);
    assertEquals([code, calls.length], [0, 0]);
    assertMatch(out, /^fairway 1\.2\.3 \(deno /);
  }
  assertEquals((await command(["--version"])).out, "1.2.3\n");
});

Deno.test("an unknown command is a usage error with a hint", async () => {
  const { code, err } = await command(["stauts"]);
  assertEquals(code, 2);
  assertMatch(
    err,
    /^fairway: unknown command 'stauts'\n\(Did you mean status\?\)/,
  );
});

Deno.test("no command at all prints help and is a usage error", async () => {
  const { code, err } = await command([]);
  assertEquals(code, 2);
  assertStringIncludes(err, "Usage: fairway");
});
