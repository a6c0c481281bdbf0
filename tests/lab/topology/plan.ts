/**
 * Names and addresses of everything in a lab.
 *
 * @module
 */

/** An address family. */
export type Family = "ipv4" | "ipv6";

/** What a lab looks like. */
export interface PlanOptions {
  /** Number of nodes, 1 to 200; default 2. */
  readonly nodes?: number;
  /** Default both. */
  readonly families?: readonly Family[];
  /** Begins the name of every network namespace; default `fl-`. */
  readonly prefix?: string;
  /** Nodes and router on one segment (default), or a segment for each node. */
  readonly links?: "shared" | "point-to-point";
}

/** One address of an interface: an address and the length of its network's prefix. */
export interface InterfaceAddress {
  readonly address: string;
  readonly length: number;
}

/** A node. */
export interface NodePlan {
  /** For example `node1`. */
  readonly name: string;
  readonly namespace: string;
  /** By family; of the interface `eth0`, which leads to the router. */
  readonly addresses: readonly InterfaceAddress[];
  /** The router's addresses on the node's segment. */
  readonly gateways: readonly InterfaceAddress[];
  /** One for each family. */
  readonly podCidrs: readonly string[];
}

/** A host that is not a node: the router, or a client behind it. */
export interface HostPlan {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly InterfaceAddress[];
}

/** Everything that has a name or an address before the first pod starts. */
export interface Plan {
  readonly prefix: string;
  readonly families: readonly Family[];
  readonly links: "shared" | "point-to-point";
  readonly nodes: readonly NodePlan[];
  /** Its addresses are those on the client's segment. */
  readonly router: HostPlan;
  readonly client: HostPlan;
  /** Autonomous system of the nodes. */
  readonly clusterAs: number;
  /** Autonomous system of the router. */
  readonly routerAs: number;
  /** Whole ranges, one for each family. */
  readonly podRanges: readonly string[];
  readonly serviceRanges: readonly string[];
}

/** Lays out a lab. The same options give the same plan. */
export function planLab(options: PlanOptions = {}): Plan {
  const families = options.families ?? ["ipv4", "ipv6"];
  const prefix = options.prefix ?? "fl-";
  const links = options.links ?? "shared";
  const each = (v4: string, v6: string): string[] =>
    families.map((family) => family === "ipv4" ? v4 : v6);
  const on = (v4: string, v6: string): InterfaceAddress[] =>
    families.map((family) =>
      family === "ipv4"
        ? { address: v4, length: 24 }
        : { address: v6, length: 64 }
    );
  const nodes = Array.from({ length: options.nodes ?? 2 }, (_, index) => {
    const number = index + 1;
    const name = `node${number}`;
    const segment = links === "shared" ? 0 : number;
    // Every address here is in the form in which tools print it.
    const segment6 = segment === 0
      ? "fd30"
      : `fd30:0:0:${segment.toString(16)}`;
    return {
      name,
      namespace: prefix + name,
      addresses: on(
        `172.30.${segment}.${10 + number}`,
        `${segment6}::${(0x10 + number).toString(16)}`,
      ),
      gateways: on(`172.30.${segment}.1`, `${segment6}::1`),
      podCidrs: each(
        `10.42.${number}.0/24`,
        `fd42:0:0:${number.toString(16)}::/64`,
      ),
    };
  });
  const host = (name: string, v4: string, v6: string): HostPlan => ({
    name,
    namespace: prefix + name,
    addresses: on(v4, v6),
  });
  return {
    prefix,
    families,
    links,
    nodes,
    router: host("router", "172.31.0.1", "fd31::1"),
    client: host("client", "172.31.0.2", "fd31::2"),
    clusterAs: 64512,
    routerAs: 64600,
    podRanges: each("10.42.0.0/16", "fd42::/48"),
    serviceRanges: each("10.43.0.0/16", "fd43::/112"),
  };
}
