import { assert, assertEquals } from "@std/assert";
import { parseAllDocuments } from "yaml";
import { decodeObject } from "../../lib/cluster/decode_object.ts";
import type { NetworkPolicy } from "../../lib/cluster/model.ts";
import { projectNetworkPolicy } from "../../lib/cluster/project_network_policy.ts";
import { fieldsOf, type Json, policyJson } from "./objects.ts";

function projected(spec: Json): [NetworkPolicy, string[]] {
  const { object, issues } = projectNetworkPolicy(policyJson(spec));
  assert(object !== undefined);
  return [object, fieldsOf(issues)];
}

/** One line for what a policy says of a direction: `open` when it says nothing. */
function shown(policy: NetworkPolicy, direction: "ingress" | "egress"): string {
  const rules = policy[direction];
  if (rules === undefined) return "open";
  return rules.map((rule) => {
    const peers = rule.peers?.map((peer) =>
      peer.kind === "block"
        ? [peer.cidr, ...peer.except].join("-")
        : `${peer.namespaces?.text ?? "own"}:${peer.pods.text}`
    ).join("+") ?? "all";
    const ports = rule.ports?.map((port) =>
      `${port.protocol}/${port.port ?? "any"}` +
      (port.endPort === undefined ? "" : `-${port.endPort}`)
    ).join("+") ?? "all";
    return `[${peers} on ${ports}]`;
  }).join("");
}

Deno.test("policyTypes and their defaults", async (t) => {
  for (
    const [name, spec, ingress, egress, fields] of [
      ["nothing said", {}, "", "open", []],
      [
        "null everywhere",
        { policyTypes: null, ingress: null, egress: null },
        "",
        "open",
        [],
      ],
      [
        "empty lists",
        { policyTypes: [], ingress: [], egress: [] },
        "",
        "open",
        [],
      ],
      ["an egress rule", { egress: [{}] }, "", "[all on all]", []],
      [
        "egress alone ignores ingress rules",
        {
          policyTypes: ["Egress"],
          ingress: [{}],
        },
        "open",
        "",
        [],
      ],
      [
        "ingress alone ignores egress rules",
        {
          policyTypes: ["Ingress"],
          egress: [{}],
        },
        "",
        "open",
        [],
      ],
      ["both", { policyTypes: ["Egress", "Ingress"] }, "", "", []],
      ["an unknown type", { policyTypes: ["Ingress", "egress"] }, "", "", [
        "spec.policyTypes[1]",
      ]],
      ["types that are no list", { policyTypes: "Ingress" }, "", "", [
        "spec.policyTypes",
      ]],
      ["egress that is no list", { egress: {} }, "", "", ["spec.egress"]],
      ["an unknown field", { egres: [{}] }, "", "open", ["spec"]],
    ] as [string, Json, string, string, string[]][]
  ) {
    await t.step(name, () => {
      const [policy, found] = projected(spec);
      assertEquals(shown(policy, "ingress"), ingress);
      assertEquals(shown(policy, "egress"), egress);
      assertEquals(found, fields);
    });
  }
});

