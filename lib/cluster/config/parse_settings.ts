/**
 * From flags, variables and the configuration file to settings.
 *
 * A flag wins over a variable, that over the file, and that over the default.
 *
 * @module
 */

import { isObjectName } from "../projection.ts";
import { quote } from "../reader.ts";
import { checkCombinations } from "./combinations.ts";
import { variableOf } from "./setting.ts";
import {
  FLAG_SCHEMA,
  type FlagValues,
  type PodEnvironment,
  SETTINGS,
  type Settings,
  type SettingSpec,
} from "./settings.ts";
import {
  readConfigText,
  readEnvironment,
  readFlags,
  showValue,
  type SourceTexts,
} from "./sources.ts";

/** What settings are parsed from. */
export interface SettingsInput {
  /** Arguments after the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Content of the file that {@linkcode configPath} names. */
  readonly configText?: string;
}

/** Where a value came from. */
export type Origin = "flag" | "variable" | "file" | "default";

/** What {@linkcode parseSettings} made of its input. */
export interface ParsedSettings {
  /** Complete in any case: a value that is wrong stands at its default. */
  readonly settings: Settings;
  /** One line each, naming the flag, variable or key, the value and the mend; empty when all is well. */
  readonly problems: readonly string[];
  /** By the name of the setting. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** The file that `--config` or `FAIRWAY_CONFIG` names; undefined for none. */
export function configPath(
  { argv, env }: SettingsInput,
): string | undefined {
  const path = readFlags(argv).texts.get("config") ??
    env[variableOf("config")] ?? "";
  return path === "" ? undefined : path;
}

/** Parses settings; never throws. */
export function parseSettings(input: SettingsInput): ParsedSettings {
  const sources: readonly (readonly [Origin, SourceTexts])[] = [
    ["flag", readFlags(input.argv)],
    ["variable", readEnvironment(input.env)],
    ["file", readConfigText(input.configText ?? "")],
  ];
  const problems = sources.flatMap(([, source]) => source.problems);
  const origins = new Map<string, Origin>();
  const texts: Record<string, string> = {};
  for (const setting of SETTINGS) {
    const found = sources.find(([, { texts }]) => texts.has(setting.name));
    origins.set(setting.name, found?.[0] ?? "default");
    texts[setting.field] = found?.[1].texts.get(setting.name) ??
      setting.default;
  }
  const refused = refusals(texts);
  for (const [setting, message] of refused) {
    const where = nameIn(origins.get(setting.name) ?? "default", setting.name);
    const text = texts[setting.field] ?? "";
    problems.push(`${where}: ${showValue(setting, text)} ${message}`);
    texts[setting.field] = setting.default;
  }
  const values = FLAG_SCHEMA.parse(texts);
  const pod = readPodEnvironment(input.env, values.hostnameOverride, problems);
  const settings: Settings = {
    ...values,
    ...pod,
    logLevel: values.verbosity > 0 && origins.get("log-level") === "default"
      ? "debug"
      : values.logLevel,
  };
  // With values at their defaults, further complaints would only mislead.
  if (problems.length === 0) problems.push(...checkCombinations(settings));
  return { settings, problems, origins };
}

/** The settings whose text is no value, and what is wrong with each. */
function refusals(
  texts: Readonly<Record<string, string>>,
): readonly (readonly [SettingSpec, string])[] {
  const result = FLAG_SCHEMA.safeParse(texts);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    const setting = SETTINGS.find(({ field }) => field === issue.path[0]);
    return setting === undefined ? [] : [[setting, issue.message] as const];
  });
}

/** How a problem names a setting, by where its value came from. */
function nameIn(origin: Origin, name: string): string {
  switch (origin) {
    case "variable":
      return variableOf(name);
    case "file":
      return `config file, key ${name}`;
    case "flag":
    case "default":
      return `--${name}`;
  }
}

function readPodEnvironment(
  env: Readonly<Record<string, string>>,
  hostnameOverride: FlagValues["hostnameOverride"],
  problems: string[],
): PodEnvironment {
  const name = (variable: string): string => {
    const text = env[variable] ?? "";
    if (text === "" || isObjectName(text)) return text;
    problems.push(
      `${variable}: ${
        quote(text)
      } is not the name of an object; use lower-case letters, digits, - and .`,
    );
    return "";
  };
  return {
    nodeName: hostnameOverride === "" ? name("NODE_NAME") : hostnameOverride,
    podName: name("POD_NAME"),
    podNamespace: name("POD_NAMESPACE"),
    cniConfFile: env["KUBE_ROUTER_CNI_CONF_FILE"] ??
      "/etc/cni/net.d/10-kuberouter.conf",
  };
}
