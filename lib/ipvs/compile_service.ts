/**
 * One service as kernel state.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Entry } from "../base/target.ts";
import { chooseEndpoints } from "../cluster/endpoints.ts";
import type {
  ClusterView,
  EndpointSlice,
  ObjectKey,
  Service,
} from "../cluster/model.ts";
import type { IpValue } from "../dataplane/ip.ts";
import {
  type IpvsDestination,
  ipvsKey,
  type IpvsService,
  type IpvsValue,
} from "../dataplane/ipvs.ts";
import type { NftValue } from "../dataplane/nft.ts";
import type { Ip } from "../net/ip.ts";
import { hostPrefix, prefixContains } from "../net/prefix.ts";
import type { Holders } from "./claims.ts";
import { inRange, nodeIp, type ServiceContext } from "./context.ts";
import { parseScheduling, type Scheduling } from "./scheduler.ts";
import { serviceElement } from "./service_nat.ts";
import { localRoute } from "./vip_route.ts";
import { listVirtualServers, type VirtualServer } from "./virtual_servers.ts";

/** A service, by tool. Sorted by key, each key once. */
export interface CompiledService {
  readonly ipvs: readonly Entry<IpvsValue>[];
  readonly nft: readonly Entry<NftValue>[];
  readonly ip: readonly Entry<IpValue>[];
  readonly issues: readonly Issue[];
}

const NOTHING: CompiledService = { ipvs: [], nft: [], ip: [], issues: [] };

/**
 * Compiles one service; nothing when it does not exist or is not ours to serve.
 *
 * A virtual server without endpoints stays without destinations, and IPVS
 * refuses at once. The exception is an external or load-balancer address with
 * policy Local and no endpoint here: it is not made local at all, so that a
 * client on this node finds its way to a node that has one.
 *
 * @param holders who holds an address and port that several services want;
 * without it the service has all it asks for
 */
export function compileService(
  view: ClusterView,
  key: ObjectKey,
  context: ServiceContext,
  holders?: Holders,
): CompiledService {
  const service = view.table("Service").get(key);
  if (service === undefined) return NOTHING;
  const { servers, issues: ipIssues } = listVirtualServers(service, context);
  if (servers.length === 0) return { ...NOTHING, issues: ipIssues };
  const scheduling = parseScheduling(service);
  const collector = new Collector(service, context, scheduling);
  collector.issues.push(...ipIssues, ...scheduling.issues);
  const slices = [...view.slicesOf(key)];
  for (const server of servers) {
    const holder = holders?.holder(server.text) ?? key;
    if (holder !== key) collector.lose(server, holder);
    else if (collector.place(server, view)) collector.serve(server, slices);
  }
  return collector.done();
}

/** Gathers the entries of one service. */
class Collector {
  readonly issues: Issue[] = [];
  readonly #service: Service;
  readonly #context: ServiceContext;
  readonly #scheduling: Scheduling;
  readonly #owner: string;
  readonly #ipvs = new Map<string, Entry<IpvsValue>>();
  readonly #nft = new Map<string, Entry<NftValue>>();
  readonly #ip = new Map<string, Entry<IpValue>>();

  constructor(
    service: Service,
    context: ServiceContext,
    scheduling: Scheduling,
  ) {
    this.#service = service;
    this.#context = context;
    this.#scheduling = scheduling;
    this.#owner = `Service ${service.key}`;
  }

  /** Tells that another service has the address and port. */
  lose(server: VirtualServer, holder: ObjectKey): void {
    this.issues.push({
      object: this.#owner,
      field: "spec",
      problem: `${server.text} is served by Service ${holder}`,
      mend: "give one of the two another address or port",
    });
  }

  /** Whether this node may serve at the address, telling why not where that is a fault. */
  place({ at, kind }: VirtualServer, view: ClusterView): boolean {
    if (kind === "node_port" || this.#isOwn(at.address)) return true;
    const node = view.nodeByIp(at.address);
    // That node serves it; made local here, the whole node would be cut off from us.
    if (node !== undefined) return false;
    const cidr = this.#context.podCidrs.find((cidr) =>
      prefixContains(cidr, at.address)
    );
    if (cidr === undefined) return true;
    this.issues.push({
      object: this.#owner,
      field: "spec",
      problem: `address "${at.address}" lies in the pod network ${cidr}`,
      mend: "use an address outside the cluster's own ranges",
    });
    return false;
  }

  /** Adds a virtual server with its destinations and what its address needs. */
  serve(server: VirtualServer, slices: readonly EndpointSlice[]): void {
    const { endpoints } = chooseEndpoints(
      slices,
      server,
      this.#context.observer,
    );
    const isExternal = server.kind === "external" ||
      server.kind === "load_balancer";
    if (endpoints.length === 0 && isExternal && server.policy === "Local") {
      return;
    }
    const virtual: IpvsService = {
      kind: "service",
      at: server.at,
      scheduler: this.#scheduling.scheduler,
      flags: this.#scheduling.flags,
      persistentSeconds: this.#service.affinitySeconds ?? 0,
    };
    const virtualKey = ipvsKey(virtual);
    const owner = this.#owner;
    this.#ipvs.set(virtualKey, { key: virtualKey, value: virtual, owner });
    for (const { address, port, local } of endpoints) {
      const destination: IpvsDestination = {
        kind: "destination",
        at: server.at,
        address,
        port,
        method: "masquerade",
        weight: 1,
      };
      const key = ipvsKey(destination);
      const needs = [virtualKey];
      this.#ipvs.set(key, { key, value: destination, needs, owner });
      if (local && !this.#isOwn(address)) this.#addHairpin(server, address);
    }
    this.#addAddress(server);
  }

  done(): CompiledService {
    return {
      ipvs: sortedValues(this.#ipvs),
      nft: sortedValues(this.#nft),
      ip: sortedValues(this.#ip),
      issues: this.issues,
    };
  }

  #addHairpin({ family }: VirtualServer, address: Ip): void {
    this.#addElement("svc_hairpin", family, `${address} . ${address}`);
  }

  /** Makes the address local where nothing else does, and known to the chains. */
  #addAddress({ at, family }: VirtualServer): void {
    if (inRange(this.#context, at.address)) return;
    const isOwn = this.#isOwn(at.address) ||
      this.#context.settings.nodePortAddresses?.includes(at.address) === true;
    if (isOwn) {
      this.#addElement("svc_nodes", family, at.address);
      return;
    }
    this.#addElement("svc_vips", family, at.address);
    const source = nodeIp(this.#context, family);
    if (source === undefined) return;
    const route = localRoute(hostPrefix(at.address), source, this.#owner);
    this.#ip.set(route.key, route);
  }

  #addElement(
    set: "svc_hairpin" | "svc_nodes" | "svc_vips",
    family: 4 | 6,
    element: string,
  ): void {
    const entry = serviceElement(set, family, element, this.#owner);
    this.#nft.set(entry.key, entry);
  }

  #isOwn(address: Ip): boolean {
    return this.#context.observer.nodeAddresses.has(address);
  }
}

function sortedValues<V>(map: ReadonlyMap<string, Entry<V>>): Entry<V>[] {
  return [...map.values()].sort((a, b) => a.key < b.key ? -1 : 1);
}
