/**
 * v1 Pod → model.
 *
 * @module
 */

import { familyOf, type Ip } from "../net/ip.ts";
import type { NamedPort, Pod } from "./model.ts";
import { Pool, shareText } from "./pool.ts";
import {
  isObjectName,
  type OpenObject,
  project,
  type Projected,
  readLabels,
} from "./projection.ts";
import { EMPTY, isRecord, type Reader } from "./reader.ts";

/** Port lists are few and pods many: equal lists are shared. */
const portLists = new Pool<readonly NamedPort[]>(4096);

/** Projects a v1 Pod from untrusted JSON. */
export function projectPod(raw: unknown): Projected<Pod> {
  return project("Pod", raw, (object) => {
    const { reader, spec, status } = object;
    const phase = reader.text(status["phase"], "status.phase");
    const finished = phase === "Succeeded" || phase === "Failed";
    const deletion = object.metadata["deletionTimestamp"];
    return {
      key: object.key,
      namespace: object.namespace,
      name: object.name,
      uid: object.uid,
      labels: readLabels(object),
      ips: finished ? EMPTY : readIps(object),
      node: readNode(object),
      hostNetwork: reader.flag(spec["hostNetwork"], "spec.hostNetwork", {
        absent: false,
        unreadable: false,
      }),
      finished,
      terminating: deletion !== undefined && deletion !== null,
      ports: readPorts(object),
    };
  });
}

function readNode({ reader, spec }: OpenObject): string {
  const node = reader.text(spec["nodeName"], "spec.nodeName") ?? "";
  if (node === "" || isObjectName(node)) return shareText(node);
  reader.refuse("spec.nodeName", node, "is not a name", "name a node");
  return "";
}

function readIps({ reader, status }: OpenObject): readonly Ip[] {
  const list = reader.list(status["podIPs"], "status.podIPs");
  const ips: Ip[] = [];
  list.forEach((entry, i) => {
    const field = `status.podIPs[${i}]`;
    const record = reader.required(entry, field);
    if (record === undefined) return;
    addIp(reader, ips, reader.ip(record["ip"], `${field}.ip`), field);
  });
  const single = status["podIP"];
  if (
    list.length === 0 && single !== undefined && single !== null &&
    single !== ""
  ) {
    const field = "status.podIP";
    addIp(reader, ips, reader.ip(single, field), field);
  }
  return ips.length === 0 ? EMPTY : ips;
}

function addIp(
  reader: Reader,
  ips: Ip[],
  ip: Ip | undefined,
  field: string,
): void {
  if (ip === undefined || ips.includes(ip)) return;
  if (ips.some((known) => familyOf(known) === familyOf(ip))) {
    reader.refuse(
      field,
      ip,
      "is a second address of one family and is not used",
      "list one address of each family",
    );
    return;
  }
  ips.push(ip);
}

function readPorts({ reader, spec }: OpenObject): readonly NamedPort[] {
  const ports: NamedPort[] = [];
  const containers = reader.list(spec["containers"], "spec.containers");
  containers.forEach((container, i) =>
    readContainer(reader, container, `spec.containers[${i}]`, ports)
  );
  const initial = reader.list(spec["initContainers"], "spec.initContainers");
  initial.forEach((container, i) => {
    // A restartable init container is a sidecar (KEP-753): it runs as long as the pod does.
    if (isRecord(container) && container["restartPolicy"] !== "Always") return;
    readContainer(reader, container, `spec.initContainers[${i}]`, ports);
  });
  if (ports.length === 0) return EMPTY;
  const text = ports
    .map(({ name, protocol, port }) => `${protocol}/${port}/${name}`)
    .join("\n");
  return portLists.share(text, () => ports);
}

function readContainer(
  reader: Reader,
  raw: unknown,
  field: string,
  into: NamedPort[],
): void {
  const container = reader.required(raw, field);
  if (container === undefined) return;
  reader.list(container["ports"], `${field}.ports`).forEach((entry, i) => {
    const path = `${field}.ports[${i}]`;
    const record = reader.required(entry, path);
    const name = reader.text(record?.["name"], `${path}.name`);
    if (record === undefined || name === undefined || name === "") return;
    const protocol = reader.protocol(record["protocol"], `${path}.protocol`);
    const number = record["containerPort"] ?? 0;
    const port = reader.integer(number, `${path}.containerPort`, {
      min: 1,
      max: 65535,
    });
    if (protocol === undefined || port === undefined) return;
    const known = into.some((other) =>
      other.name === name && other.protocol === protocol && other.port === port
    );
    if (!known) into.push({ name, protocol, port });
  });
}
