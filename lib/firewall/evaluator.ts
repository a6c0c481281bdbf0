/**
 * Whether traffic passes, straight from the words of the NetworkPolicy API, and
 * which rule says so.
 *
 * It knows nothing of chains and sets: the compiled form is held to its answers.
 * A flow is what the firewall sees, after a Service's address was replaced by
 * the chosen pod and before any source address is rewritten.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type {
  ClusterView,
  NetworkPolicy,
  ObjectKey,
  Pod,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
  Protocol,
} from "../cluster/model.ts";
import { matches } from "../cluster/selector.ts";
import { type Family, familyOf, type Ip } from "../net/ip.ts";
import { prefixContains } from "../net/prefix.ts";
import { ownerOf, ownsAddresses } from "./address_owner.ts";
import type { Direction } from "./names.ts";
import { describePeer, describePort } from "./words.ts";

/** One end of a flow; an address that a pod owns means that pod. */
export type FlowEnd =
  | { readonly kind: "pod"; readonly pod: ObjectKey }
  | { readonly kind: "ip"; readonly ip: Ip };

/** A connection to be. */
export interface Flow {
  readonly from: FlowEnd;
  readonly to: FlowEnd;
  /** `other`: a protocol without ports, such as ICMP. */
  readonly protocol: Protocol | "other";
  /** Destination port, 1 to 65535; 0 for `other`. */
  readonly port: number;
  /** When both ends have several addresses; the first common one when absent. */
  readonly family?: Family;
  /** Only what the firewall of this node judges: the directions of its own pods. */
  readonly node?: string;
}

/** What decides one direction of a flow. */
export interface Decision {
  readonly allowed: boolean;
  readonly why:
    /** The end is no pod, so no policy speaks about it. */
    | "no_pod"
    /** No policy selects the pod for this direction. */
    | "not_selected"
    /** A rule allows it: `policy` and `rule`. */
    | "rule"
    /** `isolatedBy` select the pod, and no rule of theirs matches. */
    | "no_rule"
    /** The pod's own node, which always reaches it. */
    | "own_node"
    /** Both ends are one pod: the traffic never leaves it. */
    | "itself"
    /** The pod is not on the node that was asked about. */
    | "elsewhere";
  /** The policies that select the pod for this direction, sorted. */
  readonly isolatedBy: readonly ObjectKey[];
  readonly policy?: ObjectKey;
  /** Index in the policy's list of readable rules for this direction. */
  readonly rule?: number;
  /** For people, without a full stop. */
  readonly text: string;
}

/** The answer for a flow. */
export interface Evaluation {
  readonly allowed: boolean;
  /** The addresses that were looked at. */
  readonly from: Ip;
  readonly to: Ip;
  /** Judged where the traffic leaves a pod. */
  readonly egress: Decision;
  /** Judged where it enters a pod. */
  readonly ingress: Decision;
}

/** An end with its identity. */
interface Identity {
  readonly ip: Ip;
  /** The pod that policies may select. */
  readonly pod: Pod | undefined;
  /** The node whose own address it is. */
  readonly host: string | undefined;
}

/**
 * Says whether a flow passes.
 *
 * @throws {FairwayError} `input.invalid`: an unknown pod, a pod without address,
 * ends without a common family
 */
export function evaluate(view: ClusterView, flow: Flow): Evaluation {
  const [from, to] = resolveEnds(view, flow);
  const egress = decide({ view, flow, direction: "egress", from, to });
  const ingress = decide({ view, flow, direction: "ingress", from, to });
  return {
    allowed: egress.allowed && ingress.allowed,
    from: from.ip,
    to: to.ip,
    egress,
    ingress,
  };
}

/** The families in which both ends have an address. */
export function commonFamilies(
  view: ClusterView,
  from: FlowEnd,
  to: FlowEnd,
): readonly Family[] {
  const families = addressesOf(view, from).map(familyOf);
  const others = addressesOf(view, to).map(familyOf);
  return families.filter((family) => others.includes(family)).sort();
}

interface Question {
  readonly view: ClusterView;
  readonly flow: Flow;
  readonly direction: Direction;
  readonly from: Identity;
  readonly to: Identity;
}

function decide(question: Question): Decision {
  const { view, flow, direction, from, to } = question;
  const subject = direction === "ingress" ? to : from;
  const { pod } = subject;
  const open = (why: Decision["why"], text: string): Decision => ({
    allowed: true,
    why,
    isolatedBy: [],
    text,
  });
  if (pod === undefined) {
    return open("no_pod", `no pod owns ${subject.ip}, so no policy applies`);
  }
  if (flow.node !== undefined && pod.node !== flow.node) {
    return open("elsewhere", `pod ${pod.key} is judged on node ${pod.node}`);
  }
  if (from.pod?.key === to.pod?.key) {
    return open("itself", `pod ${pod.key} reaches itself`);
  }
  if (direction === "ingress" && from.host === pod.node && pod.node !== "") {
    return open("own_node", `node ${pod.node} always reaches its own pods`);
  }
  const policies = [...view.policiesInNamespace(pod.namespace)]
    .filter((policy) =>
      policy[direction] !== undefined && matches(policy.podSelector, pod.labels)
    )
    .sort((a, b) => a.key < b.key ? -1 : 1);
  if (policies.length === 0) {
    return open(
      "not_selected",
      `no NetworkPolicy selects pod ${pod.key} for ${direction}`,
    );
  }
  return judge(question, pod, policies);
}

