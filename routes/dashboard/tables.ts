/**
 * Services, policies, peers, kernel tools and events as tables.
 *
 * @module
 */

import { html } from "hono/html";
import type {
  EndpointStatus,
  PeerStatus,
  PolicyStatus,
  ServicePortStatus,
  ServiceStatus,
  TargetStatus,
} from "../../lib/agent/state.ts";
import { formatAge } from "../../lib/base/age.ts";
import type { Issue } from "../../lib/base/issue.ts";
import type { AgentEvent } from "../../lib/observe/events.ts";
import { ago, type Html, issueList, plural, table } from "./html.ts";

/** Endpoints shown without being asked for; more of them fold. */
const FEW = 4;

/** Services: what they are reached by, and who stands behind. */
export function renderServices(services: readonly ServiceStatus[]): Html {
  return table({
    caption: "Services with their virtual IPs and endpoints",
    empty: "No service matches.",
    columns: ["Service", "Type", "Reached at", "Endpoints"],
    rows: services,
    render: (service) =>
      html`
        <tr>
          <th
            scope="row"><span class="namespace">${service
              .namespace}/</span>${service.name}${issueList(
                service.issues,
              )}</th>
          <td>${service.type}</td>
          <td>${reachedAt(service)}</td>
          <td>${endpoints(service)}</td>
        </tr>
      `,
  });
}

function reachedAt(service: ServiceStatus): Html {
  if (service.vips.length === 0) {
    return html`<span class="quiet">no virtual IP</span>`;
  }
  const lines = service.ports.flatMap((port) => [
    ...service.vips.map((vip) =>
      html`
        <div
          title="${vip.kind} address${portTitle(port)}"><code>${socket(
            vip.address,
            port.port,
          )}</code> <span class="quiet">${port.protocol}${vip.kind === "cluster"
            ? ""
            : ` ${vip.kind}`}</span></div>
      `
    ),
    ...(port.nodePort === 0 ? [] : [
      html`<div><code>:${port.nodePort}</code> <span class="quiet">${port.protocol} node port</span></div>`,
    ]),
  ]);
  return html`${lines}`;
}

function portTitle(port: ServicePortStatus): string {
  return port.name === "" ? "" : `, port ${port.name}`;
}

function endpoints(service: ServiceStatus): Html {
  const all = service.endpoints;
  if (all.length === 0) {
    return service.type === "ExternalName" || service.vips.length === 0
      ? html`<span class="quiet">none</span>`
      : html`<span class="warn">▲ nobody is behind it</span>`;
  }
  const used = all.filter((endpoint) => endpoint.used).length;
  const sum = html`<span class="${
    used === 0 ? "warn" : "quiet"
  }">${used} of ${all.length} used</span>`;
  const list = html`<ul class="endpoints">${
    all.map((it) => endpointItem(it, service))
  }</ul>`;
  if (all.length <= FEW) return html`${list}`;
  const key = `${service.namespace}/${service.name}`;
  return html`
    <details
      data-key="${key}"><summary data-key="${key}-summary">${sum}</summary>${list}</details>
  `;
}

function endpointItem(endpoint: EndpointStatus, service: ServiceStatus): Html {
  const state = endpoint.used
    ? "used"
    : endpoint.ready
    ? "unused"
    : "not ready";
  const sign = endpoint.used ? "●" : endpoint.ready ? "○" : "✕";
  const port = service.ports.length > 1 && endpoint.portName !== ""
    ? `${endpoint.portName} `
    : "";
  return html`
    <li
      class="${state.replace(
        " ",
        "-",
      )}"><span class="sign" aria-hidden="true">${sign}</span> ${port}<code>${socket(
        endpoint.address,
        endpoint.port,
      )}</code> <span class="quiet">${endpoint
        .node}</span><span class="${endpoint.used
        ? "hidden"
        : "quiet"}"> ${state}</span></li>
  `;
}

/** Policies, and whether the kernel holds them. */
export function renderPolicies(policies: readonly PolicyStatus[]): Html {
  return table({
    caption: "NetworkPolicies on this node",
    empty: "No policy matches.",
    columns: ["Policy", "Isolates", "Pods here#", "State"],
    rows: policies,
    render: (policy) =>
      html`
        <tr>
          <th
            scope="row"><span class="namespace">${policy
              .namespace}/</span>${policy.name}${issueList(policy.issues)}</th>
          <td>${policy.directions.join(", ") || "nothing"}</td>
          <td class="number">${policy.selectedPods}</td>
          <td>${policy.refused === null
            ? policy.selectedPods === 0
              ? html`<span class="quiet">○ selects none here</span>`
              : html`<span class="good">● enforced</span>`
            : html`<span class="bad">✕ refused: ${policy.refused}</span>`}</td>
        </tr>
      `,
  });
}

