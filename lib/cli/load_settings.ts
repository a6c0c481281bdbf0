/**
 * Settings from the command line, the environment and the file they name.
 *
 * @module
 */

import { messageOf, ProblemsError } from "../base/errors.ts";
import {
  configPath,
  parseSettings,
  type SettingsInput,
} from "../cluster/config/parse_settings.ts";
import type { Settings } from "../cluster/config/settings.ts";

/** Settings that cannot be used, with one line for each reason. */
export class SettingsError extends ProblemsError {
  override readonly name = "SettingsError";

  constructor(problems: readonly string[]) {
    super("config.invalid", problems);
  }
}

/** Where settings come from beside the arguments. */
export interface SettingsSources {
  readonly env: Readonly<Record<string, string>>;
  readTextFile(path: string): Promise<string>;
}

/**
 * Loads settings.
 *
 * @param argv arguments after the command's name
 * @throws {SettingsError} when a flag, variable or the file is wrong
 */
export async function loadSettings(
  argv: readonly string[],
  sources: SettingsSources,
): Promise<Settings> {
  const input: SettingsInput = { argv, env: sources.env };
  const path = configPath(input);
  const { settings, problems } = parseSettings(
    path === undefined
      ? input
      : { ...input, configText: await read(path, sources) },
  );
  if (problems.length > 0) throw new SettingsError(problems);
  return settings;
}

async function read(path: string, sources: SettingsSources): Promise<string> {
  try {
    return await sources.readTextFile(path);
  } catch (error) {
    throw new SettingsError([
      `--config: "${path}" cannot be read: ${
        messageOf(error)
      }; give a readable YAML file`,
    ]);
  }
}
