import { assertEquals, assertMatch } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { RecordingLogger, SILENT } from "../../lib/base/log.ts";
import {
  feedWatchdog,
  type Notifier,
  openNotifier,
} from "../../lib/observe/sd_notify.ts";

let lastId = Deno.pid * 100;

async function withManager(
  kind: "path" | "abstract",
  use: (notifier: Notifier, receive: () => Promise<string>) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-notify-" });
  const name = kind === "path"
    ? `${directory}/notify`
    : `\0fairway-test-${Deno.pid}`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path: name });
  const notifier = openNotifier({
    env: new Map([
      ["NOTIFY_SOCKET", name.replace("\0", "@")],
      ["WATCHDOG_USEC", "30000000"],
    ]),
    log: SILENT,
    id: ++lastId,
  });
  try {
    await use(notifier, async () => {
      const [bytes] = await manager.receive();
      return new TextDecoder().decode(bytes);
    });
  } finally {
    notifier.close();
    manager.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test.each([["path"], ["abstract"]] as const)(
  "notifications reach a manager that listens on a socket by %s",
  async (kind) => {
    await withManager(kind, async (notifier, receive) => {
      await notifier.ready("3 modules");
      assertEquals(await receive(), "READY=1\nSTATUS=3 modules");
      await notifier.status("two\nlines");
      assertEquals(await receive(), "STATUS=two lines");
      await notifier.watchdog();
      assertEquals(await receive(), "WATCHDOG=1");
      await notifier.stopping();
      assertEquals(await receive(), "STOPPING=1");
    });
  },
);

Deno.test("without a manager nothing is opened", async () => {
  const notifier = openNotifier({ env: new Map(), log: SILENT });
  await notifier.ready();
  assertEquals(notifier.watchdogIntervalMs, undefined);
  notifier.close();
});

Deno.test("a manager that is gone is reported once", async () => {
  const log = new RecordingLogger();
  const notifier = openNotifier({
    env: new Map([["NOTIFY_SOCKET", "/nonexistent/notify"]]),
    log,
    id: ++lastId,
  });
  await notifier.ready();
  await notifier.watchdog();
  notifier.close();
  await notifier.watchdog();
  assertEquals(log.records.length, 1);
  assertMatch(log.records[0]?.message ?? "", /^systemd is not told about us: /);
});

Deno.test("the watchdog is fed at half its time, while the agent is alive", async () => {
  const clock = new FakeClock();
  let fed = 0;
  let alive = true;
  const stop = new AbortController();
  const notifier: Notifier = {
    ready: () => Promise.resolve(),
    status: () => Promise.resolve(),
    stopping: () => Promise.resolve(),
    watchdog: () => {
      fed++;
      return Promise.resolve();
    },
    watchdogIntervalMs: 15_000,
    close: () => {},
  };
  feedWatchdog({ notifier, clock, alive: () => alive, signal: stop.signal });
  await clock.advance(30_000);
  assertEquals(fed, 3);
  alive = false;
  await clock.advance(30_000);
  assertEquals(fed, 3);
  alive = true;
  await clock.advance(15_000);
  assertEquals(fed, 4);
  stop.abort();
  assertEquals(clock.pending, 0);
});
