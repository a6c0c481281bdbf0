import { assert, assertEquals, assertMatch } from "@std/assert";
import * as fc from "fast-check";
import { FakeClock } from "../../lib/base/clock.ts";
import { FairwayError } from "../../lib/base/errors.ts";
import { EventLog } from "../../lib/observe/events.ts";
import {
  type LogOptions,
  openLog,
  underJournal,
} from "../../lib/observe/log.ts";
import type { Logger } from "../../lib/base/log.ts";

function linesOf(
  use: (logger: Logger, clock: FakeClock) => void,
  options: Partial<LogOptions> = {},
): string[] {
  const lines: string[] = [];
  const clock = new FakeClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
  const log = openLog({
    clock,
    write: (line) => lines.push(line),
    ...options,
  });
  use(log.logger, clock);
  log.close();
  return lines;
}

Deno.test("the log writes one JSON object a line, with fields beside the message", () => {
  const lines = linesOf((logger) => {
    logger.info("bgp.session.state", "peer 10.0.0.1 is up", {
      peer: "10.0.0.1",
      holdTimeSeconds: 90,
    });
  });
  assertEquals(lines, [
    '{"time":"2026-01-02T03:04:05.006Z","level":"info","event":"bgp.session.state",' +
    '"message":"peer 10.0.0.1 is up","peer":"10.0.0.1","holdTimeSeconds":90}\n',
  ]);
});

Deno.test("a message is never read as a template", () => {
  const lines = linesOf((logger) =>
    logger.warn("test", "object {name} {*} {{x}}", { name: "secret" })
  );
  assertEquals(JSON.parse(lines[0] ?? "").message, "object {name} {*} {{x}}");
});

Deno.test("fields do not replace time, level, event and message", () => {
  const lines = linesOf((logger) =>
    logger.info("test", "real", { message: "forged", level: "error" })
  );
  const record = JSON.parse(lines[0] ?? "");
  assertEquals(record.message, "real");
  assertEquals(record.level, "info");
  assertEquals(record.message_, "forged");
});

Deno.test("errors are told by code and message, with their cause", () => {
  const lines = linesOf((logger) => {
    const cause = new FairwayError("kube.gone", "too old");
    logger.error("test", "failed", {
      error: new FairwayError("kube.failed", "list failed", { cause }),
    });
  });
  assertEquals(JSON.parse(lines[0] ?? "").error, {
    name: "FairwayError",
    code: "kube.failed",
    message: "list failed",
    cause: { name: "FairwayError", code: "kube.gone", message: "too old" },
  });
});

Deno.test("any fields make one line in either format", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.dictionary(
        fc.string(),
        fc.anything({ withBigInt: true, withMap: true }),
      ),
      fc.constantFrom("json" as const, "text" as const),
      (message, fields, format) => {
        const lines = linesOf(
          (logger) => logger.info("test", message, fields),
          {
            format,
          },
        );
        assertEquals(lines.length, 1);
        assert(!(lines[0] ?? "").slice(0, -1).includes("\n"));
        if (format === "json") JSON.parse(lines[0] ?? "");
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("an object that holds itself is cut, not followed for ever", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const lines = linesOf((logger) => logger.info("test", "loop", { loop }));
  assertEquals(JSON.parse(lines[0] ?? "").event, "test");
});

Deno.test("text lines are for people, and obey no escape sequence of an object's name", () => {
  const lines = linesOf((logger) => {
    logger.warn("watch.restart", "watch broke\u001b[2J off\nforged line", {
      kind: "Pod",
      reason: "two words",
    });
  }, { format: "text" });
  assertEquals(lines, [
    "03:04:05.006 WARN  watch broke\\u001b[2J off\\u000aforged line (watch.restart) " +
    'kind=Pod reason="two words"\n',
  ]);
});

Deno.test.each(
  [
    ["debug", "<7>"],
    ["info", "<6>"],
    ["warn", "<4>"],
    ["error", "<3>"],
  ] as const,
)("under the journal, %s has priority %s", (level, prefix) => {
  for (const format of ["json", "text"] as const) {
    const lines = linesOf((logger) => logger[level]("test", "said"), {
      journal: true,
      level: "debug",
      format,
    });
    assert((lines[0] ?? "").startsWith(prefix), lines[0]);
  }
});

Deno.test("the level keeps the more talkative ones out", () => {
  const use = (logger: Logger): void => {
    logger.debug("test", "d");
    logger.info("test", "i");
    logger.warn("test", "w");
    logger.error("test", "e");
  };
  const counts = (["debug", "info", "warn", "error"] as const).map((level) =>
    linesOf(use, { level }).length
  );
  assertEquals(counts, [4, 3, 2, 1]);
});

Deno.test("a repeated warning is said once, then with its count", async () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const log = openLog({
    clock,
    write: (line) => lines.push(line),
    repeat: { windowMs: 1000 },
  });
  for (let i = 0; i < 5; i++) log.logger.warn("test", "again", { i });
  log.logger.warn("test", "other");
  assertEquals(lines.length, 2);
  await clock.advance(1000);
  log.logger.info("test", "later");
  assertEquals(lines.length, 4);
  const summary = JSON.parse(lines[2] ?? "");
  assertEquals([summary.message, summary.i, summary.repeated], ["again", 4, 4]);
  log.logger.warn("test", "again");
  log.logger.warn("test", "again");
  assertEquals(lines.length, 5);
  log.close();
  assertMatch(lines[5] ?? "", /"again","repeated":1/);
});

Deno.test("the filter remembers a bounded number of warnings", () => {
  const lines = linesOf((logger) => {
    for (const name of ["a", "b", "c", "a"]) logger.warn("test", name);
  }, { repeat: { capacity: 2 } });
  assertEquals(lines.length, 4);
});

Deno.test("what is said at level info and above reaches the event ring, once", () => {
  const events = new EventLog(new FakeClock());
  linesOf((logger) => {
    logger.debug("test.debug", "d");
    logger.info("test.info", "i", { object: "Service default/web" });
    logger.warn("test.warn", "w");
    logger.warn("test.warn", "w");
  }, { events, level: "error" });
  assertEquals(
    events.recent().map((event) => [event.level, event.event, event.object]),
    [["info", "test.info", "Service default/web"], ["warn", "test.warn", ""], [
      "warn",
      "test.warn",
      "",
    ]],
  );
});

Deno.test("underJournal() goes by JOURNAL_STREAM", () => {
  assertEquals(underJournal(new Map([["JOURNAL_STREAM", "8:123"]])), true);
  assertEquals(underJournal(new Map()), false);
});
