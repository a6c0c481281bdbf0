/**
 * The program: ties the command line to the agent, and the agent to its HTTP
 * servers. Nothing else.
 *
 * @module
 */

import { createAgent } from "./lib/agent/agent.ts";
import { cleanup } from "./lib/agent/cleanup.ts";
import { openHost } from "./lib/agent/host.ts";
import { createParts, type PartsOptions } from "./lib/agent/parts.ts";
import { planAgent } from "./lib/agent/plan.ts";
import { preflight } from "./lib/agent/preflight.ts";
import { findSource } from "./lib/agent/source.ts";
import { unsupportedSettings } from "./lib/agent/unsupported.ts";
import { VERSION } from "./lib/agent/version.ts";
import { type Logger, SILENT } from "./lib/base/log.ts";
import { servedToken } from "./lib/cli/api_token.ts";
import { runCommandLine } from "./lib/cli/commands.ts";
import { systemTerminal } from "./lib/cli/system_terminal.ts";
import type { Settings } from "./lib/cluster/config/settings.ts";
import { EventLog } from "./lib/observe/events.ts";
import { openLog, underJournal } from "./lib/observe/log.ts";
import { Metrics } from "./lib/observe/metrics.ts";
import { feedWatchdog, openNotifier } from "./lib/observe/sd_notify.ts";
import { SystemClock } from "./lib/observe/system_clock.ts";
import { openHttp } from "./routes/modules.ts";

const clock = new SystemClock();

/** What `run` and `plan` have in common; reads, but writes nothing. */
async function prepare(
  settings: Settings,
  log: Logger,
): Promise<PartsOptions & { readonly host: ReturnType<typeof openHost> }> {
  const metrics = new Metrics({
    clock,
    version: VERSION,
    startedAtMs: clock.now(),
  });
  const host = openHost(settings, log);
  const source = await findSource(settings, clock);
  return { settings, source, clock, log, metrics, host, ...host };
}

async function run(settings: Settings): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stop.abort());
  }
  const events = new EventLog(clock);
  const { logger: log, close } = openLog({
    clock,
    events,
    level: settings.logLevel,
    format: settings.logFormat,
    journal: underJournal(Deno.env),
  });
  const token = await servedToken(settings, Deno.readTextFile);
  const options = await prepare(settings, log);
  await preflight(settings, options.host.runner, stop.signal);
  const { graph, state } = createAgent({
    ...options,
    version: VERSION,
    events,
    outside: (state) => openHttp(state, { settings, token, clock, log }),
  });
  const notifier = openNotifier({ env: Deno.env, log });
  log.info("agent.start", `fairway ${VERSION} starts on ${options.node}`);
  for (const line of unsupportedSettings(settings)) {
    log.warn("agent.unsupported", line);
  }
  graph.start();
  await graph.started(stop.signal).then(async () => {
    log.info("agent.started", "every module has started");
    await notifier.ready(`serves node ${options.node}`);
    feedWatchdog({
      notifier,
      clock,
      alive: () => graph.nodes().every((node) => node.phase !== "failed"),
      signal: stop.signal,
    });
    await new Promise((resolve) =>
      stop.signal.addEventListener("abort", resolve)
    );
  }).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  log.info("agent.stop", "stopping; the kernel keeps what it has");
  await notifier.stopping();
  await graph.stop();
  notifier.close();
  log.info("agent.stopped", `stopped after ${uptime(state.startedAtMs)}`);
  close();
}

function uptime(startedAtMs: number): string {
  return `${Math.round((clock.now() - startedAtMs) / 1000)} s`;
}

const code = await runCommandLine(Deno.args, {
  version: VERSION,
  clock,
  env: Deno.env.toObject(),
  readTextFile: (path) => Deno.readTextFile(path),
  terminal: systemTerminal(),
  actions: {
    run,
    plan: async (settings) => {
      const options = await prepare(settings, SILENT);
      return await planAgent(createParts(options), options.targets, {
        clock,
        withinMs: settings.cacheSyncTimeoutMs,
        signal: new AbortController().signal,
      });
    },
    cleanup: async (settings) => {
      const { targets, remembered } = openHost(settings, SILENT);
      const { signal } = new AbortController();
      return await cleanup(targets, remembered, signal);
    },
  },
});
Deno.exit(code);
