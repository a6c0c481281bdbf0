/**
 * Who reaches which service: everything that was tried, as a table.
 *
 * @module
 */

import type { Lab, NamedProbe } from "./lab.ts";
import type { Answer } from "./probe/probe.ts";
import type { Family } from "./topology/plan.ts";

/** One cell of a matrix. */
export interface MatrixCell {
  readonly from: string;
  /** The service's name. */
  readonly service: string;
  readonly family: Family;
  readonly probe: NamedProbe;
  readonly answer: Answer;
}

/** What to try. */
export interface MatrixOptions {
  /** As in {@linkcode NamedProbe.from}. */
  readonly from: readonly string[];
  /** Names of services; each by every port and every address it has. */
  readonly services: readonly string[];
  readonly timeoutMs?: number;
}

/** Tries every client on every service. */
export async function probeMatrix(
  lab: Lab,
  options: MatrixOptions,
): Promise<readonly MatrixCell[]> {
  const cells = options.from.flatMap((from) =>
    options.services.flatMap((service) => {
      const { clusterIPs = [], ports = [] } = lab.cluster.service(service).spec;
      return clusterIPs.filter((ip) => ip !== "None").flatMap((ip) =>
        ports.map(({ port, protocol }) => ({
          from,
          service,
          family: ip.includes(":") ? "ipv6" as const : "ipv4" as const,
          probe: {
            from,
            to: ip,
            port,
            protocol: protocol === "UDP" ? "UDP" as const : "TCP" as const,
          },
        }))
      );
    })
  );
  const { timeoutMs } = options;
  const answers = await lab.probeAll(
    cells.map(({ probe }) => probe),
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return cells.flatMap((cell, index) => {
    const answer = answers[index];
    return answer ? [{ ...cell, answer }] : [];
  });
}

/** A sign for each outcome, as {@linkcode renderMatrix} prints it. */
const SIGNS: Readonly<Record<Answer["outcome"], string>> = {
  answered: "●",
  refused: "r",
  unreachable: "u",
  prohibited: "p",
  timeout: "·",
  broken: "b",
};

/** The matrix as text: a row for each client, a column for each service, a sign for each address and port. */
export function renderMatrix(cells: readonly MatrixCell[]): string {
  const froms = [...new Set(cells.map(({ from }) => from))];
  const services = [...new Set(cells.map(({ service }) => service))];
  const width = Math.max(...froms.map((from) => from.length));
  const lines = services.map((service, index) =>
    `${" ".repeat(width)} ${" │".repeat(index)} ┌ ${service}`
  );
  for (const from of froms) {
    const row = services.map((service) =>
      cells.filter((cell) => cell.from === from && cell.service === service)
        .map(({ answer }) => SIGNS[answer.outcome]).join("")
    );
    lines.push(`${from.padEnd(width)}  ${row.join(" ")}`);
  }
  const legend = Object.entries(SIGNS).map(([outcome, sign]) =>
    `${sign} ${outcome}`
  );
  return [...lines, legend.join("  ")].join("\n");
}