Deno.test("rules, peers and ports", async (t) => {
  const app = (text: string): Json => ({ matchLabels: { app: text } });
  for (
    const [name, rule, wanted, fields] of [
      ["an empty rule", {}, "[all on all]", []],
      ["empty lists", { from: [], ports: [] }, "[all on all]", []],
      ["null lists", { from: null, ports: null }, "[all on all]", []],
      ["a null rule", null, "", ["spec.ingress[0]"]],
      ["an unknown field", { form: [] }, "", ["spec.ingress[0]"]],
      ["the field of the other direction", { to: [] }, "", ["spec.ingress[0]"]],
      ["peers that are no list", { from: {} }, "[ on all]", [
        "spec.ingress[0].from",
      ]],
      ["ports that are no list", { ports: {} }, "[all on ]", [
        "spec.ingress[0].ports",
      ]],

      ["pods", { from: [{ podSelector: app("a") }] }, "[own:app=a on all]", []],
      [
        "all pods of the namespace",
        { from: [{ podSelector: {} }] },
        "[own:* on all]",
        [],
      ],
      [
        "namespaces",
        { from: [{ namespaceSelector: app("a") }] },
        "[app=a:* on all]",
        [],
      ],
      [
        "every namespace",
        { from: [{ namespaceSelector: {} }] },
        "[*:* on all]",
        [],
      ],
      [
        "both in one",
        {
          from: [{ namespaceSelector: app("a"), podSelector: app("b") }],
        },
        "[app=a:app=b on all]",
        [],
      ],
      [
        "two peers",
        {
          from: [{ namespaceSelector: app("a") }, { podSelector: app("b") }],
        },
        "[app=a:*+own:app=b on all]",
        [],
      ],
      ["an empty peer", { from: [{}] }, "[ on all]", [
        "spec.ingress[0].from[0]",
      ]],
      ["a null peer", { from: [null] }, "[ on all]", [
        "spec.ingress[0].from[0]",
      ]],
      [
        "a peer of a newer kind",
        { from: [{ podSelector: {}, domain: "x" }] },
        "[ on all]",
        [
          "spec.ingress[0].from[0]",
        ],
      ],
      [
        "an unknown operator",
        {
          from: [
            {
              podSelector: { matchExpressions: [{ key: "a", operator: "Gt" }] },
            },
            { podSelector: app("b") },
          ],
        },
        "[own:!*+own:app=b on all]",
        [
          "spec.ingress[0].from[0].podSelector.matchExpressions[0].operator",
        ],
      ],

      [
        "a block",
        { from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] },
        "[10.0.0.0/8 on all]",
        [],
      ],
      [
        "a block with host bits",
        {
          from: [{ ipBlock: { cidr: "10.0.0.5/24", except: ["10.0.0.9/31"] } }],
        },
        "[10.0.0.0/24-10.0.0.8/31 on all]",
        [],
      ],
      [
        "everything",
        {
          from: [{ ipBlock: { cidr: "0.0.0.0/0" } }, {
            ipBlock: { cidr: "::/0" },
          }],
        },
        "[0.0.0.0/0+::/0 on all]",
        [],
      ],
      [
        "an exception outside",
        {
          from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["192.0.2.0/24"] } }],
        },
        "[10.0.0.0/8 on all]",
        ["spec.ingress[0].from[0].ipBlock.except[0]"],
      ],
      [
        "an exception of the other family",
        {
          from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["::/0"] } }],
        },
        "[10.0.0.0/8 on all]",
        ["spec.ingress[0].from[0].ipBlock.except[0]"],
      ],
      [
        "an exception that holds the block",
        {
          from: [{ ipBlock: { cidr: "10.1.0.0/16", except: ["10.0.0.0/8"] } }],
        },
        "[ on all]",
        ["spec.ingress[0].from[0].ipBlock.except[0]"],
      ],
      [
        "an exception as large as the block",
        {
          from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.0/8"] } }],
        },
        "[10.0.0.0/8-10.0.0.0/8 on all]",
        [],
      ],
      [
        "an unreadable exception closes the block",
        {
          from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["010.0.0.0/9"] } }],
        },
        "[ on all]",
        ["spec.ingress[0].from[0].ipBlock.except[0]"],
      ],
      [
        "exceptions that are no list close the block",
        {
          from: [{ ipBlock: { cidr: "10.0.0.0/8", except: "10.1.0.0/16" } }],
        },
        "[ on all]",
        ["spec.ingress[0].from[0].ipBlock.except"],
      ],
      [
        "an address is no block",
        { from: [{ ipBlock: { cidr: "10.0.0.1" } }] },
        "[ on all]",
        [
          "spec.ingress[0].from[0].ipBlock.cidr",
        ],
      ],
      [
        "a mapped block",
        {
          from: [{ ipBlock: { cidr: "::ffff:10.0.0.0/104" } }],
        },
        "[ on all]",
        ["spec.ingress[0].from[0].ipBlock.cidr"],
      ],
      [
        "an octal block",
        { from: [{ ipBlock: { cidr: "010.0.0.0/8" } }] },
        "[ on all]",
        [
          "spec.ingress[0].from[0].ipBlock.cidr",
        ],
      ],
      [
        "a block beside a selector",
        {
          from: [
            { ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} },
            { podSelector: app("a") },
          ],
        },
        "[own:app=a on all]",
        ["spec.ingress[0].from[0]"],
      ],

      ["protocol by default", { ports: [{ port: 80 }] }, "[all on TCP/80]", []],
      [
        "protocol alone",
        { ports: [{ protocol: "UDP" }] },
        "[all on UDP/any]",
        [],
      ],
      ["an empty port", { ports: [{}] }, "[all on TCP/any]", []],
      ["named", { ports: [{ port: "http-alt" }] }, "[all on TCP/http-alt]", []],
      [
        "a range",
        {
          ports: [{ port: 80, endPort: 80 }, {
            port: 1,
            endPort: 65535,
            protocol: "SCTP",
          }],
        },
        "[all on TCP/80-80+SCTP/1-65535]",
        [],
      ],
      ["a number in quotes", { ports: [{ port: "80" }] }, "[all on ]", [
        "spec.ingress[0].ports[0].port",
      ]],
      [
        "out of range",
        { ports: [{ port: 0 }, { port: 65536 }, { port: 80 }] },
        "[all on TCP/80]",
        [
          "spec.ingress[0].ports[0].port",
          "spec.ingress[0].ports[1].port",
        ],
      ],
      ["a fraction", { ports: [{ port: 80.5 }] }, "[all on ]", [
        "spec.ingress[0].ports[0].port",
      ]],
      [
        "a range that ends too soon",
        { ports: [{ port: 80, endPort: 79 }] },
        "[all on ]",
        [
          "spec.ingress[0].ports[0].endPort",
        ],
      ],
      [
        "a range that ends too late",
        { ports: [{ port: 80, endPort: 65536 }] },
        "[all on ]",
        [
          "spec.ingress[0].ports[0].endPort",
        ],
      ],
      [
        "a range from a name",
        { ports: [{ port: "http", endPort: 90 }] },
        "[all on ]",
        [
          "spec.ingress[0].ports[0].endPort",
        ],
      ],
      ["a range without start", { ports: [{ endPort: 90 }] }, "[all on ]", [
        "spec.ingress[0].ports[0].endPort",
      ]],
      [
        "an unknown protocol",
        { ports: [{ protocol: "tcp", port: 80 }] },
        "[all on ]",
        [
          "spec.ingress[0].ports[0].protocol",
        ],
      ],
      [
        "an unknown field of a port",
        { ports: [{ port: 80, appProtocol: "http" }] },
        "[all on ]",
        [
          "spec.ingress[0].ports[0]",
        ],
      ],
      ["a null port", { ports: [null] }, "[all on ]", [
        "spec.ingress[0].ports[0]",
      ]],
    ] as [string, unknown, string, string[]][]
  ) {
    await t.step(name, () => {
      const [policy, found] = projected({ ingress: [rule] });
      assertEquals(shown(policy, "ingress"), wanted);
      assertEquals(found, fields);
    });
  }
});

