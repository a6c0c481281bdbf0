/**
 * The wires: nodes, router and client, their links, addresses and static routes.
 *
 * @module
 */

import {
  addNamespaces,
  deleteNamespaces,
  ipBatch,
  listNamespaces,
  setSysctl,
} from "./namespaces.ts";
import type { HostPlan, InterfaceAddress, Plan } from "./plan.ts";

/**
 * Builds the network of a plan in namespaces of its prefix, after removing what
 * an earlier lab of that prefix left behind.
 *
 * @throws {LabError} without root, or when the kernel lacks veth or bridge
 */
export async function raiseNetwork(plan: Plan): Promise<void> {
  await lowerNetwork(plan.prefix);
  const { router, client, nodes } = plan;
  const hosts = [router, client, ...nodes];
  await addNamespaces(hosts.map((host) => host.namespace));
  await ipBatch(
    router.namespace,
    [client, ...nodes].map(({ name, namespace }) =>
      `link add ${name} type veth peer name eth0 netns ${namespace}`
    ),
  );
  for (const key of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) {
    setSysctl(router.namespace, key, "1");
  }
  await Promise.all([
    ipBatch(router.namespace, routerLines(plan)),
    ipBatch(client.namespace, [
      ...address("eth0", client.addresses),
      "link set eth0 up",
      ...defaultRoutes(router),
    ]),
    ...nodes.map((node) =>
      ipBatch(node.namespace, [
        ...address("eth0", node.addresses),
        "link set eth0 up",
        ...defaultRoutes({ addresses: node.gateways }),
      ])
    ),
  ]);
}

/** Removes every namespace of the prefix, and the processes inside. */
export async function lowerNetwork(prefix: string): Promise<void> {
  await deleteNamespaces(await listNamespaces(prefix));
}

function routerLines(plan: Plan): readonly string[] {
  const { router, nodes } = plan;
  const shared = plan.links === "shared";
  return [
    ...address("client", router.addresses),
    "link set client up",
    ...(shared
      ? [
        "link add nodes type bridge",
        ...address("nodes", nodes[0]?.gateways ?? []),
        "link set nodes up",
      ]
      : []),
    ...nodes.flatMap((node) => [
      ...(shared
        ? [`link set ${node.name} master nodes`]
        : address(node.name, node.gateways)),
      `link set ${node.name} up`,
    ]),
  ];
}

function address(
  link: string,
  addresses: readonly InterfaceAddress[],
): readonly string[] {
  return addresses.map(({ address, length }) =>
    `address add ${address}/${length} dev ${link}${
      address.includes(":") ? " nodad" : ""
    }`
  );
}

function defaultRoutes(
  gateway: Pick<HostPlan, "addresses">,
): readonly string[] {
  return gateway.addresses.map(({ address }) =>
    `route add default via ${address}`
  );
}
