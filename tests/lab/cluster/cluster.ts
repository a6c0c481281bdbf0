/**
 * A small Kubernetes control plane: turns Deployments and Services into Pods
 * and EndpointSlices, and publishes them.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { ServiceAddresses, type ServiceRanges } from "./addresses.ts";
import {
  type DeploymentManifest,
  nameOf,
  parseManifests,
  type PodManifest,
  type ServiceManifest,
  type StringMap,
} from "./objects.ts";
import { type Output, Publisher } from "./output.ts";
import { compileSlices } from "./slices.ts";
import {
  type ClusterNode,
  namespaceObject,
  nodeObject,
  podOf,
  type PodRuntime,
  request,
  runningPod,
  timestamp,
} from "./templates.ts";

/** What a cluster consists of. */
export interface ClusterOptions extends ServiceRanges {
  readonly nodes: readonly ClusterNode[];
  readonly runtime: PodRuntime;
  readonly output: Output;
}

/** Names an object within its kind: `namespace/name`, or a name in `default`. */
export type ObjectName = string;

/** The control plane. Its methods are called one after the other, each awaited. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #addresses: ServiceAddresses;
  readonly #publisher: Publisher;
  /** Names of the slices made here; others' are left alone. */
  readonly #slices = new Set<string>();
  readonly #deployments = new Map<ObjectName, DeploymentManifest>();
  readonly #services = new Map<ObjectName, ServiceManifest>();
  readonly #pods = new Map<ObjectName, PodManifest>();
  #podNumber = 0;
  #scheduled = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#addresses = new ServiceAddresses(options);
    this.#publisher = new Publisher(options.output);
  }

  /** Publishes the nodes. */
  async start(): Promise<void> {
    for (const node of this.#options.nodes) {
      await this.#publisher.put(nodeObject(node));
    }
    await this.#ensureNamespace("default");
  }

  /** The pods, by `namespace/name`. */
  get pods(): ReadonlyMap<ObjectName, PodManifest> {
    return this.#pods;
  }

  /** The services, by `namespace/name`, with the addresses they got. */
  get services(): ReadonlyMap<ObjectName, ServiceManifest> {
    return this.#services;
  }

  /** The service of that name. @throws {LabError} */
  service(name: ObjectName): ServiceManifest {
    return found(this.#services, name, "service");
  }

  /** The pods whose labels include these, in the order of their names. */
  podsWith(labels: StringMap): readonly PodManifest[] {
    return [...this.#pods.values()].filter((pod) =>
      Object.entries(labels).every(([key, value]) =>
        pod.metadata.labels?.[key] === value
      )
    ).sort((a, b) => a.metadata.name < b.metadata.name ? -1 : 1);
  }

  /**
   * Applies YAML text: Deployments become pods, Services get addresses and
   * slices, bare Pods are started, anything else is published as it is.
   */
  async apply(text: string): Promise<void> {
    const touched = new Set<string>();
    const starts: PodManifest[] = [];
    for (const object of parseManifests(text)) {
      const { namespace } = object.metadata;
      if (namespace !== undefined) {
        await this.#ensureNamespace(namespace);
        touched.add(namespace);
      }
      const key = `${namespace}/${object.metadata.name}`;
      switch (object.kind) {
        case "Deployment":
          this.#deployments.set(key, object as DeploymentManifest);
          starts.push(...this.#missing(object as DeploymentManifest));
          break;
        case "Pod":
          starts.push(object as PodManifest);
          break;
        case "Service": {
          const service = this.#addresses.complete(
            object as ServiceManifest,
            this.#services.get(key),
          );
          this.#services.set(key, service);
          await this.#publisher.put(service);
          break;
        }
        case "ServiceAccount":
          break;
        default:
          await this.#publisher.put(object);
      }
    }
    await this.#startAll(starts);
    for (const namespace of touched) await this.#publishSlices(namespace);
  }

  /** Removes an object by kind and name; a Deployment with its pods, a Service with its slices. */
  async remove(kind: string, name: ObjectName): Promise<void> {
    const key = full(name);
    if (kind === "Pod") return await this.deletePod(name);
    if (kind === "Deployment") {
      await this.scale(name, 0);
      this.#deployments.delete(key);
      return;
    }
    if (kind === "Service") {
      this.#addresses.release(this.service(name));
      this.#services.delete(key);
      await this.#publishSlices(namespaceOf(key));
    }
    const object = this.#publisher.get(`${kind} ${key}`) ??
      this.#publisher.get(`${kind} ${name}`);
    if (!object) throw new LabError(`no ${kind} ${name} to remove`);
    await this.#publisher.remove(object);
  }

  /** Sets the number of a Deployment's pods; the newest go first. */
  async scale(name: ObjectName, replicas: number): Promise<void> {
    const key = full(name);
    const before = found(this.#deployments, name, "deployment");
    const deployment = { ...before, spec: { ...before.spec, replicas } };
    this.#deployments.set(key, deployment);
    const pods = this.#podsOf(deployment);
    for (const pod of pods.slice(replicas)) await this.#stop(pod);
    await this.#startAll(this.#missing(deployment));
    await this.#publishSlices(namespaceOf(key));
  }

  /** Deletes a pod at once; its Deployment starts another under a new name. */
  async deletePod(name: ObjectName): Promise<void> {
    const pod = found(this.#pods, name, "pod");
    await this.#stop(pod);
    const replacements = [...this.#deployments.values()].flatMap((deployment) =>
      this.#missing(deployment)
    );
    await this.#startAll(replacements);
    await this.#publishSlices(namespaceOf(full(name)));
  }

  /** Marks a pod as being deleted: it still serves, and its endpoints say so. */
  async terminatePod(name: ObjectName): Promise<void> {
    await this.#changePod(name, (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, deletionTimestamp: timestamp() },
    }));
  }

  /** Sets a pod's readiness. */
  async setReady(name: ObjectName, ready: boolean): Promise<void> {
    await this.#changePod(name, (pod) => ({
      ...pod,
      status: {
        phase: "Running",
        ...pod.status,
        conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      },
    }));
  }

  /** Replaces the labels of a pod. */
  async labelPod(name: ObjectName, labels: StringMap): Promise<void> {
    await this.#changePod(name, (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels },
    }));
  }

  /** Replaces the labels of a namespace, but for the one with its name. */
  async labelNamespace(name: string, labels: StringMap): Promise<void> {
    await this.#publisher.put(namespaceObject(name, labels));
  }

  /** Stops every pod; nothing is withdrawn from the output. */
  async stop(): Promise<void> {
    await this.#perNode([...this.#pods.values()], async (pod) => {
      await this.#options.runtime.stop(request(pod));
    });
    this.#pods.clear();
  }

  async #changePod(
    name: ObjectName,
    change: (pod: PodManifest) => PodManifest,
  ): Promise<void> {
    const pod = change(found(this.#pods, name, "pod"));
    this.#pods.set(full(name), pod);
    await this.#publisher.put(pod);
    await this.#publishSlices(namespaceOf(full(name)));
  }

  #podsOf(deployment: DeploymentManifest): readonly PodManifest[] {
    const { namespace, name } = deployment.metadata;
    const prefix = `${namespace}/${name}-`;
    return [...this.#pods].filter(([key]) =>
      key.startsWith(prefix) && /^\d+$/.test(key.slice(prefix.length))
    ).map(([, pod]) => pod);
  }

  /** Pods that a Deployment wants and does not have, without addresses yet. */
  #missing(deployment: DeploymentManifest): readonly PodManifest[] {
    const count = (deployment.spec.replicas ?? 1) -
      this.#podsOf(deployment).length;
    return Array.from(
      { length: Math.max(0, count) },
      () => podOf(deployment, ++this.#podNumber),
    );
  }

  async #startAll(pods: readonly PodManifest[]): Promise<void> {
    const placed = pods.map((pod) => this.#schedule(pod));
    await this.#perNode(placed, async (pod) => {
      const ips = await this.#options.runtime.start(request(pod));
      const node = this.#options.nodes.find(({ name }) =>
        name === pod.spec.nodeName
      );
      const running = runningPod(pod, ips, node?.addresses[0]);
      this.#pods.set(`${pod.metadata.namespace}/${pod.metadata.name}`, running);
      await this.#publisher.put(running);
    });
  }

  #schedule(pod: PodManifest): PodManifest {
    if (pod.spec.nodeName !== undefined) return pod;
    const { nodes } = this.#options;
    const node = nodes[this.#scheduled++ % nodes.length];
    if (node === undefined) throw new LabError("a cluster without nodes");
    return { ...pod, spec: { ...pod.spec, nodeName: node.name } };
  }

  /** Works on pods: nodes side by side, the pods of one node in turn, as kubelets do. */
  async #perNode(
    pods: readonly PodManifest[],
    work: (pod: PodManifest) => Promise<void>,
  ): Promise<void> {
    const queues = Map.groupBy(pods, (pod) => pod.spec.nodeName);
    await Promise.all([...queues.values()].map(async (queue) => {
      for (const pod of queue) await work(pod);
    }));
  }

  async #stop(pod: PodManifest): Promise<void> {
    this.#pods.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
    await this.#publisher.remove(pod);
    await this.#options.runtime.stop(request(pod));
  }

  async #ensureNamespace(name: string): Promise<void> {
    if (!this.#publisher.get(`Namespace ${name}`)) {
      await this.#publisher.put(namespaceObject(name, {}));
    }
  }

  async #publishSlices(namespace: string): Promise<void> {
    const prefix = `EndpointSlice ${namespace}/`;
    const stale = new Set(
      [...this.#slices].filter((name) => name.startsWith(prefix)),
    );
    for (const service of this.#services.values()) {
      if (service.metadata.namespace !== namespace) continue;
      for (const slice of compileSlices(service, this.#pods.values())) {
        stale.delete(nameOf(slice));
        this.#slices.add(nameOf(slice));
        await this.#publisher.put(slice);
      }
    }
    for (const name of stale) {
      const slice = this.#publisher.get(name);
      if (slice) await this.#publisher.remove(slice);
      this.#slices.delete(name);
    }
  }
}

function full(name: ObjectName): ObjectName {
  return name.includes("/") ? name : `default/${name}`;
}

function namespaceOf(key: ObjectName): string {
  return key.slice(0, key.indexOf("/"));
}

function found<T>(
  map: ReadonlyMap<ObjectName, T>,
  name: ObjectName,
  what: string,
): T {
  const value = map.get(full(name));
  if (value === undefined) throw new LabError(`no ${what} ${full(name)}`);
  return value;
}
