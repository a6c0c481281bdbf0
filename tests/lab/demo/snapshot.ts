/**
 * Everything that a node's agent may change, as text, for comparing before and
 * after.
 *
 * @module
 */

import { capture } from "../system/process.ts";

/** What is looked at, and how. */
const LOOKS: readonly (readonly [string, ...string[]])[] = [
  ["nft", "list", "ruleset"],
  ["ipvsadm", "-Sn"],
  ["ip", "-br", "link"],
  ["ip", "-br", "address"],
  ["ip", "rule"],
  ["ip", "-6", "rule"],
  ["ip", "route", "show", "table", "all"],
  ["ip", "-6", "route", "show", "table", "all"],
];

/** Parameters whose values the kernel changes by itself. */
const RESTLESS = /conntrack_count|neigh\.|random|\.stable_secret|expected_max/;

/**
 * Tables, virtual servers, links, addresses, rules, routes and the network's
 * kernel parameters of a namespace. A parameter is one line.
 */
export async function snapshot(namespace: string): Promise<readonly string[]> {
  const looks = await Promise.all(
    LOOKS.map(async ([command, ...args]) => {
      const text = await capture(command, args, { namespace });
      return text.split("\n").filter((line) => line.trim() !== "").map((line) =>
        `${command}: ${line.trimEnd()}`
      );
    }),
  );
  const parameters = (await capture("sysctl", ["-a", "-r", "^net\\."], {
    namespace,
  })).split("\n").filter((line) => line !== "" && !RESTLESS.test(line));
  return [...looks.flat(), ...parameters];
}

/**
 * Lines of one snapshot that the other lacks, either way. Parameters that only
 * the later one has came with a kernel module and are no difference.
 */
export function differences(
  before: readonly string[],
  after: readonly string[],
): readonly string[] {
  const known = new Set(before.map((line) => line.split(" = ")[0]));
  return [
    ...before.filter((line) => !after.includes(line)).map((line) =>
      `- ${line}`
    ),
    ...after.filter((line) =>
      !before.includes(line) &&
      (!line.includes(" = ") || known.has(line.split(" = ")[0]))
    ).map((line) => `+ ${line}`),
  ];
}
