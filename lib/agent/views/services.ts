/**
 * Services and IPVS, as the API shows them.
 *
 * @module
 */

import type { ClusterView, Service } from "../../cluster/model.ts";
import type { ClusterStore } from "../../cluster/store.ts";
import {
  type IpvsAddress,
  ipvsAddressText,
  type IpvsDestination,
  type IpvsValue,
  socketText,
} from "../../dataplane/ipvs.ts";
import type {
  EndpointStatus,
  ServiceStatus,
  VipStatus,
  VirtualServerStatus,
} from "../state.ts";

/** Every service, with its endpoints and whether this node uses them. */
export function viewServices(
  store: ClusterStore,
  ipvs: ReadonlyMap<string, IpvsValue>,
): readonly ServiceStatus[] {
  return [...store.table("Service").values()].map((service) => ({
    namespace: service.namespace,
    name: service.name,
    type: service.type,
    ports: service.ports,
    vips: vipsOf(service),
    endpoints: endpointsOf(store, service, ipvs),
    issues: store.issuesOf("Service", service.key),
  })).sort((a, b) =>
    compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`)
  );
}

/** Every virtual server of ours, with its destinations. */
export function viewIpvs(
  ipvs: ReadonlyMap<string, IpvsValue>,
  ownerOf: (key: string) => string | undefined,
): readonly VirtualServerStatus[] {
  const destinations = new Map<string, IpvsDestination[]>();
  for (const value of ipvs.values()) {
    if (value.kind !== "destination") continue;
    const at = ipvsAddressText(value.at);
    const list = destinations.get(at);
    if (list === undefined) destinations.set(at, [value]);
    else list.push(value);
  }
  const servers: VirtualServerStatus[] = [];
  for (const [key, value] of ipvs) {
    if (value.kind !== "service") continue;
    const at = ipvsAddressText(value.at);
    servers.push({
      at,
      scheduler: value.scheduler,
      flags: value.flags,
      persistentSeconds: value.persistentSeconds,
      owner: ownerOf(key) ?? "",
      destinations: (destinations.get(at) ?? []).map((one) => ({
        address: one.address,
        port: one.port,
        method: one.method,
        weight: one.weight,
      })),
    });
  }
  return servers.sort((a, b) => compare(a.at, b.at));
}

function vipsOf(service: Service): readonly VipStatus[] {
  return [
    ...service.clusterIps.map((address) =>
      ({ address, kind: "cluster" }) as const
    ),
    ...service.externalIps.map((address) =>
      ({ address, kind: "external" }) as const
    ),
    ...service.loadBalancerIps.map((address) =>
      ({ address, kind: "loadbalancer" }) as const
    ),
  ];
}

function endpointsOf(
  view: ClusterView,
  service: Service,
  ipvs: ReadonlyMap<string, IpvsValue>,
): readonly EndpointStatus[] {
  const endpoints = new Map<string, EndpointStatus>();
  for (const slice of view.slicesOf(service.key)) {
    for (const { name, protocol, port } of slice.ports) {
      const servicePort = service.ports.find((one) => one.name === name);
      for (const endpoint of slice.endpoints) {
        for (const address of endpoint.addresses) {
          const socket = socketText(address, port);
          const used = servicePort !== undefined && endpoint.ready &&
            service.clusterIps.some((vip) => {
              const at: IpvsAddress = {
                protocol: PROTOCOLS[protocol],
                address: vip,
                port: servicePort.port,
              };
              return ipvs.has(`destination/${ipvsAddressText(at)}/${socket}`);
            });
          endpoints.set(`${name} ${protocol} ${socket}`, {
            address,
            port,
            portName: name,
            protocol,
            node: endpoint.node,
            ready: endpoint.ready,
            used,
          });
        }
      }
    }
  }
  return [...endpoints.keys()].sort().flatMap((key) =>
    endpoints.get(key) ?? []
  );
}

const PROTOCOLS = { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const;

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
