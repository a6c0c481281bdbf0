/**
 * What the demo shows of Fairway while it runs.
 *
 * @module
 */

import { agentsReady } from "../fairway_agent.ts";
import type { Lab, NamedProbe } from "../lab.ts";
import { startTraffic, type TrafficReport } from "../traffic.ts";
import { waitFor } from "../wait.ts";
import { type Claim, expect } from "./report.ts";

/** In order; each leaves the cluster as it found it. */
export function claimsOf(lab: Lab): readonly Claim[] {
  const { nodes, client } = lab.plan;
  const [first, second] = nodes;
  expect(first !== undefined && second !== undefined, "the demo has two nodes");
  const pod = (app: string, index = 0): string => {
    const found = lab.cluster.podsWith({ app })[index]?.metadata;
    expect(found !== undefined, `there is no pod of ${app}`);
    return `${found.namespace}/${found.name}`;
  };
  const vip = (service: string, family: "ipv4" | "ipv6" = "ipv4"): string =>
    lab.serviceAddress(`harbour/${service}`, family);
  const nodeOf = (name: string | undefined): string | undefined =>
    [...lab.cluster.pods.values()].find((pod) => pod.metadata.name === name)
      ?.spec.nodeName;
  const dial = (from: string, to: string, port: number): readonly string[] => [
    ...["ip", "netns", "exec", lab.namespaceOf(from)],
    ...["busybox", "timeout", "2", "busybox", "nc", to, String(port)],
  ];
  const birdc = (command: string): readonly string[] => [
    "birdc",
    "-s",
    lab.bird.control,
    ...command.split(" "),
  ];

  /** Reaches a service until pods on both nodes have answered. */
  const spread = async (probe: NamedProbe): Promise<string> => {
    const answers = await waitFor(async () => {
      const answers = await lab.probeAll(
        Array.from({ length: 8 }, () => probe),
      );
      const seen = new Set(answers.map(({ by }) => nodeOf(by)));
      return answers.every(({ outcome }) => outcome === "answered") &&
        nodes.every(({ name }) => seen.has(name)) && answers;
    }, { what: `${probe.from} reaches pods on both nodes by ${probe.to}` });
    const pods = [...new Set(answers.map(({ by }) => by))].sort();
    return `(${pods.map((name) => `${name} on ${nodeOf(name)}`).join(", ")})`;
  };
  const reaches = async (probe: NamedProbe): Promise<void> => {
    const { outcome } = await lab.probe(probe);
    expect(
      outcome === "answered",
      `${probe.from} to ${probe.to} port ${probe.port}: ${outcome}`,
    );
  };
  const isKeptOut = async (probe: NamedProbe): Promise<void> => {
    const { outcome } = await lab.probe(probe);
    expect(
      outcome !== "answered",
      `${probe.from} reaches ${probe.to} port ${probe.port}`,
    );
  };

  return [
    {
      text: "Both agents are ready.",
      prove: () => agentsReady(lab),
      shown: [[
        ...["ip", "netns", "exec", first.namespace],
        ...["busybox", "wget", "-qO-", "http://127.0.0.1:20244/readyz"],
      ]],
    },
    {
      text: "A pod reaches a ClusterIP and is spread over pods on both nodes.",
      prove: () =>
        spread({ from: pod("storefront"), to: vip("catalogue"), port: 80 }),
      shown: [dial(pod("storefront"), vip("catalogue"), 80)],
    },
    {
      text: "A node does too.",
      prove: () =>
        spread({ from: first.name, to: vip("storefront"), port: 80 }),
      shown: [
        dial(first.name, vip("storefront"), 80),
        [
          "ip",
          "netns",
          "exec",
          first.namespace,
          "ipvsadm",
          "-Ln",
          "-t",
          `${vip("storefront")}:80`,
        ],
      ],
    },
    {
      text: "The same over IPv6, and over UDP.",
      prove: async () => {
        const from = pod("storefront");
        await spread({ from, to: vip("catalogue", "ipv6"), port: 80 });
        await reaches({ from, to: vip("tides"), port: 53, protocol: "UDP" });
      },
      shown: [dial(pod("storefront"), vip("catalogue", "ipv6"), 80)],
    },
    {
      text:
        "A policy lets the checkout reach the payments and keeps others out.",
      prove: async () => {
        const port = 443;
        const direct = lab.podAddress(pod("payments"));
        await reaches({ from: pod("checkout"), to: vip("payments"), port });
        for (const from of [pod("storefront"), pod("visitor"), client.name]) {
          await isKeptOut({ from, to: vip("payments"), port });
          await isKeptOut({ from, to: direct, port: 7012 });
        }
      },
      shown: [
        dial(pod("checkout"), vip("payments"), 443),
        dial(pod("visitor"), vip("payments"), 443),
      ],
    },
    {
      text:
        "BIRD holds both pod CIDRs and the virtual IP, with the right next hops.",
      prove: () =>
        waitFor(async () => {
          const routes = await lab.bird.routes();
          const hops = (prefix: string): string =>
            [
              ...new Set(
                routes.filter((route) => route.prefix === prefix)
                  .flatMap((route) => route.nextHops),
              ),
            ].sort().join();
          const address = (index: number): string[] =>
            nodes.map((node) => node.addresses[index]?.address ?? "");
          return nodes.every((node) =>
            node.podCidrs.every((cidr, index) =>
              hops(cidr) === node.addresses[index]?.address
            )
          ) &&
            hops(`${vip("storefront")}/32`) === address(0).join() &&
            hops(`${vip("storefront", "ipv6")}/128`) === address(1).join();
        }, { what: "BIRD has the nodes' routes" }).then(() => {}),
      shown: [
        birdc(`show route for ${first.podCidrs[0]} primary`),
        birdc(`show route for ${second.podCidrs[0]} primary`),
        birdc(`show route for ${vip("storefront")}`),
      ],
    },
    {
      text: "A client behind BIRD reaches the virtual IP.",
      prove: () =>
        spread({ from: client.name, to: vip("storefront"), port: 80 }),
      shown: [dial(client.name, vip("storefront"), 80)],
    },
    {
      text:
        "A new pod takes its share, and one that is deleted gets nothing more.",
      prove: async () => {
        const from = pod("storefront");
        const probe = { from, to: vip("search"), port: 8081 };
        const pods = async (count: number): Promise<number> => {
          await lab.cluster.scale("harbour/search", count);
          const startedMs = performance.now();
          await waitFor(async () => {
            const answers = await lab.probeAll(
              Array.from({ length: 6 }, () => probe),
            );
            const names = new Set(answers.map(({ by }) => by));
            return names.size === count && !names.has(undefined);
          }, { what: `${count} pods of search answer` });
          return Math.round(performance.now() - startedMs);
        };
        return `(${await pods(2)} ms, ${await pods(1)} ms)`;
      },
    },
    {
      text:
        "An agent is killed with SIGKILL and started again: what may flow flows, what may not does not.",
      prove: () =>
        surviveKill(lab, {
          node: nodeOf(pod("payments").replace(/.*\//, "")) ?? first.name,
          allowed: [
            { from: pod("checkout"), to: vip("payments"), port: 443 },
            { from: client.name, to: vip("storefront"), port: 80 },
          ],
          forbidden: [
            { from: pod("visitor"), to: vip("payments"), port: 443 },
            {
              from: client.name,
              to: lab.podAddress(pod("payments")),
              port: 7012,
            },
          ],
        }),
    },
  ];
}

async function surviveKill(
  lab: Lab,
  options: {
    readonly node: string;
    readonly allowed: readonly NamedProbe[];
    readonly forbidden: readonly NamedProbe[];
  },
): Promise<string> {
  const { node } = options;
  const allowed = options.allowed.map((probe) =>
    startTraffic(lab, probe, { timeoutMs: 5000 })
  );
  const forbidden = options.forbidden.map((probe) => startTraffic(lab, probe));
  let reports: TrafficReport[][] = [];
  try {
    await lab.killAgent(node, "SIGKILL");
    lab.startAgents([node]);
    await agentsReady(lab, [node]);
  } finally {
    reports = await Promise.all(
      [allowed, forbidden].map((all) =>
        Promise.all(all.map((traffic) => traffic.stop()))
      ),
    );
  }
  const [flowing = [], kept = []] = reports;
  const text = JSON.stringify(reports.flat());
  for (const { attempts, outcomes } of flowing) {
    expect(
      attempts > 0 && outcomes.answered === attempts,
      `interrupted: ${text}`,
    );
  }
  for (const { attempts, outcomes } of kept) {
    expect(attempts > 0 && !outcomes.answered, `let through: ${text}`);
  }
  const sum = (all: readonly TrafficReport[]): number =>
    all.reduce((total, { attempts }) => total + attempts, 0);
  return `(${sum(flowing)} connections, none lost; ${
    sum(kept)
  } forbidden, none let through)`;
}
