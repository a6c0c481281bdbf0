/**
 * The flags of `run`, `plan` and `cleanup` as help text.
 *
 * @module
 */

import { SETTINGS, type SettingSpec } from "../cluster/config/settings.ts";

/** Columns that flags may take before their description moves to the next line. */
const FLAG_WIDTH = 34;

/** All flags with their defaults, by group. */
export function settingsHelp(width = 100): string {
  const groups = Map.groupBy(SETTINGS, (setting) => setting.group);
  return [...groups].map(([group, settings]) =>
    `\n${group}:\n${
      settings.map((setting) => flagHelp(setting, width)).join("\n")
    }`
  ).join("\n") +
    "\n\nEach flag is also a variable (FAIRWAY_ and its name in capitals, - as _)" +
    "\nand a key of the file that --config names; a flag wins over a variable," +
    "\nthat over the file.";
}

function flagHelp(setting: SettingSpec, width: number): string {
  const name = setting.name === setting.short
    ? `-${setting.short}`
    : `${setting.short === "" ? "" : `-${setting.short}, `}--${setting.name}`;
  const head = `  ${name} ${setting.typeText}`;
  const text = setting.description.replaceAll("`", "") +
    (setting.default === "" ? "" : ` (default ${setting.default})`);
  const lines = wrap(text, width - FLAG_WIDTH);
  const indent = " ".repeat(FLAG_WIDTH);
  return head.length < FLAG_WIDTH - 1
    ? head.padEnd(FLAG_WIDTH) + lines.join(`\n${indent}`)
    : [head, ...lines.map((line) => indent + line)].join("\n");
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
