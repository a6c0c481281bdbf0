/**
 * A whole lab: network, router, cluster, agents and probes, as one thing that
 * goes up and comes down.
 *
 * @module
 */

import { Agent, type EndSignal, onNode } from "./agents.ts";
import { Cluster } from "./cluster/cluster.ts";
import { ApiOutput, DirectoryOutput } from "./cluster/output.ts";
import { Forwarder } from "./probe/forward.ts";
import {
  type Answer,
  type Probe,
  probeAll,
  type ProbeOptions,
} from "./probe/probe.ts";
import { NamespaceRuntime } from "./runtime.ts";
import { LabError } from "./system/error.ts";
import {
  type CommandOptions,
  type CommandResult,
  run,
} from "./system/process.ts";
import { Bird } from "./topology/bird.ts";
import { type Claim, claim } from "./topology/claim.ts";
import { lowerNetwork, raiseNetwork } from "./topology/network.ts";
import {
  type Family,
  type NodePlan,
  type Plan,
  planLab,
  type PlanOptions,
} from "./topology/plan.ts";

/** What an agent is started with. */
export interface AgentCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What a lab consists of. */
export interface LabOptions extends PlanOptions {
  /** The agent of a node, or nothing to have none. */
  readonly agent?: (node: NodePlan, lab: Lab) => AgentCommand;
  /** Publishes the cluster to an API server instead of a directory. */
  readonly apiServer?: { readonly url: string; readonly token?: string };
  /** For services that do not say; default one address of each family. */
  readonly ipFamilyPolicy?: "SingleStack" | "PreferDualStack";
  /** Annotations of the Node objects, by node name. */
  readonly nodeAnnotations?: (
    node: NodePlan,
  ) => Readonly<Record<string, string>>;
  /** For manifests, logs and state; must exist. By default a temporary one that goes with the lab. */
  readonly directory?: string;
}

/** A probe between things with names. */
export interface NamedProbe {
  /** `node1`, `router`, `client`, or a pod: `namespace/name`, or a name in `default`. */
  readonly from: string;
  /** An IP address. */
  readonly to: string;
  readonly port: number;
  /** Default TCP. */
  readonly protocol?: "TCP" | "UDP";
  readonly sourcePort?: number;
}

/** A lab that is up. */
export class Lab implements AsyncDisposable {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly bird: Bird;
  /** Holds `manifests/` and a directory for each node. */
  readonly directory: string;
  readonly #options: LabOptions;
  readonly #claim: Claim;
  readonly #runtime: NamespaceRuntime;
  readonly #agents = new Map<string, Agent>();
  readonly #forwarders: Forwarder[] = [];

  private constructor(
    parts: {
      readonly plan: Plan;
      readonly directory: string;
      readonly claim: Claim;
      readonly bird: Bird;
      readonly options: LabOptions;
    },
  ) {
    const { plan, directory, options } = parts;
    this.plan = plan;
    this.directory = directory;
    this.bird = parts.bird;
    this.#claim = parts.claim;
    this.#options = options;
    this.#runtime = new NamespaceRuntime(plan, directory);
    const { apiServer } = options;
    this.cluster = new Cluster({
      nodes: plan.nodes.map((node) => ({
        name: node.name,
        addresses: node.addresses.map(({ address }) => address),
        podCidrs: node.podCidrs,
        ...(options.nodeAnnotations
          ? { annotations: options.nodeAnnotations(node) }
          : {}),
      })),
      ranges: plan.serviceRanges,
      ipFamilyPolicy: options.ipFamilyPolicy ?? "PreferDualStack",
      runtime: this.#runtime,
      output: apiServer
        ? new ApiOutput(apiServer.url, apiServer.token)
        : new DirectoryOutput(this.manifests),
    });
  }

  /**
   * Builds network, router and an empty cluster; what an earlier lab of the same
   * prefix left is removed first. Agents are started by {@linkcode startAgents}.
   *
   * @throws {LabError} without root, or when a tool or kernel module is missing,
   * or when a lab of the prefix is up
   */
  static async up(options: LabOptions = {}): Promise<Lab> {
    const plan = planLab(options);
    const claimed = await claim(plan.prefix);
    const directory = options.directory ??
      await Deno.makeTempDir({ prefix: "fairway-lab-" });
    try {
      for (const name of ["manifests", ...plan.nodes.map((n) => n.name)]) {
        await Deno.mkdir(`${directory}/${name}`, { recursive: true });
      }
      await raiseNetwork(plan);
      const bird = await Bird.start({ plan, directory });
      const lab = new Lab({ plan, directory, claim: claimed, bird, options });
      await lab.cluster.start();
      return lab;
    } catch (error) {
      await lowerNetwork(plan.prefix);
      if (options.directory === undefined) {
        await Deno.remove(directory, { recursive: true });
      }
      await claimed.release();
      throw error;
    }
  }

  /** The directory that `--manifests` is given. */
  get manifests(): string {
    return `${this.directory}/manifests`;
  }

  /** The plan of a node. @throws {LabError} */
  node(name: string): NodePlan {
    const node = this.plan.nodes.find((node) => node.name === name);
    if (!node) throw new LabError(`no node ${name}`);
    return node;
  }

