/**
 * Pods' interfaces, made by the real CNI plugins `bridge` and `host-local` the
 * way a container runtime calls them.
 *
 * @see https://www.cni.dev/docs/spec/
 * @module
 */

import { LabError } from "../system/error.ts";
import { run } from "../system/process.ts";

/** Where Debian's `containernetworking-plugins` and upstream's packages put the plugins. */
const PLUGIN_DIRECTORIES = ["/usr/lib/cni", "/opt/cni/bin"];

/** The node side of pods' interfaces. */
export interface CniOptions {
  /** Namespace of the node. */
  readonly nodeNamespace: string;
  /** One for each family; the first usable address is the bridge's. */
  readonly podCidrs: readonly string[];
  /** Where `host-local` keeps its leases. */
  readonly dataDirectory: string;
}

/** Calls the plugins for the pods of one node. */
export class Cni {
  readonly #options: CniOptions;

  constructor(options: CniOptions) {
    this.#options = options;
  }

  /**
   * Gives the namespace of a pod its `eth0`.
   *
   * @returns its addresses, in the order of the pod CIDRs
   * @throws {LabError} with what the plugin said
   */
  async add(podNamespace: string): Promise<readonly string[]> {
    const result = await this.#call("ADD", podNamespace);
    const { ips } = JSON.parse(result) as { ips: { address: string }[] };
    return ips.map(({ address }) => address.replace(/\/.*/, ""));
  }

  /** Takes a pod's interface and addresses back; its namespace may be gone already. */
  async delete(podNamespace: string): Promise<void> {
    await this.#call("DEL", podNamespace);
  }

  async #call(command: "ADD" | "DEL", podNamespace: string): Promise<string> {
    const { nodeNamespace } = this.#options;
    const directory = await pluginDirectory();
    const { code, stdout } = await run(`${directory}/bridge`, [], {
      namespace: nodeNamespace,
      stdin: JSON.stringify(this.#configuration()),
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: podNamespace,
        CNI_NETNS: `/run/netns/${podNamespace}`,
        CNI_IFNAME: "eth0",
        CNI_PATH: directory,
      },
    });
    if (code !== 0) {
      throw new LabError(
        `CNI ${command} for ${podNamespace} on ${nodeNamespace}: ${stdout.trim()}`,
      );
    }
    return stdout;
  }

  #configuration(): unknown {
    const { podCidrs, dataDirectory } = this.#options;
    return {
      cniVersion: "0.4.0",
      name: "kubernetes",
      type: "bridge",
      bridge: "kube-bridge",
      isDefaultGateway: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        ranges: podCidrs.map((subnet) => [{ subnet }]),
        dataDir: dataDirectory,
      },
    };
  }
}

let found: string | undefined;

async function pluginDirectory(): Promise<string> {
  for (const directory of found ? [found] : PLUGIN_DIRECTORIES) {
    try {
      await Deno.stat(`${directory}/bridge`);
      return found = directory;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new LabError(
    "no CNI plugins; run: apt-get install containernetworking-plugins",
  );
}
