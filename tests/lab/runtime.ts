/**
 * Pods as namespaces: wired by CNI, with a server on every container port.
 *
 * @module
 */

import type { PodRequest, PodRuntime } from "./cluster/templates.ts";
import { EchoServer } from "./probe/server.ts";
import { LabError } from "./system/error.ts";
import { Cni } from "./topology/cni.ts";
import { addNamespaces, deleteNamespaces } from "./topology/namespaces.ts";
import type { NodePlan, Plan } from "./topology/plan.ts";

interface RunningPod {
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly server: EchoServer;
}

/** Starts pods in the namespaces of a plan's nodes. */
export class NamespaceRuntime implements PodRuntime {
  readonly #plan: Plan;
  readonly #cnis: ReadonlyMap<string, Cni>;
  readonly #pods = new Map<string, RunningPod>();

  /** @param directory for the address leases of the CNI plugins */
  constructor(plan: Plan, directory: string) {
    this.#plan = plan;
    this.#cnis = new Map(plan.nodes.map((node) => [
      node.name,
      new Cni({
        nodeNamespace: node.namespace,
        podCidrs: node.podCidrs,
        dataDirectory: `${directory}/${node.name}/leases`,
      }),
    ]));
  }

  /**
   * The network namespace of a pod.
   *
   * @throws {LabError} when it does not run
   */
  namespaceOf(pod: string): string {
    const running = this.#pods.get(pod);
    if (!running) throw new LabError(`no pod ${pod}`);
    return running.namespace;
  }

  async start(pod: PodRequest): Promise<readonly string[]> {
    const node = this.#node(pod.node);
    const namespace = pod.hostNetwork ? node.namespace : this.#name(pod);
    const addresses = pod.hostNetwork
      ? node.addresses.map(({ address }) => address)
      : await this.#wire(namespace, pod.node);
    const server = new EchoServer({
      namespace,
      name: pod.name,
      addresses,
      ports: pod.ports.flatMap(({ containerPort, protocol = "TCP" }) =>
        protocol === "TCP" || protocol === "UDP"
          ? [{ protocol, port: containerPort }]
          : []
      ),
    });
    this.#pods.set(key(pod), { namespace, addresses, server });
    return addresses;
  }

  async stop(pod: PodRequest): Promise<void> {
    const running = this.#pods.get(key(pod));
    if (!running) return;
    this.#pods.delete(key(pod));
    await running.server[Symbol.asyncDispose]();
    if (pod.hostNetwork) return;
    await this.#cni(pod.node).delete(running.namespace);
    await deleteNamespaces([running.namespace]);
  }

  /** Closes every server; the namespaces are left to whoever removes them all. */
  async closeServers(): Promise<void> {
    for (const { server } of this.#pods.values()) {
      await server[Symbol.asyncDispose]();
    }
    this.#pods.clear();
  }

  async #wire(namespace: string, node: string): Promise<readonly string[]> {
    await addNamespaces([namespace]);
    return await this.#cni(node).add(namespace);
  }

  #name({ namespace, name }: PodRequest): string {
    return `${this.#plan.prefix}pod-${namespace}-${name}`;
  }

  #node(name: string): NodePlan {
    const node = this.#plan.nodes.find((node) => node.name === name);
    if (!node) throw new LabError(`no node ${name}`);
    return node;
  }

  #cni(node: string): Cni {
    const cni = this.#cnis.get(node);
    if (!cni) throw new LabError(`no node ${node}`);
    return cni;
  }
}

function key({ namespace, name }: PodRequest): string {
  return `${namespace}/${name}`;
}
