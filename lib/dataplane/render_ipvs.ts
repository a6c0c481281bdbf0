/**
 * Virtual servers and destinations as lines for `ipvsadm -R`.
 *
 * @see ipvsadm(8)
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import type { Op } from "../base/target.ts";
import {
  type IpvsAddress,
  ipvsAddressText,
  type IpvsDestination,
  type IpvsService,
  type IpvsValue,
  socketText,
} from "./ipvs.ts";

/** A batch as text, and which operation each line came from. */
export interface IpvsBatch {
  readonly text: string;
  readonly opOfLine: readonly number[];
}

const METHODS: Readonly<Record<IpvsDestination["method"], string>> = {
  masquerade: "-m",
  tunnel: "-i",
  route: "-g",
};

/** The place of a key in a batch: virtual servers, then their destinations. */
export function ipvsOrder(key: string): number {
  return key.startsWith("service/") ? 0 : 1;
}

/**
 * Renders a batch. Destinations that go with their virtual server have no line:
 * the kernel removes them with it.
 *
 * @throws {FairwayError} `internal` when a scheduler or flag is no word
 */
export function renderIpvsBatch(ops: readonly Op<IpvsValue>[]): IpvsBatch {
  const leaving = new Set<string>();
  for (const op of ops) {
    if (op.kind === "remove" && op.previous.kind === "service") {
      leaving.add(ipvsAddressText(op.previous.at));
    }
  }
  const lines: string[] = [];
  const opOfLine: number[] = [];
  ops.forEach((op, index) => {
    if (
      op.kind === "remove" && op.previous.kind === "destination" &&
      leaving.has(ipvsAddressText(op.previous.at))
    ) return;
    lines.push(renderIpvsOp(op));
    opOfLine.push(index);
  });
  return { text: lines.map((line) => `${line}\n`).join(""), opOfLine };
}

/** One operation as a line of `ipvsadm` arguments. */
export function renderIpvsOp(op: Op<IpvsValue>): string {
  const value = op.kind === "remove" ? op.previous : op.value;
  const at = renderAt(value.at);
  if (value.kind === "service") {
    if (op.kind === "remove") return `-D ${at}`;
    return `${op.kind === "add" ? "-A" : "-E"} ${at}${serviceWords(value)}`;
  }
  const destination = `${at} -r ${socketText(value.address, value.port)}`;
  if (op.kind === "remove") return `-d ${destination}`;
  const verb = op.kind === "add" ? "-a" : "-e";
  return `${verb} ${destination} ${METHODS[value.method]} -w ${value.weight}`;
}

/** Whether the kernel's value is what is wanted. */
export function ipvsEqual(desired: IpvsValue, observed: IpvsValue): boolean {
  if (desired.kind === "service") {
    return observed.kind === "service" &&
      desired.scheduler === observed.scheduler &&
      desired.persistentSeconds === observed.persistentSeconds &&
      desired.flags.join() === observed.flags.join();
  }
  return observed.kind === "destination" &&
    desired.method === observed.method && desired.weight === observed.weight;
}

function renderAt(at: IpvsAddress): string {
  switch (at.protocol) {
    case "mark":
      return `-f ${at.mark}${at.family === 6 ? " -6" : ""}`;
    case "tcp":
      return `-t ${socketText(at.address, at.port)}`;
    case "udp":
      return `-u ${socketText(at.address, at.port)}`;
    case "sctp":
      return `--sctp-service ${socketText(at.address, at.port)}`;
  }
}

function serviceWords(service: IpvsService): string {
  const persistence = service.persistentSeconds > 0
    ? ` -p ${service.persistentSeconds}`
    : "";
  const flags = service.flags.length > 0
    ? ` -b ${service.flags.map(word).join(",")}`
    : "";
  return ` -s ${word(service.scheduler)}${persistence}${flags}`;
}

function word(text: string): string {
  if (!/^[a-z0-9-]+$/.test(text)) {
    throw new FairwayError("internal", `ipvsadm: "${text}" is not a word`);
  }
  return text;
}