Deno.test("a choice of pods that is not readable isolates at least those meant, and opens none", () => {
  const [policy, fields] = projected({
    podSelector: {
      matchLabels: { app: "db" },
      matchExpressions: [{ key: "version", operator: "Gt", values: ["1"] }],
    },
    policyTypes: ["Ingress"],
    ingress: [{}],
  });
  assertEquals(policy.podSelector.text, "app=db");
  assertEquals([policy.ingress, policy.egress], [[], undefined]);
  assertEquals(fields, ["spec.podSelector.matchExpressions[0].operator"]);
});

Deno.test("a specification that is no object isolates the namespace in both directions", () => {
  for (const spec of ["x", [], 7, true]) {
    const { object, issues } = projectNetworkPolicy({ ...policyJson(), spec });
    assertEquals(object?.podSelector.text, "*");
    assertEquals([object?.ingress, object?.egress], [[], []]);
    assertEquals(fieldsOf(issues), ["spec"]);
  }
});

Deno.test("the policies of Online Boutique project without an issue", () => {
  const file = new URL(
    "../../../shared/data/online-boutique/network-policies.yaml",
    import.meta.url,
  );
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error(`LEFT OUT: ${file.pathname} is not there`);
    return;
  }
  const documents = parseAllDocuments(text).map((each): unknown => each.toJS())
    .filter((each) => each !== null);
  const policies = documents.map((document) => {
    const decoded = decodeObject(document);
    assert(decoded.status === "object" && decoded.kind === "NetworkPolicy");
    const { object, issues } = projectNetworkPolicy(document);
    assertEquals(issues, []);
    assert(object !== undefined);
    assertEquals(object.key, decoded.key);
    return object;
  });
  assertEquals(policies.length, 13);
  const denyAll = policies.find((each) => each.name === "deny-all");
  assertEquals(denyAll?.podSelector.text, "*");
  assertEquals([denyAll?.ingress, denyAll?.egress], [[], []]);
  for (const policy of policies.filter((each) => each !== denyAll)) {
    assertEquals(policy.podSelector.text, `app=${policy.name}`);
    assertEquals(shown(policy, "egress"), "[all on all]");
  }
  const currency = policies.find((each) => each.name === "currencyservice");
  assert(currency !== undefined);
  assertEquals(
    shown(currency, "ingress"),
    "[own:app=frontend+own:app=checkoutservice on TCP/7000]",
  );
});
