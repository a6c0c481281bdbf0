/**
 * Settings of the process: which parts run, where the cluster comes from, what
 * the outside sees.
 *
 * @module
 */

import type { SettingGroup } from "./setting.ts";
import {
  BOOLEAN,
  choice,
  durationMs,
  HTTP_PATH,
  integer,
  LISTEN_ADDRESS,
  OBJECT_NAME,
  OPTIONAL_PORT,
  SERVER_URL,
  TEXT,
} from "./value_type.ts";

const SECOND = 1000;

/** Which parts run. */
export const PART_SETTINGS = {
  runServiceProxy: {
    name: "run-service-proxy",
    type: BOOLEAN,
    default: "true",
    description: "Run the service proxy.",
  },
  runFirewall: {
    name: "run-firewall",
    type: BOOLEAN,
    default: "true",
    description: "Run the firewall.",
  },
  runRouter: {
    name: "run-router",
    type: BOOLEAN,
    default: "true",
    description: "Run routing and the BGP speaker.",
  },
  runLoadBalancer: {
    name: "run-loadbalancer",
    type: BOOLEAN,
    default: "false",
    description:
      "Give addresses to services of type LoadBalancer; one node of the cluster at a time does it.",
  },
} as const satisfies SettingGroup;

/** Where the cluster comes from. */
export const CLUSTER_SETTINGS = {
  kubeconfig: {
    name: "kubeconfig",
    type: TEXT,
    default: "",
    description:
      "Path of a kubeconfig. Empty, with `--master` empty too: the pod's service account.",
  },
  master: {
    name: "master",
    type: SERVER_URL,
    default: "",
    description: "URL of the API server; a kubeconfig wins.",
  },
  manifests: {
    name: "manifests",
    type: TEXT,
    default: "",
    description:
      "Directory of Kubernetes YAML that is the cluster, instead of an API server. Edits are its events.",
  },
  hostnameOverride: {
    name: "hostname-override",
    type: OBJECT_NAME,
    default: "",
    description:
      "Name of this node. Empty: variable `NODE_NAME`, else the host's name.",
  },
  cacheSyncTimeoutMs: {
    name: "cache-sync-timeout",
    type: durationMs({ minMs: SECOND }),
    default: "1m",
    description:
      "How long the first reading of the cluster may take before readiness tells of it.",
  },
  auditPeriodMs: {
    name: "audit-period",
    type: durationMs({ minMs: SECOND }),
    default: "1m",
    description:
      "Time between two comparisons of the kernel with what it should hold; drift is repaired and counted.",
  },
  stateDir: {
    name: "state-dir",
    type: TEXT,
    default: "/var/lib/fairway",
    description:
      "Directory for what outlives a reboot: which pod CIDRs to close before the cluster is known.",
  },
  runDir: {
    name: "run-dir",
    type: TEXT,
    default: "/run/fairway",
    description:
      "Directory for what ends with a reboot: kernel parameters as they were, for cleanup.",
  },
  config: {
    name: "config",
    type: TEXT,
    default: "",
    description:
      "YAML file with settings; its keys are the names of flags. Flags and variables win.",
  },
  cleanupConfig: {
    name: "cleanup-config",
    type: BOOLEAN,
    default: "false",
    description: "Remove what the agent owns in the kernel, and exit.",
  },
} as const satisfies SettingGroup;

/** What the outside sees. */
export const OBSERVE_SETTINGS = {
  healthAddress: {
    name: "health-addr",
    type: LISTEN_ADDRESS,
    default: "",
    description: "Address of the health endpoints. Empty: all.",
  },
  healthPort: {
    name: "health-port",
    type: OPTIONAL_PORT,
    default: "20244",
    description: "Port of `/healthz`, `/livez` and `/readyz`; 0 is off.",
  },
  metricsAddress: {
    name: "metrics-addr",
    type: LISTEN_ADDRESS,
    default: "",
    description: "Address of the metrics endpoint. Empty: all.",
  },
  metricsPort: {
    name: "metrics-port",
    type: OPTIONAL_PORT,
    default: "0",
    description: "Port of the metrics endpoint; 0 is off.",
  },
  metricsPath: {
    name: "metrics-path",
    type: HTTP_PATH,
    default: "/metrics",
    description: "Path of the metrics endpoint.",
  },
  apiAddress: {
    name: "api-addr",
    type: LISTEN_ADDRESS,
    default: "127.0.0.1",
    description: "Address of the state API and the dashboard. Empty: all.",
  },
  apiPort: {
    name: "api-port",
    type: OPTIONAL_PORT,
    default: "20245",
    description: "Port of the state API and the dashboard; 0 is off.",
  },
  apiTokenFile: {
    name: "api-token-file",
    type: TEXT,
    default: "",
    description:
      "File that holds the token which the state API asks for. Needed when it is served on more than loopback.",
  },
  logLevel: {
    name: "log-level",
    type: choice("debug", "info", "warn", "error"),
    default: "info",
    description: "The least important events to log.",
  },
  logFormat: {
    name: "log-format",
    type: choice("json", "text"),
    default: "json",
    description: "Form of log lines.",
  },
  verbosity: {
    name: "v",
    short: "v",
    type: integer(0, 10),
    default: "0",
    description:
      "Verbosity as kube-router has it: 1 and more log every operation, unless `--log-level` is given.",
  },
  enablePprof: {
    name: "enable-pprof",
    type: BOOLEAN,
    default: "false",
    description: "Accepted for compatibility, without effect.",
  },
  help: {
    name: "help",
    short: "h",
    type: BOOLEAN,
    default: "false",
    description: "Print help, and exit.",
  },
  version: {
    name: "version",
    short: "V",
    type: BOOLEAN,
    default: "false",
    description: "Print the version, and exit.",
  },
} as const satisfies SettingGroup;