/** BGP peers, one line each. */
export function renderPeers(
  peers: readonly PeerStatus[],
  nowMs: number,
): Html {
  return table({
    caption: "BGP peers",
    empty: "No BGP peer is configured.",
    columns: [
      "Peer",
      "AS#",
      "State",
      "For",
      "Received#",
      "Accepted#",
      "Advertised#",
      "Families",
      "From",
    ],
    rows: peers,
    render: (peer) => {
      const up = peer.state === "Established";
      return html`
        <tr>
          <th
            scope="row"><code>${peer.address}</code> <span class="quiet">${peer
              .kind}</span>${peer.lastError === null || up
              ? ""
              : html`<div class="issues">▲ ${peer.lastError}${
                peer.lastErrorMs === null ? "" : html`
                  (${ago(peer.lastErrorMs, nowMs)} ago)
                `
              }</div>`}</th>
          <td class="number">${peer.remoteAsn}</td>
          <td><span class="${up ? "good" : "warn"}">${up ? "●" : "▲"} ${peer
            .state}</span></td>
          <td>${ago(peer.sinceMs, nowMs)}</td>
          <td class="number">${peer.received}</td>
          <td class="number">${peer.accepted}</td>
          <td class="number">${peer.advertised}</td>
          <td>${peer.families.join(", ")}</td>
          <td class="quiet">${peer.source}</td>
        </tr>
      `;
    },
  });
}

/** Kernel tools: wanted and existing entries, drift, refusals. */
export function renderTargets(
  targets: readonly TargetStatus[],
  nowMs: number,
): Html {
  return table({
    caption: "Kernel tools and how far they are from what is wanted",
    empty: "No kernel tool is in use.",
    columns: [
      "Tool",
      "Wanted#",
      "Exist#",
      "In step",
      "Last took#",
      "Operations#",
      "Drift#",
      "Refused",
    ],
    rows: targets,
    render: (target) =>
      html`
        <tr>
          <th scope="row">${target.name}${target.lastError === null
            ? ""
            : html`<div class="issues">▲ ${target.lastError}</div>`}</th>
          <td class="number">${target.desired}</td>
          <td class="number">${target.observed ?? "?"}</td>
          <td>${target.lastSyncMs === null
            ? html`<span class="warn">▲ not yet</span>`
            : html`${ago(target.lastSyncMs, nowMs)} ago`}</td>
          <td class="number">${target.lastDurationMs === null
            ? ""
            : `${target.lastDurationMs.toFixed(1)} ms`}</td>
          <td class="number">${target.opsTotal}</td>
          <td class="number ${target.driftTotal > 0 ? "warn" : ""}">${target
            .driftTotal}</td>
          <td>${refused(target, nowMs)}</td>
        </tr>
      `,
  });
}

function refused(target: TargetStatus, nowMs: number): Html {
  const entries = target.refusedEntries;
  if (entries.length === 0) return html`<span class="quiet">none</span>`;
  const key = `refused-${target.name}`;
  return html`
    <details data-key="${key}">
      <summary class="bad" data-key="${key}-summary">✕ ${plural(
        entries.length,
        "entry",
      ).replace("entrys", "entries")}</summary>
      <ul class="issues">${entries.slice(0, 50).map((entry) =>
        html`<li>${entry.owner} <code>${entry.key}</code>: ${entry.error}; next try in ${
          formatAge(entry.retryAtMs - nowMs)
        }</li>`
      )}</ul>
    </details>
  `;
}

/** Everything that is wrong with objects and files now. */
export function renderIssues(issues: readonly Issue[]): Html {
  return table({
    caption: "What is wrong with objects and files",
    empty: "Nothing.",
    columns: ["Object", "Field", "What is wrong", "Mend"],
    rows: issues,
    render: (issue) =>
      html`
        <tr>
          <th scope="row">${issue.object}</th>
          <td><code>${issue.field}</code></td>
          <td>${issue.problem}</td>
          <td>${issue.mend}</td>
        </tr>
      `,
  });
}

const EVENT_TONE = { info: "quiet", warn: "warn", error: "bad" } as const;
const EVENT_SIGN = { info: "●", warn: "▲", error: "✕" } as const;

/** Recent events, newest first. */
export function renderEvents(
  events: readonly AgentEvent[],
  nowMs: number,
): Html {
  return table({
    caption: "Recent events, newest first",
    empty: "Nothing has happened yet.",
    columns: ["Ago", "Level", "What happened", "Object", "Event"],
    rows: events.toReversed(),
    render: (event) =>
      html`
        <tr>
          <td>${ago(event.timeMs, nowMs)}</td>
          <td class="${EVENT_TONE[event.level]}">${EVENT_SIGN[
            event.level
          ]} ${event.level}</td>
          <td>${event.message}</td>
          <td>${event.object}</td>
          <td class="quiet"><code>${event.event}</code></td>
        </tr>
      `,
  });
}

function socket(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