/** The first rule of any of the policies that matches, or that none does. */
function judge(
  question: Question,
  pod: Pod,
  policies: readonly NetworkPolicy[],
): Decision {
  const { direction, flow, from, to } = question;
  const isolatedBy = policies.map((policy) => policy.key);
  for (const policy of policies) {
    for (const [index, rule] of (policy[direction] ?? []).entries()) {
      const match = matchRule(question, policy, rule);
      if (match === undefined) continue;
      return {
        allowed: true,
        why: "rule",
        isolatedBy,
        policy: policy.key,
        rule: index,
        text: `NetworkPolicy ${policy.key} allows it, ${direction} rule ${
          index + 1
        }: ${match}`,
      };
    }
  }
  const ports = flow.protocol === "other"
    ? "traffic without ports"
    : `${flow.protocol} ${flow.port}`;
  const other = direction === "ingress" ? `from ${from.ip}` : `to ${to.ip}`;
  return {
    allowed: false,
    why: "no_rule",
    isolatedBy,
    text: `pod ${pod.key} is isolated for ${direction} by ${
      isolatedBy.map((key) => `NetworkPolicy ${key}`).join(", ")
    }, and no rule allows ${ports} ${other}`,
  };
}

/** How a rule matches, in words; undefined when it does not. */
function matchRule(
  question: Question,
  policy: NetworkPolicy,
  rule: PolicyRule,
): string | undefined {
  const { view, direction, from, to, flow } = question;
  const other = direction === "ingress" ? from : to;
  const side = direction === "ingress" ? "from" : "to";
  const peer = rule.peers?.find((each) =>
    matchesPeer(view, policy, each, other)
  );
  if (rule.peers !== undefined && peer === undefined) return undefined;
  const port = rule.ports?.find((each) => matchesPort(each, flow, to.pod));
  if (rule.ports !== undefined && port === undefined) return undefined;
  const peerWords = peer === undefined
    ? "anyone"
    : describePeer(peer, policy.namespace);
  return `${side} ${peerWords}, on ${describePort(port, to.pod)}`;
}

function matchesPeer(
  view: ClusterView,
  policy: NetworkPolicy,
  peer: PolicyPeer,
  other: Identity,
): boolean {
  if (peer.kind === "block") {
    return prefixContains(peer.cidr, other.ip) &&
      !peer.except.some((hole) => prefixContains(hole, other.ip));
  }
  const { pod } = other;
  if (pod === undefined || !matches(peer.pods, pod.labels)) return false;
  if (peer.namespaces === undefined) return pod.namespace === policy.namespace;
  // A pod may be seen before its namespace; until then no label of it is known.
  const namespace = view.table("Namespace").get(pod.namespace);
  return namespace !== undefined && matches(peer.namespaces, namespace.labels);
}

function matchesPort(
  port: PolicyPort,
  flow: Flow,
  destination: Pod | undefined,
): boolean {
  if (port.protocol !== flow.protocol) return false;
  if (port.port === undefined) return true;
  if (typeof port.port === "number") {
    return port.port <= flow.port && flow.port <= (port.endPort ?? port.port);
  }
  // In either direction a name is that of the destination's container port.
  const declared = destination?.ports.find((each) =>
    each.name === port.port && each.protocol === port.protocol
  );
  return port.endPort === undefined && declared?.port === flow.port;
}

function resolveEnds(view: ClusterView, flow: Flow): [Identity, Identity] {
  const family = flow.family ??
    commonFamilies(view, flow.from, flow.to)[0];
  const [from, to] = [flow.from, flow.to].map((end) =>
    addressesOf(view, end).find((ip) => familyOf(ip) === family)
  );
  if (from === undefined || to === undefined) {
    const which = flow.family === undefined ? "" : `IPv${flow.family} `;
    throw new FairwayError(
      "input.invalid",
      `${endText(flow.from)} and ${
        endText(flow.to)
      } have no ${which}address family in common`,
    );
  }
  return [identityOf(view, flow.from, from), identityOf(view, flow.to, to)];
}

function addressesOf(view: ClusterView, end: FlowEnd): readonly Ip[] {
  if (end.kind === "ip") return [end.ip];
  const pod = view.table("Pod").get(end.pod);
  if (pod === undefined) {
    throw new FairwayError("input.invalid", `there is no pod ${end.pod}`);
  }
  if (pod.ips.length === 0) {
    const why = pod.finished ? "has finished" : "has no address yet";
    throw new FairwayError("input.invalid", `pod ${end.pod} ${why}`);
  }
  return pod.ips;
}

function identityOf(view: ClusterView, end: FlowEnd, ip: Ip): Identity {
  const named = end.kind === "pod"
    ? view.table("Pod").get(end.pod)
    : ownerOf(view, ip);
  if (named !== undefined && ownsAddresses(named)) {
    return { ip, pod: named, host: undefined };
  }
  // A pod on the host network is its node, as far as policies can tell.
  const host = named?.node ?? view.nodeByIp(ip)?.name;
  return { ip, pod: undefined, host };
}

function endText(end: FlowEnd): string {
  return end.kind === "pod" ? `pod ${end.pod}` : end.ip;
}
