/** Online Boutique's own policies: who reaches whom, by all three views but the kernel's. */

import { assert, assertEquals } from "@std/assert";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import { storeOf } from "../../lib/cluster/load.ts";
import { evaluate } from "../../lib/firewall/evaluator.ts";
import { FirewallModel } from "../../lib/firewall/model_eval.ts";
import { desiredFor, parseYaml } from "./cluster.ts";

const DIRECTORY = new URL(
  "../../../shared/data/online-boutique/",
  import.meta.url,
);

interface Workload {
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
  readonly spec?: {
    readonly template?: {
      readonly metadata?: { readonly labels?: Record<string, string> };
      readonly spec?: { readonly containers?: readonly Container[] };
    };
  };
}

interface Container {
  readonly name?: string;
  readonly ports?: readonly { readonly containerPort: number }[];
}

function readIfThere(name: string): string | undefined {
  try {
    return Deno.readTextFileSync(new URL(name, DIRECTORY));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** For each Deployment a pod on each of two nodes, as its controller would make them. */
function podsOf(deployments: readonly Workload[]): unknown[] {
  return deployments.flatMap((deployment, index) =>
    [1, 2].map((n) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `${deployment.metadata?.name}-${n}`,
        namespace: "default",
        labels: deployment.spec?.template?.metadata?.labels ?? {},
      },
      spec: {
        nodeName: `n${n}`,
        containers: (deployment.spec?.template?.spec?.containers ?? []).map(
          ({ name, ports = [] }) => ({ name, ports }),
        ),
      },
      status: { phase: "Running", podIPs: [{ ip: `10.${n}.0.${index + 10}` }] },
    }))
  );
}

/** What the policies' authors meant: client to server and the server's port. */
const MEANT = [
  "frontend adservice 9555",
  "frontend cartservice 7070",
  "checkoutservice cartservice 7070",
  "frontend checkoutservice 5050",
  "frontend currencyservice 7000",
  "checkoutservice currencyservice 7000",
  "checkoutservice emailservice 8080",
  "checkoutservice paymentservice 50051",
  "frontend productcatalogservice 3550",
  "checkoutservice productcatalogservice 3550",
  "recommendationservice productcatalogservice 3550",
  "frontend recommendationservice 8080",
  "cartservice redis-cart 6379",
  "frontend shippingservice 50051",
  "checkoutservice shippingservice 50051",
];

Deno.test("firewall: Online Boutique reaches exactly what its policies mean", () => {
  const workloads = readIfThere("workloads.yaml");
  const policies = readIfThere("network-policies.yaml");
  if (workloads === undefined || policies === undefined) {
    console.error(`LEFT OUT: ${DIRECTORY.pathname} is not there`);
    return;
  }
  const deployments = (parseYaml(workloads) as (Workload | null)[])
    .filter((each) => each !== null)
    .filter((each) => each.kind === "Deployment");
  const nodes = [1, 2].map((n) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `n${n}` },
    spec: { podCIDR: `10.${n}.0.0/24` },
  }));
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  };
  const { store, issues } = storeOf([
    ...nodes,
    namespace,
    ...podsOf(deployments),
    ...parseYaml(policies).filter((each) =>
      decodeObject(each).status === "object"
    ),
  ]);
  assertEquals(issues, []);
  assertEquals(store.table("NetworkPolicy").size, 13);
  const pods = [...store.table("Pod").values()];
  assertEquals(pods.length, 24);
  const models = new Map(["n1", "n2"].map((node) => [
    node,
    new FirewallModel(desiredFor(store, node, [4]).values().values()),
  ]));
  const ports = new Set(
    deployments.flatMap((each) =>
      each.spec?.template?.spec?.containers?.flatMap((container) =>
        container.ports?.map((port) => port.containerPort) ?? []
      ) ?? []
    ),
  );
  const reached = new Set<string>();
  for (const client of pods) {
    for (const server of pods) {
      if (client === server) continue;
      for (const port of ports) {
        const answer = evaluate(store, {
          from: { kind: "pod", pod: client.key },
          to: { kind: "pod", pod: server.key },
          protocol: "TCP",
          port,
        });
        const compiled = [client.node, server.node].every((node) =>
          models.get(node)?.judge({
            hook: "forward",
            family: 4,
            source: answer.from,
            destination: answer.to,
            protocol: "tcp",
            port,
          }).accepted
        );
        assertEquals(compiled, answer.allowed, answer.ingress.text);
        if (!answer.allowed) continue;
        const name = (pod: typeof client) => pod.labels.get("app") ?? "";
        reached.add(`${name(client)} ${name(server)} ${port}`);
      }
    }
  }
  for (const each of MEANT) assert(reached.has(each), `${each} is closed`);
  // The frontend lets in everyone, on every port; the others nobody else.
  const more = [...reached].filter((each) => !MEANT.includes(each));
  assertEquals(more.filter((each) => each.split(" ")[1] !== "frontend"), []);
  assert(more.includes("loadgenerator frontend 8080"));
});
