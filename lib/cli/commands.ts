/**
 * The command line.
 *
 * @module
 */

import { Command, CommanderError, InvalidArgumentError } from "commander";
import type { CleanupReport } from "../agent/cleanup.ts";
import type { Clock } from "../base/clock.ts";
import { FairwayError, messageOf, ProblemsError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import type { Settings } from "../cluster/config/settings.ts";
import { readTokenFile } from "./api_token.ts";
import type { Actions } from "./actions.ts";
import { EXIT, type ExitCode, exitCodeOf } from "./exit_codes.ts";
import {
  loadSettings,
  SettingsError,
  type SettingsSources,
} from "./load_settings.ts";
import { renderPlan } from "./plan_view.ts";
import { settingsHelp } from "./settings_help.ts";
import { type AskStatus, askStatus } from "./status_client.ts";
import { showStatus } from "./status_command.ts";
import { paintWith, type Terminal } from "./terminal.ts";

/** What the command line works with. */
export interface CommandWorld extends SettingsSources {
  readonly actions: Actions;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly version: string;
  /** Replaced in tests. */
  readonly ask?: AskStatus;
}

/**
 * Carries out one command.
 *
 * @param argv arguments after the program's name
 * @returns the exit code; never throws
 */
export async function runCommandLine(
  argv: readonly string[],
  world: CommandWorld,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = makeProgram(world, (exit) => code = exit);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    world.terminal.err(errorText(error));
    return exitCodeOf(error);
  }
}

/** One line for what the operator can mend; a fault of ours with where it happened. */
function errorText(error: unknown): string {
  const lines = error instanceof ProblemsError
    ? error.problems
    : [messageOf(error)];
  const trace = error instanceof FairwayError || !(error instanceof Error)
    ? ""
    : `${error.stack ?? ""}\n`;
  return lines.map((line) => `fairway: ${printable(line)}\n`).join("") + trace;
}

function makeProgram(
  world: CommandWorld,
  done: (code: ExitCode) => void,
): Command {
  const { actions, terminal } = world;
  const program = new Command("fairway")
    .description(
      "The network agent of a Kubernetes node: services on IPVS, policies on nftables, routes by BGP.",
    )
    .version(world.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("Try: fairway --help")
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) =>
        write(text.replace(/^error: /, "fairway: ")),
      getOutHasColors: () => terminal.color,
      getErrHasColors: () => terminal.color,
    })
    .addHelpText("after", EXAMPLES);

  /** A command whose flags are the agent's settings. */
  const withSettings = (name: string, description: string): Command =>
    program.command(name)
      .description(description)
      .usage("[flags]")
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption("-h, --help", "print help");
  const settingsOf = (command: Command): Promise<Settings> =>
    loadSettings(command.args, world);
  const clean = async (settings: Settings): Promise<void> => {
    const reports = await actions.cleanup(settings);
    terminal.out(renderCleanup(reports));
    const problems = reports.flatMap((report) => report.problems);
    for (const problem of problems) {
      terminal.err(`fairway: ${printable(problem)}\n`);
    }
    done(problems.length === 0 ? EXIT.ok : EXIT.failed);
  };

  withSettings("run", "Run the agent until it is told to stop")
    .addHelpText("after", () => settingsHelp())
    .action(async (_options, command: Command) => {
      const settings = await settingsOf(command);
      if (settings.version) return printVersion(world);
      if (settings.cleanupConfig) return await clean(settings);
      await actions.run(settings);
    });

  withSettings("plan", "Print what would change in the kernel; change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", () => settingsHelp())
    .action(async (options: { json?: boolean }, command: Command) => {
      const plan = await actions.plan(await settingsOf(command));
      terminal.out(
        options.json === true
          ? JSON.stringify(plan, undefined, 2) + "\n"
          : renderPlan(plan, paintWith(terminal.color)),
      );
      const isWhole = plan.targets.every((target) => target.error === null);
      done(isWhole ? EXIT.ok : EXIT.failed);
    });

  withSettings("status", "Print how the running agent is")
    .option("--json", "print one JSON object")
    .option(
      "--wait [seconds]",
      "wait until the node is ready, 60 seconds unless given",
      parseSeconds,
    )
    .addHelpText("after", STATUS_HELP)
    .action(
      async (
        options: { json?: boolean; wait?: number | true },
        command: Command,
      ) => {
        const settings = await settingsOf(command);
        if (settings.apiPort === 0) {
          throw new SettingsError([
            "--api-port: 0 turns the state API off; give the port the agent serves it on",
          ]);
        }
        const wait = options.wait === true ? 60 : options.wait ?? 0;
        done(
          await showStatus({
            location: {
              address: settings.apiAddress,
              port: settings.apiPort,
              token: await readTokenFile(
                settings.apiTokenFile,
                world.readTextFile,
              ),
            },
            json: options.json === true,
            waitMs: wait * 1000,
          }, { terminal, clock: world.clock, ask: world.ask ?? askStatus }),
        );
      },
    );

  withSettings(
    "cleanup",
    "Remove exactly what the agent owns in the kernel",
  )
    .addHelpText("after", () => settingsHelp())
    .action(async (_options, command: Command) =>
      await clean(await settingsOf(command))
    );

  program.command("version")
    .description("Print the version")
    .action(() => printVersion(world));
  return program;
}

function printVersion(world: CommandWorld): void {
  const { os, arch } = Deno.build;
  world.terminal.out(
    `fairway ${world.version} (deno ${Deno.version.deno}, ${os} ${arch})\n`,
  );
}

function renderCleanup(reports: readonly CleanupReport[]): string {
  const some = reports.filter(({ removed }) => removed > 0);
  if (some.length === 0) return "Nothing was removed.\n";
  return some.map(({ target, removed }) => `${target}: ${removed} removed\n`)
    .join("");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds > 86_400) {
    throw new InvalidArgumentError("give whole seconds, at most 86400");
  }
  return seconds;
}

const EXAMPLES = `
Examples:
  fairway run --kubeconfig /etc/kubernetes/kubelet.conf
  fairway run --manifests ./cluster --hostname-override node-a
  fairway plan --manifests ./cluster --hostname-override node-a
  fairway status --wait 60
  fairway cleanup

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the machine lacks a
tool, a kernel module, a permission or a free port.`;

const STATUS_HELP = `
Which agent: --api-addr, --api-port and --api-token-file, as it was started with.

Exit codes: 0 ready, 1 not ready, 2 no agent answers.`;