  /** The network namespace of a node, the router, the client, or a pod. */
  namespaceOf(name: string): string {
    const { nodes, router, client } = this.plan;
    const host = [...nodes, router, client].find((host) => host.name === name);
    if (host) return host.namespace;
    return this.#runtime.namespaceOf(
      name.includes("/") ? name : `default/${name}`,
    );
  }

  /** A service's cluster address. @throws {LabError} when it has none of the family */
  serviceAddress(name: string, family: Family = "ipv4"): string {
    const { clusterIPs = [] } = this.cluster.service(name).spec;
    return ofFamily(clusterIPs, family, `service ${name}`);
  }

  /** A pod's address. @throws {LabError} when it has none of the family */
  podAddress(name: string, family: Family = "ipv4"): string {
    const key = name.includes("/") ? name : `default/${name}`;
    const ips = this.cluster.pods.get(key)?.status?.podIPs ?? [];
    return ofFamily(ips.map(({ ip }) => ip), family, `pod ${name}`);
  }

  /** Makes every attempt; answers come in their order. */
  probeAll(
    probes: readonly NamedProbe[],
    options?: ProbeOptions,
  ): Promise<readonly Answer[]> {
    return probeAll(probes.map((probe) => this.#resolve(probe)), options);
  }

  /** Makes one attempt. */
  async probe(probe: NamedProbe, options?: ProbeOptions): Promise<Answer> {
    const [answer] = await this.probeAll([probe], options);
    if (!answer) throw new LabError("a probe without an answer");
    return answer;
  }

  #resolve(probe: NamedProbe): Probe {
    const { from, to, port, protocol = "TCP", sourcePort } = probe;
    return {
      namespace: this.namespaceOf(from),
      address: to,
      port,
      protocol,
      ...(sourcePort === undefined ? {} : { sourcePort }),
    };
  }

  /** The agent of a node. @throws {LabError} when it was never started */
  agent(node: string): Agent {
    const agent = this.#agents.get(node);
    if (!agent) throw new LabError(`no agent on ${node}`);
    return agent;
  }

  /** Starts the agents of all nodes, or of those named; one that runs is left alone. */
  startAgents(
    nodes: readonly string[] = this.plan.nodes.map((n) => n.name),
  ): void {
    const { agent: describe } = this.#options;
    if (!describe) throw new LabError("the lab was built without an agent");
    for (const name of nodes) {
      const node = this.node(name);
      const known = this.#agents.get(name);
      if (known?.running) continue;
      const agent = known ?? new Agent({
        node: name,
        namespace: node.namespace,
        log: `${this.directory}/${name}/agent.log`,
        stateDirectory: `${this.directory}/${name}`,
        ...describe(node, this),
      });
      this.#agents.set(name, agent);
      agent.start();
    }
  }

  /**
   * Runs a command as the node's agent runs, to its end.
   *
   * @throws {LabError} when it cannot be started or does not end in time
   */
  runOnNode(
    node: string,
    command: readonly string[],
    options?: CommandOptions,
  ): Promise<CommandResult> {
    const [first = "", ...rest] = onNode({
      namespace: this.node(node).namespace,
      stateDirectory: `${this.directory}/${node}`,
      command,
    });
    return run(first, rest, options);
  }

  /** Ends a node's agent with a signal, and waits until it is gone. */
  killAgent(node: string, signal: EndSignal): Promise<Deno.CommandStatus> {
    return this.agent(node).end(signal);
  }

  /**
   * A URL in this process's namespace that leads to a port of a node's loopback.
   *
   * @param listen where; default 127.0.0.1 and any free port
   */
  async forward(
    node: string,
    targetPort: number,
    listen: { readonly hostname?: string; readonly port?: number } = {},
  ): Promise<string> {
    const forwarder = await Forwarder.start({
      ...listen,
      namespace: this.node(node).namespace,
      targetPort,
    });
    this.#forwarders.push(forwarder);
    return `http://${listen.hostname ?? "127.0.0.1"}:${forwarder.port}`;
  }

  /** What agents and router said last, for a failure. */
  async report(): Promise<string> {
    const parts: string[] = [];
    for (const [name, agent] of this.#agents) {
      const { status } = agent;
      const state = status ? `ended with code ${status.code}` : "runs";
      parts.push(`--- agent of ${name} (${state})`, await agent.logTail());
    }
    parts.push("--- bird", await this.bird.logTail());
    return parts.join("\n");
  }

  /** Ends agents and router and removes everything the lab made. */
  async down(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.stop()));
    for (const forwarder of this.#forwarders) {
      await forwarder[Symbol.asyncDispose]();
    }
    await this.#runtime.closeServers();
    await this.bird[Symbol.asyncDispose]();
    await lowerNetwork(this.plan.prefix);
    if (this.#options.directory === undefined) {
      await Deno.remove(this.directory, { recursive: true });
    }
    await this.#claim.release();
  }

  /** {@linkcode down} */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

/**
 * Runs `work` in a lab of its own; when it fails, shows what agents and router
 * said.
 */
export async function withLab(
  options: LabOptions,
  work: (lab: Lab) => Promise<void>,
): Promise<void> {
  await using lab = await Lab.up(options);
  try {
    await work(lab);
  } catch (error) {
    console.error(await lab.report());
    throw error;
  }
}

function ofFamily(
  addresses: readonly string[],
  family: Family,
  what: string,
): string {
  const address = addresses.find((address) =>
    address !== "None" && address.includes(":") === (family === "ipv6")
  );
  if (address === undefined) {
    throw new LabError(`${what} has no ${family} address`);
  }
  return address;
}
