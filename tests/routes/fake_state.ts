/** An agent that only says what a test tells it to. */

import type { AgentState } from "../../lib/agent/state.ts";
import { FakeClock } from "../../lib/base/clock.ts";
import { EventLog } from "../../lib/observe/events.ts";

/** When the fake agent started, milliseconds since the epoch. */
export const STARTED_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The fake state, and what fills it. */
export interface FakeState extends AgentState {
  readonly events: EventLog;
}

/** A node with a bit of everything: most of it well, some of it not. */
export function fakeState(
  changes: Partial<AgentState> = {},
  clock = new FakeClock(STARTED_MS),
): FakeState {
  const events = new EventLog(clock);
  const module = (
    name: string,
    purpose: string,
    needs: readonly string[],
    message: string,
  ): ReturnType<AgentState["graph"]>[number] => ({
    name,
    purpose,
    needs,
    phase: "running",
    health: { ready: true, message },
    restarts: 0,
    lastError: null,
    sinceMs: STARTED_MS,
  });
  return {
    version: "0.1.0",
    node: "worker-1",
    startedAtMs: STARTED_MS,
    graph: () => [
      module("watcher", "Cluster objects into the store", [], "synced"),
      module("kernel", "Batches to the kernel tools", [], "in step"),
      module("ipvs", "Services into IPVS", ["watcher", "kernel"], "2 services"),
      module(
        "firewall",
        "NetworkPolicies into nftables",
        ["watcher", "kernel"],
        "1 policy",
      ),
      module("bgp", "BGP sessions", ["ipvs", "watcher"], "1 of 2 peers up"),
    ],
    targets: () => [
      {
        name: "nft",
        desired: 42,
        observed: 42,
        lastSyncMs: STARTED_MS,
        lastDurationMs: 4.25,
        lastError: null,
        opsTotal: 57,
        driftTotal: 0,
        refusedEntries: [],
      },
      {
        name: "ipvs",
        desired: 6,
        observed: 5,
        lastSyncMs: null,
        lastDurationMs: null,
        lastError: "ipvsadm did not end within 10 s",
        opsTotal: 5,
        driftTotal: 1,
        refusedEntries: [{
          key: "service/tcp/10.96.0.9:80",
          owner: "Service default/broken",
          error: "Memory allocation problem",
          retryAtMs: STARTED_MS + 30_000,
        }],
      },
    ],
    services: () => [
      {
        namespace: "default",
        name: "web",
        type: "LoadBalancer",
        ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
        vips: [
          { address: "10.96.0.10", kind: "cluster" },
          { address: "2001:db8::10", kind: "loadbalancer" },
        ],
        endpoints: [
          {
            address: "10.244.1.2",
            port: 8080,
            portName: "http",
            protocol: "TCP",
            node: "worker-1",
            ready: true,
            used: true,
          },
          {
            address: "10.244.2.2",
            port: 8080,
            portName: "http",
            protocol: "TCP",
            node: "worker-2",
            ready: false,
            used: false,
          },
        ],
        issues: [],
      },
      {
        namespace: "shop",
        name: "cart",
        type: "ClusterIP",
        ports: [{ name: "", protocol: "TCP", port: 7070, nodePort: 0 }],
        vips: [{ address: "10.96.0.11", kind: "cluster" }],
        endpoints: [],
        issues: [{
          object: "Service shop/cart",
          field: "spec.externalIPs[0]",
          problem: '"010.1.1.1" is not an IP address',
          mend: "write it without leading zeros",
        }],
      },
    ],
    ipvs: () => [{
      at: "tcp/10.96.0.10:80",
      scheduler: "rr",
      flags: [],
      persistentSeconds: 0,
      owner: "Service default/web",
      destinations: [{
        address: "10.244.1.2",
        port: 8080,
        method: "masquerade",
        weight: 1,
      }],
    }],
    policies: () => [
      {
        namespace: "shop",
        name: "default-deny",
        selectedPods: 3,
        directions: ["ingress", "egress"],
        issues: [],
        refused: null,
      },
      {
        namespace: "default",
        name: "odd",
        selectedPods: 1,
        directions: ["ingress"],
        issues: [],
        refused: "Numerical result out of range",
      },
    ],
    firewall: () => ({
      table: "inet fairway",
      chains: [{
        name: "forward",
        hook: "filter forward 0",
        rules: [{ body: "ct state established accept", note: "" }],
      }],
      sets: [{ name: "isolated_in_4", type: "ipv4_addr", elements: 3 }],
      isolatedPods: 3,
    }),
    peers: () => [
      {
        address: "192.0.2.1",
        port: 179,
        localAsn: 64512,
        remoteAsn: 64513,
        kind: "external",
        source: "--peer-router-ips",
        state: "Established",
        sinceMs: STARTED_MS,
        received: 5,
        accepted: 4,
        advertised: 3,
        holdTimeSeconds: 90,
        families: ["ipv4-unicast"],
        lastError: null,
        lastErrorMs: null,
      },
      {
        address: "2001:db8::1",
        port: 179,
        localAsn: 64512,
        remoteAsn: 4200000000,
        kind: "external",
        source: "--peer-router-ips",
        state: "Active",
        sinceMs: STARTED_MS,
        received: 0,
        accepted: 0,
        advertised: 0,
        holdTimeSeconds: null,
        families: [],
        lastError: "connection refused",
        lastErrorMs: STARTED_MS,
      },
    ],
    bgpRoutes: () => {
      const route = {
        prefix: "10.244.2.0/24",
        nextHop: "192.0.2.2",
        peer: "192.0.2.1",
        asPath: [64513],
        origin: "igp",
        localPreference: null,
        med: 0,
        communities: ["64512:100"],
        rejected: null,
      } as const;
      return {
        received: [route, {
          ...route,
          prefix: "0.0.0.0/0",
          rejected: "default routes are not imported",
        }],
        best: [route],
        advertised: [{
          ...route,
          prefix: "10.244.1.0/24",
          peer: "192.0.2.1",
          asPath: [],
        }],
      };
    },
    routes: () => [{
      destination: "10.244.2.0/24",
      table: 254,
      type: "unicast",
      nextHops: [{ via: "192.0.2.2", link: null, weight: 1 }],
      source: null,
      owner: "Node worker-2",
    }],
    watcher: () => ({
      source: "manifests",
      location: "/etc/fairway/manifests",
      synced: true,
      kinds: [{
        kind: "Pod",
        objects: 12,
        synced: true,
        lastEventMs: STARTED_MS,
        restarts: 0,
        lastError: null,
      }],
    }),
    issues: () => [{
      object: "shop.yaml:14 Service shop/cart",
      field: "spec.externalIPs[0]",
      problem: '"010.1.1.1" is not an IP address',
      mend: "write it without leading zeros",
    }],
    readiness: () => ({
      ready: false,
      reasons: [{ name: "kernel", message: "ipvs does not answer" }],
    }),
    metricsText: () => Promise.resolve("# TYPE fairway_x gauge\nfairway_x 1\n"),
    ...changes,
    events,
  };
}
