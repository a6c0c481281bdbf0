/**
 * Service addresses and node ports, handed out in order.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import type { ServiceManifest, ServicePortManifest } from "./objects.ts";

/** First and last port of Kubernetes' default range. */
const NODE_PORTS = { first: 30000, last: 32767 };

/** The ranges that services get their addresses from. */
export interface ServiceRanges {
  /** One for each family, for example `10.43.0.0/16` and `fd43::/112`. */
  readonly ranges: readonly string[];
  /**
   * For services that do not say: one address, of the first family
   * (Kubernetes' default), or one of each.
   */
  readonly ipFamilyPolicy: "SingleStack" | "PreferDualStack";
}

/** Gives services what they do not bring. */
export class ServiceAddresses {
  readonly #options: ServiceRanges;
  readonly #taken = new Set<string>();
  readonly #takenPorts = new Set<number>();

  constructor(options: ServiceRanges) {
    this.#options = options;
  }

  /**
   * The service with cluster addresses and node ports; those of `previous`, the
   * same service before, are kept.
   */
  complete(
    service: ServiceManifest,
    previous: ServiceManifest | undefined,
  ): ServiceManifest {
    const { spec } = service;
    if (spec.type === "ExternalName") return service;
    const clusterIPs = spec.clusterIPs ?? previous?.spec.clusterIPs ??
      (spec.clusterIP === undefined
        ? this.#allocateEach(spec.ipFamilyPolicy, spec.ipFamilies)
        : [spec.clusterIP]);
    for (const address of clusterIPs) this.#taken.add(address);
    const exposed = spec.type === "NodePort" || spec.type === "LoadBalancer";
    const ports = exposed
      ? spec.ports?.map((port) => this.#completePort(port, previous))
      : spec.ports;
    return {
      ...service,
      spec: {
        ...spec,
        type: spec.type ?? "ClusterIP",
        ...(clusterIPs[0] === undefined ? {} : { clusterIP: clusterIPs[0] }),
        clusterIPs,
        ...(clusterIPs[0] === "None"
          ? {}
          : { ipFamilies: clusterIPs.map(familyName) }),
        ...(ports === undefined ? {} : { ports }),
      },
    };
  }

  /** Takes back what a removed service had. */
  release(service: ServiceManifest): void {
    for (const address of service.spec.clusterIPs ?? []) {
      this.#taken.delete(address);
    }
    for (const { nodePort } of service.spec.ports ?? []) {
      if (nodePort !== undefined) this.#takenPorts.delete(nodePort);
    }
  }

  #allocateEach(
    policy: string | undefined,
    families: readonly string[] | undefined,
  ): readonly string[] {
    const { ranges, ipFamilyPolicy } = this.#options;
    const wanted = families === undefined
      ? ranges
      : families.flatMap((family) =>
        ranges.filter((range) => familyName(range) === family)
      );
    const single = (policy ?? ipFamilyPolicy) === "SingleStack";
    return (single ? wanted.slice(0, 1) : wanted).map((range) =>
      this.#allocate(range)
    );
  }

  #allocate(range: string): string {
    const base = range.replace(/\/.*/, "");
    // The first ten are left for services that choose their address.
    for (let number = 10; number < 65_000; number++) {
      const address = base.includes(":")
        ? `${base}${number.toString(16)}`
        : base.replace(/\d+\.\d+$/, `${number >> 8}.${number & 255}`);
      if (!this.#taken.has(address)) return address;
    }
    throw new LabError(`no free address in ${range}`);
  }

  #completePort(
    port: ServicePortManifest,
    previous: ServiceManifest | undefined,
  ): ServicePortManifest {
    const before = previous?.spec.ports?.find((old) =>
      old.port === port.port && old.protocol === port.protocol
    );
    const nodePort = port.nodePort ?? before?.nodePort ?? this.#freeNodePort();
    this.#takenPorts.add(nodePort);
    return { ...port, nodePort };
  }

  #freeNodePort(): number {
    for (let port = NODE_PORTS.first; port <= NODE_PORTS.last; port++) {
      if (!this.#takenPorts.has(port)) return port;
    }
    throw new LabError("no free node port");
  }
}

/** Kubernetes' word for the family of an address or prefix. */
export function familyName(address: string): "IPv4" | "IPv6" {
  return address.includes(":") ? "IPv6" : "IPv4";
}
