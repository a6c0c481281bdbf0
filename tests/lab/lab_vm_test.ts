/**
 * The lab in the machine, with IPVS programmed by hand: what an agent's tests
 * rely on before there is an agent in them.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { withLab } from "./lab.ts";
import { capture } from "./system/process.ts";
import { ipBatch, setSysctl } from "./topology/namespaces.ts";
import { waitFor } from "./wait.ts";

const SHOP = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }] }
`;

Deno.test("a virtual IP programmed by hand reaches pods on both nodes", async () => {
  await withLab({}, async (lab) => {
    await lab.cluster.apply(SHOP);
    const vip = lab.serviceAddress("web");
    const [first, second] = lab.plan.nodes;
    assert(first && second);
    const gateway = (node: typeof first): string =>
      node.addresses[0]?.address ?? "";

    // Another's pods by static routes; the VIP from outside through node1.
    for (const [node, other] of [[first, second], [second, first]] as const) {
      await ipBatch(node.namespace, [
        `route add ${other.podCidrs[0]} via ${gateway(other)}`,
      ]);
    }
    await ipBatch(lab.plan.router.namespace, [
      `route add ${vip} via ${gateway(first)}`,
      ...lab.plan.nodes.map((node) =>
        `route add ${node.podCidrs[0]} via ${gateway(node)}`
      ),
    ]);

    await ipBatch(first.namespace, [
      "link add kube-dummy-if type dummy",
      "link set kube-dummy-if up",
      `route add local 10.43.0.0/16 dev kube-dummy-if src ${
        gateway(first)
      } table local`,
    ]);
    await capture("modprobe", ["ip_vs_rr"]);
    const servers = lab.cluster.podsWith({ app: "web" }).map((pod) =>
      `-a -t ${vip}:80 -r ${pod.status?.podIP}:8080 -m\n`
    );
    await capture("ipvsadm", ["-R"], {
      namespace: first.namespace,
      stdin: `-A -t ${vip}:80 -s rr\n${servers.join("")}`,
    });
    setSysctl(first.namespace, "net.ipv4.vs.conntrack", "1");
    await capture("nft", ["-f", "-"], {
      namespace: first.namespace,
      stdin: `table inet byhand { chain post {
  type nat hook postrouting priority srcnat
  ip daddr 10.42.0.0/16 ip saddr != 10.42.0.0/16 masquerade
  }
}
`,
    });

    for (const from of ["client", "node1"]) {
      const seen = await waitFor(async () => {
        const answers = await lab.probeAll(
          Array.from({ length: 4 }, () => ({ from, to: vip, port: 80 })),
        );
        const all = answers.every((answer) => answer.outcome === "answered");
        return all && new Set(answers.map(({ by }) => by));
      }, { what: `${from} reaches ${vip}` });
      assertEquals([...seen].sort(), ["web-1", "web-2"]);
    }
    const closed = await lab.probe({ from: "client", to: vip, port: 81 });
    assertEquals(closed.outcome, "refused");
  });
});
