/**
 * v1 Node → model.
 *
 * @module
 */

import type { Ip } from "../net/ip.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Node } from "./model.ts";
import {
  type OpenObject,
  project,
  type Projected,
  readAnnotations,
  readLabels,
} from "./projection.ts";

/** Projects a v1 Node from untrusted JSON. */
export function projectNode(raw: unknown): Projected<Node> {
  return project("Node", raw, (object) => {
    const annotations = readAnnotations(object);
    return {
      key: object.key,
      name: object.name,
      labels: readLabels(object),
      ...readAddresses(object),
      podCidrs: readPodCidrs(object, annotations),
      annotations,
    };
  });
}

function readAddresses(
  { reader, status }: OpenObject,
): { internalIps: readonly Ip[]; externalIps: readonly Ip[] } {
  const internalIps: Ip[] = [];
  const externalIps: Ip[] = [];
  reader.list(status["addresses"], "status.addresses").forEach((entry, i) => {
    const field = `status.addresses[${i}]`;
    const record = reader.required(entry, field);
    const type = record?.["type"];
    const into = type === "InternalIP"
      ? internalIps
      : type === "ExternalIP"
      ? externalIps
      : undefined;
    if (record === undefined || into === undefined) return;
    const ip = reader.ip(record["address"], `${field}.address`);
    if (ip !== undefined && !into.includes(ip)) into.push(ip);
  });
  return { internalIps, externalIps };
}

/** The first source that says anything counts, even when nothing in it is usable: it was meant to override. */
function readPodCidrs(
  { reader, spec }: OpenObject,
  annotations: ReadonlyMap<string, string>,
): readonly Prefix[] {
  const cidrs: Prefix[] = [];
  const add = (value: unknown, field: string): void => {
    const prefix = reader.prefix(value, field);
    if (prefix !== undefined && !cidrs.includes(prefix)) cidrs.push(prefix);
  };
  for (const key of ["kube-router.io/pod-cidrs", "kube-router.io/pod-cidr"]) {
    const texts = (annotations.get(key) ?? "").split(",")
      .filter((text) => text.trim() !== "");
    for (const text of texts) add(text, `metadata.annotations["${key}"]`);
    if (texts.length > 0) return cidrs;
  }
  const list = reader.list(spec["podCIDRs"], "spec.podCIDRs");
  list.forEach((text, i) => add(text, `spec.podCIDRs[${i}]`));
  const single = spec["podCIDR"];
  if (
    list.length === 0 && single !== undefined && single !== null &&
    single !== ""
  ) {
    add(single, "spec.podCIDR");
  }
  return cidrs;
}
