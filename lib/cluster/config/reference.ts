/**
 * The reference of settings, generated from the table.
 *
 * @module
 */

import { variableOf } from "./setting.ts";
import { SETTINGS } from "./settings.ts";

/** All settings as Markdown, one table for each group. */
export function renderSettingsReference(): string {
  const groups = new Map<string, string[]>();
  for (const setting of SETTINGS) {
    const flag = setting.name === setting.short
      ? `-${setting.short}`
      : `--${setting.name}` +
        (setting.short === "" ? "" : `, -${setting.short}`);
    const row = [
      `\`${flag}\``,
      `\`${variableOf(setting.name)}\``,
      setting.typeText.replaceAll("|", "\\|"),
      setting.default === "" ? "" : `\`${setting.default}\``,
      setting.description,
    ];
    const rows = groups.get(setting.group) ?? [];
    rows.push(`| ${row.join(" | ")} |`);
    groups.set(setting.group, rows);
  }
  return [...groups].map(([group, rows]) =>
    [
      `## ${group}`,
      "",
      "| Flag | Variable | Type | Default | Meaning |",
      "| --- | --- | --- | --- | --- |",
      ...rows,
      "",
    ].join("\n")
  ).join("\n");
}
