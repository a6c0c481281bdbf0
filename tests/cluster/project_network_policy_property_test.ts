import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { labelsOf } from "../../lib/cluster/labels.ts";
import type {
  LabelSet,
  NetworkPolicy,
  PolicyPeer,
  PolicyPort,
  Protocol,
} from "../../lib/cluster/model.ts";
import { projectNetworkPolicy } from "../../lib/cluster/project_network_policy.ts";
import { matches } from "../../lib/cluster/selector.ts";
import { type Ip, parseIp } from "../../lib/net/ip.ts";
import { prefixContains } from "../../lib/net/prefix.ts";
import { type Json, policyJson } from "./objects.ts";

/** A small world to ask a policy about. */
interface Question {
  readonly target: LabelSet;
  readonly direction: "ingress" | "egress";
  readonly pod:
    | { namespace: LabelSet; own: boolean; pod: LabelSet }
    | undefined;
  readonly ip: Ip;
  readonly protocol: Protocol;
  readonly port: number;
}

const SETS = [{}, { app: "a" }, { app: "b" }].map((each) => labelsOf(each));
const QUESTIONS: readonly Question[] = SETS.flatMap((target) =>
  (["ingress", "egress"] as const).flatMap((direction) =>
    [
      ...SETS.flatMap((pod) =>
        SETS.map((namespace, i) => ({
          pod: { namespace, own: i === 0, pod },
          ip: parseIp("10.0.0.1"),
        }))
      ),
      { pod: undefined, ip: parseIp("10.0.0.200") },
      { pod: undefined, ip: parseIp("192.0.2.1") },
    ].flatMap((peer) =>
      (["TCP", "UDP"] as const).flatMap((protocol) =>
        [53, 80, 90].map((port) => ({
          target,
          direction,
          protocol,
          port,
          ...peer,
        }))
      )
    )
  )
);

function admitsPeer(peer: PolicyPeer, question: Question): boolean {
  if (peer.kind === "block") {
    return prefixContains(peer.cidr, question.ip) &&
      !peer.except.some((hole) => prefixContains(hole, question.ip));
  }
  const { pod } = question;
  if (pod === undefined) return false;
  return (peer.namespaces === undefined
    ? pod.own
    : matches(peer.namespaces, pod.namespace)) && matches(peer.pods, pod.pod);
}

/** Named ports are port 53 in this world. */
function admitsPort(port: PolicyPort, question: Question): boolean {
  if (port.protocol !== question.protocol) return false;
  if (port.port === undefined) return true;
  const first = typeof port.port === "string" ? 53 : port.port;
  return question.port >= first && question.port <= (port.endPort ?? first);
}

/** "open" for what the policy does not speak about. */
function verdict(
  policy: NetworkPolicy,
  question: Question,
): "open" | "admitted" | "refused" {
  const rules = policy[question.direction];
  if (rules === undefined || !matches(policy.podSelector, question.target)) {
    return "open";
  }
  const admitted = rules.some((rule) =>
    (rule.peers?.some((peer) => admitsPeer(peer, question)) ?? true) &&
    (rule.ports?.some((port) => admitsPort(port, question)) ?? true)
  );
  return admitted ? "admitted" : "refused";
}

const selectorJson = fc.oneof(
  fc.constant({}),
  fc.record({ matchLabels: fc.record({ app: fc.constantFrom("a", "b") }) }),
  fc.record({
    matchExpressions: fc.array(
      fc.record({
        key: fc.constant("app"),
        operator: fc.constantFrom("In", "NotIn"),
        values: fc.constantFrom(["a"], ["a", "b"]),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  }),
);
const peerJson = fc.oneof(
  fc.record({ podSelector: selectorJson }),
  fc.record({ namespaceSelector: selectorJson }),
  fc.record({ podSelector: selectorJson, namespaceSelector: selectorJson }),
  fc.record({
    ipBlock: fc.record({
      cidr: fc.constantFrom("10.0.0.0/24", "0.0.0.0/0"),
      except: fc.constantFrom([], ["10.0.0.0/25"], [
        "10.0.0.192/26",
        "10.0.0.0/30",
      ]),
    }),
  }),
);
const portJson = fc.oneof(
  fc.record({ protocol: fc.constantFrom("TCP", "UDP") }),
  fc.record({ port: fc.constantFrom<string | number>(80, "dns") }),
  fc.record({ port: fc.constant(53), endPort: fc.constantFrom(80, 90) }),
);
const ruleJson = (peers: string): fc.Arbitrary<Json> =>
  fc.record({
    [peers]: fc.array(peerJson, { maxLength: 2 }),
    ports: fc.array(portJson, { maxLength: 2 }),
  });
const specJson: fc.Arbitrary<Json> = fc.record({
  podSelector: selectorJson,
  policyTypes: fc.constantFrom<string[][]>(
    [],
    ["Ingress"],
    ["Egress"],
    ["Ingress", "Egress"],
  ),
  ingress: fc.array(ruleJson("from"), { maxLength: 2 }),
  egress: fc.array(ruleJson("to"), { maxLength: 2 }),
});

/** Every place in a JSON value, as its path. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  const inner = typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, each]) =>
      places(each, [...path, key])
    )
    : [];
  return path.length === 0 ? inner : [[...path], ...inner];
}

function spoilt(
  value: unknown,
  path: readonly string[],
  junk: unknown,
): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return junk;
  if (Array.isArray(value)) {
    return value.map((each, i) =>
      String(i) === first ? spoilt(each, rest, junk) : each
    );
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === first ? spoilt(each, rest, junk) : each,
    ]),
  );
}

Deno.test("spoiling any part of a policy opens nothing", () => {
  fc.assert(
    fc.property(
      specJson,
      fc.nat(),
      // Valid in no field of a policy.
      fc.constantFrom<unknown>({ "no such field": 1 }, true, -1, [[]], "\n"),
      (spec, choice, junk) => {
        const whole = { spec };
        const all = places(whole);
        const place = all[choice % all.length] ?? [];
        const { object: before } = projectNetworkPolicy(policyJson(spec));
        const { object: after, issues } = projectNetworkPolicy({
          ...policyJson(),
          ...spoilt(whole, place, junk) as Json,
        });
        assert(before !== undefined && after !== undefined);
        // Label values may be any text; rules of a direction the policy is silent on are not read.
        if (issues.length === 0) {
          const silent = before[place[1] === "ingress" ? "ingress" : "egress"];
          assert(junk === "\n" || silent === undefined, place.join("."));
          return;
        }
        // A whole specification of unknown fields is an empty one: it can only be told.
        if (
          place.length === 1 && !Array.isArray(junk) && typeof junk === "object"
        ) return;
        for (const question of QUESTIONS) {
          const [was, is] = [
            verdict(before, question),
            verdict(after, question),
          ];
          const note = (): string => `${place.join(".")}: ${was} became ${is}`;
          if (was === "refused") assertEquals(is, "refused", note());
          if (was === "admitted") assert(is !== "open", note());
        }
      },
    ),
    { numRuns: 3000 },
  );
});

Deno.test("projectNetworkPolicy() never throws, whatever the JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (spec, rule) => {
      projectNetworkPolicy({ ...policyJson(), spec });
      projectNetworkPolicy(policyJson({ ingress: [rule], egress: rule }));
    }),
    { numRuns: 500 },
  );
});
