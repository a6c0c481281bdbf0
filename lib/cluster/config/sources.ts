/**
 * Where settings come from: flags, variables, the configuration file. Each
 * source yields texts by name, and problems.
 *
 * @module
 */

import { parseDocument } from "yaml";
import { quote } from "../reader.ts";
import { nearest } from "./nearest.ts";
import { variableOf } from "./setting.ts";
import {
  SETTING_NAMES,
  settingNamed,
  SETTINGS,
  type SettingSpec,
} from "./settings.ts";

/** Texts by the name of the setting, and one line for each thing wrong. */
export interface SourceTexts {
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** A value as a problem shows it; secrets stay unsaid. */
export function showValue(setting: SettingSpec, text: string): string {
  return setting.type.secret ? "the value" : quote(text);
}

/** Collects texts; repeated lists add up, and of other repeated values the last counts. */
class Collector implements SourceTexts {
  readonly texts = new Map<string, string>();
  readonly problems: string[] = [];

  add(setting: SettingSpec, text: string): void {
    const before = this.texts.get(setting.name);
    this.texts.set(
      setting.name,
      setting.type.list && before !== undefined && before !== ""
        ? `${before},${text}`
        : text,
    );
  }
}

/**
 * Reads flags as kube-router takes them: `--name=value`, `--name value`, and
 * booleans as `--name` or `--name=false`.
 *
 * @param argv arguments after the command's name
 */
export function readFlags(argv: readonly string[]): SourceTexts {
  const collector = new Collector();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const flag = splitFlag(argument);
    if (flag === undefined) {
      collector.problems.push(strayArgument(argument, argv[i - 1]));
      continue;
    }
    const setting = flag.short
      ? SETTINGS.find(({ short }) => short === flag.name)
      : settingNamed(flag.name);
    if (setting === undefined) {
      collector.problems.push(unknownFlag(argument, flag.name));
      // What follows an unknown flag is probably its value.
      const next = argv[i + 1];
      if (flag.value === undefined && next?.startsWith("-") === false) i++;
      continue;
    }
    if (flag.value !== undefined) collector.add(setting, flag.value);
    else if (setting.type.boolean) collector.add(setting, "true");
    else {
      const next = argv[i + 1];
      if (next === undefined || /^--[a-z]/.test(next)) {
        collector.problems.push(
          `--${setting.name}: has no value; write --${setting.name}=VALUE`,
        );
        continue;
      }
      collector.add(setting, next);
      i++;
    }
  }
  return collector;
}

interface Flag {
  readonly name: string;
  readonly value: string | undefined;
  readonly short: boolean;
}

function splitFlag(argument: string): Flag | undefined {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
  if (long !== null) {
    return { name: long[1] ?? "", value: long[2], short: false };
  }
  const short = /^-([A-Za-z])(?:=?(\d+|true|false))?$/.exec(argument);
  if (short !== null) {
    return { name: short[1] ?? "", value: short[2], short: true };
  }
  return argument.length > 1 && argument.startsWith("-")
    ? { name: argument.slice(1), value: undefined, short: true }
    : undefined;
}

function strayArgument(argument: string, before: string | undefined): string {
  const setting = settingNamed(before?.replace(/^--/, "") ?? "");
  return setting?.type.boolean === true && /^(true|false)$/.test(argument)
    ? `--${setting.name}: ${
      quote(argument)
    } stands apart; write --${setting.name}=${argument}`
    : `${
      quote(argument)
    }: is not a flag; flags start with --, and there are no other arguments`;
}

function unknownFlag(argument: string, name: string): string {
  const bare = name.replace(/=.*$/s, "").replace(/^-+/, "");
  const meant = nearest(bare.toLowerCase().replaceAll("_", "-"), SETTING_NAMES);
  const shown = argument.replace(/=.*$/s, "");
  return `${shown}: is not a known flag; ${
    meant === undefined
      ? "see fairway run --help for all flags"
      : `did you mean --${meant}?`
  }`;
}

/**
 * Variables that Kubernetes puts into every pod for a Service called `fairway`
 * or `fairway-…`: not meant for us, though they look so.
 */
const SERVICE_LINK =
  /_SERVICE_(?:HOST|PORT)(?:_[A-Z0-9_]+)?$|_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?$/;

/** Reads `FAIRWAY_…` variables. */
export function readEnvironment(
  env: Readonly<Record<string, string>>,
): SourceTexts {
  const collector = new Collector();
  const byVariable = new Map(
    SETTINGS.map((setting) => [variableOf(setting.name), setting]),
  );
  for (const [variable, text] of Object.entries(env)) {
    if (
      !variable.startsWith("FAIRWAY_") || /^(?:tcp|udp|sctp):\/\//.test(text)
    ) continue;
    const setting = byVariable.get(variable);
    if (setting !== undefined) collector.add(setting, text);
    else if (!SERVICE_LINK.test(variable)) {
      const meant = nearest(variable, byVariable.keys());
      collector.problems.push(
        `${variable}: is not a known variable; ${
          meant === undefined ? "remove it" : `did you mean ${meant}?`
        }`,
      );
    }
  }
  return collector;
}

/** Reads a configuration file: a YAML mapping whose keys are names of flags. */
export function readConfigText(text: string): SourceTexts {
  const collector = new Collector();
  const document = parseDocument(text);
  for (const error of document.errors) {
    const line = error.linePos?.[0].line;
    collector.problems.push(
      `config file${line === undefined ? "" : `, line ${line}`}: ${
        error.message.split("\n")[0]?.replace(/ at line \d+.*$/, "") ?? ""
      }; correct the YAML`,
    );
  }
  if (document.errors.length > 0) return collector;
  const content = toPlain(document);
  if (content === null || content === undefined) return collector;
  if (typeof content !== "object" || Array.isArray(content)) {
    collector.problems.push(
      "config file: is not a mapping; write one flag a line, such as bgp-port: 179",
    );
    return collector;
  }
  for (const [name, value] of Object.entries(content)) {
    readEntry(collector, name, value);
  }
  return collector;
}

function toPlain(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS();
  } catch {
    return "aliases that multiply"; // Refused by the parser; not a mapping.
  }
}

function readEntry(collector: Collector, name: string, value: unknown): void {
  const setting = settingNamed(name);
  if (setting === undefined || setting.name === "config") {
    const meant = nearest(
      name.toLowerCase().replaceAll("_", "-"),
      SETTING_NAMES,
    );
    collector.problems.push(
      `config file, key ${quote(name)}: is not known here; ${
        meant === undefined || meant === "config"
          ? "use names of flags, without the dashes"
          : `did you mean ${meant}?`
      }`,
    );
    return;
  }
  const values = Array.isArray(value) && setting.type.list ? value : [value];
  if (values.length === 0) collector.add(setting, "");
  for (const each of values) {
    if (
      typeof each === "string" || typeof each === "number" ||
      typeof each === "boolean"
    ) {
      collector.add(setting, String(each));
    } else {
      collector.problems.push(
        `config file, key ${name}: ${
          setting.type.secret ? "the value" : quote(each)
        } is not ${setting.type.noun}; ${setting.type.mend}`,
      );
    }
  }
}
