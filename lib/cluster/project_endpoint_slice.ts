/**
 * discovery.k8s.io/v1 EndpointSlice → model.
 *
 * @module
 */

import { type Family, familyOf, type Ip } from "../net/ip.ts";
import type { Endpoint, EndpointPort, EndpointSlice } from "./model.ts";
import { shareText } from "./pool.ts";
import { HEADLESS } from "./project_service.ts";
import {
  isObjectName,
  labelOf,
  type OpenObject,
  project,
  type Projected,
} from "./projection.ts";
import { EMPTY, isRecord, type Reader } from "./reader.ts";
import { readForeignIp } from "./special_ip.ts";

const SERVICE_NAME = "kubernetes.io/service-name";

/**
 * Projects a discovery.k8s.io/v1 EndpointSlice from untrusted JSON. Slices of
 * names (FQDN) and of headless services have no place in the model.
 */
export function projectEndpointSlice(raw: unknown): Projected<EndpointSlice> {
  return project("EndpointSlice", raw, (object) => {
    const addressType = isRecord(raw) ? raw["addressType"] : undefined;
    if (addressType === "FQDN") return undefined;
    if (addressType !== "IPv4" && addressType !== "IPv6") {
      object.reader.refuse(
        "addressType",
        addressType,
        "is not an address type",
        "use IPv4 or IPv6",
      );
      return undefined;
    }
    if (labelOf(object, HEADLESS) !== undefined || !isRecord(raw)) {
      return undefined;
    }
    const family = addressType === "IPv4" ? 4 : 6;
    return {
      key: object.key,
      namespace: object.namespace,
      name: object.name,
      service: readService(object),
      family,
      ports: readPorts(object.reader, raw["ports"]),
      endpoints: readEndpoints(object.reader, raw["endpoints"], family),
    };
  });
}

/** The label says it; without one, the owner does. */
function readService(object: OpenObject): string {
  const label = labelOf(object, SERVICE_NAME);
  if (label !== undefined) {
    if (isObjectName(label)) return `${object.namespace}/${label}`;
    object.reader.refuse(
      `metadata.labels["${SERVICE_NAME}"]`,
      label,
      "is not a name",
      "name the service",
    );
    return "";
  }
  const owners = object.reader.list(
    object.metadata["ownerReferences"],
    "metadata.ownerReferences",
  );
  for (const owner of owners) {
    if (!isRecord(owner) || owner["kind"] !== "Service") continue;
    const name = owner["name"];
    if (typeof name === "string" && isObjectName(name)) {
      return `${object.namespace}/${name}`;
    }
  }
  return "";
}

/** A port without number means "every port", which cannot be balanced: it is left out. */
function readPorts(reader: Reader, raw: unknown): readonly EndpointPort[] {
  const ports: EndpointPort[] = [];
  reader.list(raw, "ports").forEach((entry, i) => {
    const field = `ports[${i}]`;
    const record = reader.required(entry, field);
    const protocol = reader.protocol(record?.["protocol"], `${field}.protocol`);
    const name = reader.text(record?.["name"] ?? "", `${field}.name`);
    const port = reader.integer(record?.["port"], `${field}.port`, {
      min: 1,
      max: 65535,
    });
    if (protocol === undefined || name === undefined || port === undefined) {
      return;
    }
    ports.push({ name: shareText(name), protocol, port });
  });
  return ports;
}

function readEndpoints(
  reader: Reader,
  raw: unknown,
  family: Family,
): readonly Endpoint[] {
  const endpoints: Endpoint[] = [];
  reader.list(raw, "endpoints").forEach((entry, i) => {
    const field = `endpoints[${i}]`;
    const record = reader.required(entry, field);
    if (record === undefined) return;
    const addresses = readAddresses(reader, record["addresses"], field, family);
    if (addresses.length === 0) return;
    const path = `${field}.conditions`;
    const conditions = reader.record(record["conditions"], path);
    const ready = reader.flag(conditions?.["ready"], `${path}.ready`, {
      absent: true,
      unreadable: false,
    });
    const hints = reader.record(record["hints"], `${field}.hints`);
    endpoints.push({
      addresses,
      node: shareText(
        reader.text(record["nodeName"], `${field}.nodeName`) ?? "",
      ),
      ready,
      serving: reader.flag(conditions?.["serving"], `${path}.serving`, {
        absent: ready,
        unreadable: false,
      }),
      terminating: reader.flag(
        conditions?.["terminating"],
        `${path}.terminating`,
        { absent: false, unreadable: true },
      ),
      zone: shareText(reader.text(record["zone"], `${field}.zone`) ?? ""),
      hintZones: readHints(
        reader,
        hints?.["forZones"],
        `${field}.hints.forZones`,
      ),
      hintNodes: readHints(
        reader,
        hints?.["forNodes"],
        `${field}.hints.forNodes`,
      ),
    });
  });
  return endpoints;
}

function readAddresses(
  reader: Reader,
  raw: unknown,
  path: string,
  family: Family,
): readonly Ip[] {
  const addresses: Ip[] = [];
  reader.list(raw, `${path}.addresses`).forEach((value, i) => {
    const field = `${path}.addresses[${i}]`;
    const ip = readForeignIp(reader, value, field);
    if (ip === undefined || addresses.includes(ip)) return;
    if (familyOf(ip) !== family) {
      reader.refuse(
        field,
        ip,
        `is not an IPv${family} address`,
        "put it in a slice of its own address type",
      );
      return;
    }
    addresses.push(ip);
  });
  return addresses;
}

function readHints(
  reader: Reader,
  raw: unknown,
  path: string,
): readonly string[] {
  const hints: string[] = [];
  reader.list(raw, path).forEach((entry, i) => {
    const field = `${path}[${i}]`;
    const record = reader.required(entry, field);
    const name = reader.text(record?.["name"], `${field}.name`);
    if (name !== undefined && name !== "") hints.push(shareText(name));
  });
  return hints.length === 0 ? EMPTY : hints;
}
