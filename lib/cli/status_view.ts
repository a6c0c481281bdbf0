/**
 * The agent on one screen.
 *
 * @module
 */

import type { ModuleStatus, PeerStatus } from "../agent/state.ts";
import { formatAge } from "../base/age.ts";
import { formatIssue } from "../base/issue.ts";
import { printable } from "../base/printable.ts";
import type { AgentSummary } from "../../routes/summary.ts";
import { type Cell, type Paint, renderColumns } from "./terminal.ts";

/** Issues on the screen. */
const MAX_ISSUES = 10;

/** Renders the answer of `/api/v1/status`. */
export function renderStatus(summary: AgentSummary, paint: Paint): string {
  return [
    head(summary, paint),
    modules(summary, paint),
    targets(summary, paint),
    counts(summary, paint),
    peers(summary, paint),
    issues(summary, paint),
  ].filter((part) => part !== "").join("\n");
}

function head(summary: AgentSummary, paint: Paint): string {
  const { ready, reasons } = summary.readiness;
  const up = formatAge(summary.nowMs - summary.startedAtMs);
  const lines = [
    `${paint("strong", printable(summary.node))}: ${
      ready ? paint("good", "ready") : paint("bad", "not ready")
    }, fairway ${printable(summary.version)}, up ${up}`,
    ...reasons.map((reason) =>
      `  ${printable(reason.name)}: ${printable(reason.message)}`
    ),
  ];
  return lines.join("\n") + "\n";
}

function modules(summary: AgentSummary, paint: Paint): string {
  return renderColumns(
    ["MODULE", "STATE", "FOR", "RESTARTS#", "MESSAGE"],
    summary.modules.map((module) => [
      printable(module.name),
      condition(module),
      formatAge(summary.nowMs - module.sinceMs),
      `${module.restarts}`,
      printable(
        module.health.ready || module.lastError === null
          ? module.health.message
          : module.lastError,
      ),
    ]),
    paint,
  );
}

function condition(module: ModuleStatus): Cell {
  if (module.phase === "running") {
    return module.health.ready ? ["good", "ready"] : ["warn", "not ready"];
  }
  const text = module.phase.replace("_", " ");
  switch (module.phase) {
    case "failed":
      return ["bad", text];
    case "backing_off":
      return ["warn", text];
    default:
      return text;
  }
}

function targets(summary: AgentSummary, paint: Paint): string {
  if (summary.targets.length === 0) return "";
  const table = renderColumns(
    ["KERNEL", "WANTED#", "EXIST#", "IN STEP", "OPS#", "DRIFT#", "REFUSED#"],
    summary.targets.map((target) => [
      printable(target.name),
      `${target.desired}`,
      target.observed === null ? "?" : `${target.observed}`,
      target.lastSyncMs === null
        ? ["warn", "not yet"]
        : `${formatAge(summary.nowMs - target.lastSyncMs)} ago`,
      `${target.opsTotal}`,
      some(target.driftTotal, "warn"),
      some(target.refusedEntries.length, "bad"),
    ]),
    paint,
  );
  const errors = summary.targets.flatMap((target) => [
    ...(target.lastError === null
      ? []
      : [`  ${target.name}: ${target.lastError}`]),
    ...target.refusedEntries.slice(0, MAX_ISSUES).map((entry) =>
      `  ${target.name} refuses ${entry.key}${
        entry.owner === "" ? "" : ` of ${entry.owner}`
      }: ${entry.error}; next try in ${
        formatAge(entry.retryAtMs - summary.nowMs)
      }`
    ),
  ]);
  return table + errors.map((line) => paint("bad", printable(line)) + "\n")
    .join("");
}

function some(count: number, tone: "warn" | "bad"): Cell {
  return count === 0 ? "0" : [tone, `${count}`];
}

function counts(summary: AgentSummary, paint: Paint): string {
  const { services, policies, watcher } = summary;
  const objects = watcher.kinds.reduce((sum, kind) => sum + kind.objects, 0);
  const notes = (...parts: readonly (readonly [number, string])[]): string =>
    parts.filter(([count]) => count > 0)
      .map(([count, text]) => `, ${paint("warn", `${count} ${text}`)}`).join(
        "",
      );
  return [
    `Objects   ${objects} from ${
      watcher.source === "manifests" ? "directory" : "API server"
    } ${printable(watcher.location)}${
      watcher.synced ? "" : paint("warn", ", not yet read")
    }`,
    `Services  ${services.total}${
      notes([services.withoutEndpoints, "with nobody behind"], [
        services.withIssues,
        "to mend",
      ])
    }`,
    `Policies  ${policies.total}${
      notes([policies.refused, "refused"], [policies.withIssues, "to mend"])
    }`,
    `Routes    ${summary.routes}`,
  ].join("\n") + "\n";
}

/** One line a peer, in gobgp's columns. */
function peers(summary: AgentSummary, paint: Paint): string {
  if (summary.peers.length === 0) return "";
  return renderColumns(
    [
      "Peer",
      "AS#",
      "Up/Down#",
      "State",
      "#Received#",
      "Accepted#",
      "Advertised#",
    ],
    summary.peers.map((peer) => [
      peer.address,
      `${peer.remoteAsn}`,
      formatAge(summary.nowMs - peer.sinceMs),
      sessionState(peer),
      `${peer.received}`,
      `${peer.accepted}`,
      `${peer.advertised}`,
    ]),
    paint,
  );
}

function sessionState(peer: PeerStatus): Cell {
  return [peer.state === "Established" ? "good" : "warn", peer.state];
}

function issues(summary: AgentSummary, paint: Paint): string {
  const all = summary.issues;
  if (all.length === 0) return "";
  const more = all.length - MAX_ISSUES;
  return [
    paint("strong", "To mend"),
    ...all.slice(0, MAX_ISSUES).map((issue) =>
      `  ${printable(formatIssue(issue))}`
    ),
    ...(more > 0 ? [`  and ${more} more: /api/v1/issues`] : []),
  ].join("\n") + "\n";
}
