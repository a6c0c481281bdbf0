/**
 * networking.k8s.io/v1 NetworkPolicy → model.
 *
 * Everything here errs to the closed side: what cannot be read in a rule admits
 * nothing, and what cannot be read in the choice of pods or directions isolates
 * more rather than less.
 *
 * @module
 */

import { prefixCovers, prefixFamily } from "../net/prefix.ts";
import type { Prefix } from "../net/prefix.ts";
import type {
  NetworkPolicy,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from "./model.ts";
import { type OpenObject, project, type Projected } from "./projection.ts";
import { isRecord, type JsonRecord, type Reader } from "./reader.ts";
import { parseSelector, type Selector } from "./selector.ts";

/** RFC 6335 service name: what a container port can be called. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;

const SPEC_FIELDS = ["podSelector", "policyTypes", "ingress", "egress"];

/** The directions of a policy that does not say them readably. */
const BOTH = { ingress: true, egress: true };

/** Projects a networking.k8s.io/v1 NetworkPolicy from untrusted JSON. */
export function projectNetworkPolicy(raw: unknown): Projected<NetworkPolicy> {
  return project("NetworkPolicy", raw, (object) => {
    const { reader, spec } = object;
    // A specification that is not an object reads as an empty one, so every pod of the namespace is isolated.
    const parsed = parseSelector(
      spec["podSelector"],
      reader.object,
      "spec.podSelector",
    );
    reader.adopt(parsed.issues);
    reader.knowsOnly(spec, SPEC_FIELDS, "spec");
    const readable = parsed.issues.length === 0;
    const whole = isRecord(raw) ? raw["spec"] : undefined;
    const directions = isPresent(whole) && !isRecord(whole)
      ? BOTH
      : readDirections(object);
    const rules = (
      on: boolean,
      field: "ingress" | "egress",
    ): readonly PolicyRule[] | undefined => {
      if (!on) return undefined;
      const list = readRules(reader, spec[field], field);
      // Which pods are meant is not known: those that may be are isolated, and the rules open none of them.
      return readable ? list : [];
    };
    return {
      key: object.key,
      namespace: object.namespace,
      name: object.name,
      uid: object.uid,
      podSelector: parsed.superset,
      ingress: rules(directions.ingress, "ingress"),
      egress: rules(directions.egress, "egress"),
    };
  });
}

/** Absent policyTypes mean ingress, and egress too when there is at least one egress rule. */
function readDirections(
  { reader, spec }: OpenObject,
): { ingress: boolean; egress: boolean } {
  const field = "spec.policyTypes";
  const value = spec["policyTypes"];
  const types = reader.list(value, field);
  if (value !== undefined && value !== null && !Array.isArray(value)) {
    return BOTH;
  }
  if (types.length === 0) {
    const egress = spec["egress"];
    return {
      ingress: true,
      egress: Array.isArray(egress)
        ? egress.length > 0
        : egress !== undefined && egress !== null,
    };
  }
  const directions = { ingress: false, egress: false };
  types.forEach((type, i) => {
    if (type === "Ingress") directions.ingress = true;
    else if (type === "Egress") directions.egress = true;
    else {
      reader.refuse(
        `${field}[${i}]`,
        type,
        "is not a policy type, so both directions are isolated",
        "use Ingress or Egress",
      );
      directions.ingress = directions.egress = true;
    }
  });
  return directions;
}

function readRules(
  reader: Reader,
  raw: unknown,
  direction: "ingress" | "egress",
): readonly PolicyRule[] {
  const path = `spec.${direction}`;
  const peersField = direction === "ingress" ? "from" : "to";
  const rules: PolicyRule[] = [];
  reader.list(raw, path).forEach((entry, i) => {
    const field = `${path}[${i}]`;
    const rule = reader.required(entry, field);
    if (
      rule === undefined ||
      !reader.knowsOnly(rule, [peersField, "ports"], field)
    ) return;
    rules.push({
      peers: readEntries(
        reader,
        rule[peersField],
        `${field}.${peersField}`,
        readPeer,
      ),
      ports: readEntries(reader, rule["ports"], `${field}.ports`, readPort),
    });
  });
  return rules;
}

/** An absent or empty list means all; one whose entries are all unusable means none. */
function readEntries<T>(
  reader: Reader,
  raw: unknown,
  path: string,
  read: (reader: Reader, entry: JsonRecord, field: string) => T | undefined,
): readonly T[] | undefined {
  if (
    raw === undefined || raw === null ||
    (Array.isArray(raw) && raw.length === 0)
  ) return undefined;
  const entries: T[] = [];
  reader.list(raw, path).forEach((value, i) => {
    const field = `${path}[${i}]`;
    const record = reader.required(value, field);
    const entry = record && read(reader, record, field);
    if (entry !== undefined) entries.push(entry);
  });
  return entries;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function readPeer(
  reader: Reader,
  peer: JsonRecord,
  field: string,
): PolicyPeer | undefined {
  const known = ["podSelector", "namespaceSelector", "ipBlock"];
  if (!reader.knowsOnly(peer, known, field)) return undefined;
  const pods = peer["podSelector"];
  const namespaces = peer["namespaceSelector"];
  const bySelector = isPresent(pods) || isPresent(namespaces);
  if (isPresent(peer["ipBlock"])) {
    if (!bySelector) return readBlock(reader, peer["ipBlock"], field);
    reader.report(
      field,
      "has an ipBlock beside a selector and matches nothing",
      "make them two entries",
    );
    return undefined;
  }
  if (!bySelector) {
    reader.report(
      field,
      "names no peer and matches nothing",
      `give it ${known.join(" or ")}`,
    );
    return undefined;
  }
  const parse = (raw: unknown, name: string): Selector => {
    const parsed = parseSelector(raw, reader.object, `${field}.${name}`);
    reader.adopt(parsed.issues);
    return parsed.selector;
  };
  return {
    kind: "pods",
    namespaces: isPresent(namespaces)
      ? parse(namespaces, "namespaceSelector")
      : undefined,
    pods: parse(pods, "podSelector"),
  };
}

function readBlock(
  reader: Reader,
  raw: unknown,
  path: string,
): PolicyPeer | undefined {
  const field = `${path}.ipBlock`;
  const block = reader.required(raw, field);
  if (
    block === undefined || !reader.knowsOnly(block, ["cidr", "except"], field)
  ) return undefined;
  const cidr = reader.prefix(block["cidr"], `${field}.cidr`);
  const rawExcept = block["except"];
  const entries = reader.list(rawExcept, `${field}.except`);
  if (
    cidr === undefined || (isPresent(rawExcept) && !Array.isArray(rawExcept))
  ) {
    return undefined;
  }
  const except: Prefix[] = [];
  for (const [i, value] of entries.entries()) {
    const where = `${field}.except[${i}]`;
    const prefix = reader.prefix(value, where);
    // Without this exception the block would admit more than was meant.
    if (prefix === undefined) return undefined;
    if (prefixCovers(cidr, prefix)) {
      if (!except.includes(prefix)) except.push(prefix);
    } else if (prefixCovers(prefix, cidr)) {
      reader.refuse(
        where,
        value,
        `holds all of ${cidr}, so the block matches nothing`,
        "except a part of the block",
      );
      return undefined;
    } else {
      reader.refuse(
        where,
        value,
        prefixFamily(prefix) === prefixFamily(cidr)
          ? `is not inside ${cidr} and changes nothing`
          : `is of another family than ${cidr} and changes nothing`,
        "remove it, or correct the block",
      );
    }
  }
  return { kind: "block", cidr, except };
}

function readPort(
  reader: Reader,
  entry: JsonRecord,
  field: string,
): PolicyPort | undefined {
  if (!reader.knowsOnly(entry, ["protocol", "port", "endPort"], field)) {
    return undefined;
  }
  const protocol = reader.protocol(entry["protocol"], `${field}.protocol`);
  if (protocol === undefined) return undefined;
  const port = entry["port"];
  const endPort = entry["endPort"];
  if (!isPresent(port)) {
    if (!isPresent(endPort)) {
      return { protocol, port: undefined, endPort: undefined };
    }
    reader.refuse(
      `${field}.endPort`,
      endPort,
      "stands without port, so the entry matches nothing",
      "give the first port of the range",
    );
    return undefined;
  }
  if (typeof port === "string") {
    return readNamedPort(reader, port, endPort, protocol, field);
  }
  const first = reader.integer(port, `${field}.port`, { min: 1, max: 65535 });
  if (first === undefined) return undefined;
  if (!isPresent(endPort)) {
    return { protocol, port: first, endPort: undefined };
  }
  const last = reader.integer(endPort, `${field}.endPort`, {
    min: first,
    max: 65535,
  });
  return last === undefined
    ? undefined
    : { protocol, port: first, endPort: last };
}

function readNamedPort(
  reader: Reader,
  name: string,
  endPort: unknown,
  protocol: PolicyPort["protocol"],
  field: string,
): PolicyPort | undefined {
  if (isPresent(endPort)) {
    reader.refuse(
      `${field}.endPort`,
      endPort,
      `stands beside the named port "${name}", so the entry matches nothing`,
      "use numbers for a range",
    );
    return undefined;
  }
  if (PORT_NAME.test(name)) return { protocol, port: name, endPort: undefined };
  reader.refuse(
    `${field}.port`,
    name,
    "is neither a port number nor the name of a port",
    /^\d+$/.test(name)
      ? "write the number without quotes"
      : "use at most 15 lower-case letters, digits and -",
  );
  return undefined;
}
