/**
 * The HTTP servers as modules of the service graph.
 *
 * They listen before anything is written to the kernel: a port in use stops the
 * start, not the node.
 *
 * @module
 */

import type { Module, ModuleContext } from "../lib/agent/module.ts";
import type { AgentState } from "../lib/agent/state.ts";
import type { Clock } from "../lib/base/clock.ts";
import type { Logger } from "../lib/base/log.ts";
import type { Settings } from "../lib/cluster/config/settings.ts";
import { createApiApp, createHealthApp } from "./app.ts";
import type { Access } from "./guard.ts";
import { type RunningServer, serve, type ServeOptions } from "./server.ts";

/** What the servers need. */
export interface HttpOptions {
  readonly settings: Settings;
  /** Empty when the API is served on loopback only. */
  readonly token: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One server: what it serves is made anew at each start. */
interface Plan {
  readonly name: string;
  readonly purpose: string;
  /** Empty for every address. */
  readonly address: string;
  readonly port: number;
  readonly portFlag: string;
  readonly makeApp: (signal: AbortSignal) => ServeOptions["app"];
}

/**
 * Opens the servers that the settings ask for; they listen when this returns.
 *
 * @throws {FairwayError} `net.failed` or `permission.denied` when one cannot
 * listen; then none does
 */
export function openHttp(
  state: AgentState,
  options: HttpOptions,
): readonly Module[] {
  const modules: HttpModule[] = [];
  try {
    for (const plan of plans(state, options)) {
      if (plan.port > 0) modules.push(new HttpModule(plan, options.clock));
    }
    return modules;
  } catch (error) {
    for (const module of modules) module.close();
    throw error;
  }
}

function plans(state: AgentState, options: HttpOptions): readonly Plan[] {
  const { settings, token, clock, log } = options;
  const access: Access = token === ""
    ? { kind: "loopback" }
    : { kind: "token", token };
  const health = { log, metricsPath: settings.metricsPath };
  return [
    {
      name: "health",
      purpose: "answers probes",
      address: settings.healthAddress,
      port: settings.healthPort,
      portFlag: "--health-port",
      makeApp: () => createHealthApp(state, health),
    },
    {
      name: "metrics",
      purpose: "serves metrics",
      address: settings.metricsAddress,
      port: settings.metricsPort,
      portFlag: "--metrics-port",
      makeApp: () => createHealthApp(state, health),
    },
    {
      name: "api",
      purpose: "serves the state API and the dashboard",
      address: settings.apiAddress,
      port: settings.apiPort,
      portFlag: "--api-port",
      makeApp: (signal) =>
        createApiApp(state, { ...health, clock, signal, access }),
    },
  ];
}

/** A server that listens from its making on. */
class HttpModule implements Module {
  readonly name: string;
  readonly purpose: string;
  readonly needs: readonly string[] = [];
  readonly #plan: Plan;
  readonly #clock: Clock;
  #stop = new AbortController();
  #server: RunningServer | undefined;

  constructor(plan: Plan, clock: Clock) {
    this.name = plan.name;
    this.purpose = plan.purpose;
    this.#plan = plan;
    this.#clock = clock;
    this.#server = this.#open();
  }

  async run({ signal, started }: ModuleContext): Promise<void> {
    const server = this.#server ?? this.#open();
    this.#server = server;
    const onAbort = (): void => this.#stop.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      started();
      await server.finished;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#server = undefined;
    }
  }

  health(): { readonly ready: boolean; readonly message: string } {
    const { address, port } = this.#server ?? this.#plan;
    const host = address.includes(":") ? `[${address}]` : address;
    return { ready: true, message: `http://${host}:${port}/` };
  }

  /** Lets the socket go when the graph never starts. */
  close(): void {
    this.#stop.abort();
  }

  #open(): RunningServer {
    const { address } = this.#plan;
    if (address !== "") return this.#listen(address);
    try {
      return this.#listen("::");
    } catch (error) {
      // A kernel without IPv6 knows no such address; a taken port is taken there too.
      if (hasIpv6()) throw error;
      return this.#listen("0.0.0.0");
    }
  }

  #listen(address: string): RunningServer {
    this.#stop = new AbortController();
    const { name, port, portFlag, makeApp } = this.#plan;
    return serve({
      app: makeApp(this.#stop.signal),
      name,
      address,
      port,
      portFlag,
      signal: this.#stop.signal,
      clock: this.#clock,
    });
  }
}

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}
