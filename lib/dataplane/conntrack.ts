/**
 * Connections the kernel tracks, and which of them to forget.
 *
 * @module
 */

import { type Family, familyOf, type Ip } from "../net/ip.ts";

/** One way of a connection. Ports are 0 for protocols that have none. */
export interface FlowTuple {
  readonly source: Ip;
  readonly destination: Ip;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A tracked connection. */
export interface Flow {
  readonly family: Family;
  /** IP protocol number. */
  readonly protocol: number;
  /** As the first packet was sent, before address translation. */
  readonly original: FlowTuple;
  /** As answers come in: its source is who really answers. */
  readonly reply: FlowTuple;
  /** 0 when unset. */
  readonly mark: number;
}

/** Which connections are meant; what is absent matches anything. */
export interface FlowFilter {
  /** IP protocol number. */
  readonly protocol?: number;
  readonly source?: Ip;
  readonly destination?: Ip;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Who really answers: the endpoint behind a virtual IP. */
  readonly replySource?: Ip;
  readonly replySourcePort?: number;
}

/** Whether a connection is one that the filter means. */
export function matchesFlow(filter: FlowFilter, flow: Flow): boolean {
  const { original, reply } = flow;
  return is(filter.protocol, flow.protocol) &&
    is(filter.source, original.source) &&
    is(filter.destination, original.destination) &&
    is(filter.sourcePort, original.sourcePort) &&
    is(filter.destinationPort, original.destinationPort) &&
    is(filter.replySource, reply.source) &&
    is(filter.replySourcePort, reply.sourcePort);
}

/**
 * The fewest filters that mean exactly these connections among all.
 *
 * The tool walks the whole table once for each filter, so connections to one
 * port of one address that one endpoint answers become one filter, if all of
 * them are meant; then those of one client; then each alone.
 */
export function narrowFlows(
  all: readonly Flow[],
  meant: ReadonlySet<Flow>,
): FlowFilter[] {
  const filters: FlowFilter[] = [];
  let left = [...meant];
  for (const widen of [byEndpoint, byClient]) {
    if (left.length === 0) break;
    const spared = new Set<string>();
    for (const flow of all) {
      if (!meant.has(flow)) spared.add(textOf(widen(flow)));
    }
    const next: Flow[] = [];
    const wide = new Map<string, FlowFilter>();
    for (const flow of left) {
      const filter = widen(flow);
      const text = textOf(filter);
      if (spared.has(text)) next.push(flow);
      else wide.set(text, filter);
    }
    filters.push(...wide.values());
    left = next;
  }
  return [...filters, ...left.map(exactly)];
}

/** The family a filter is about; undefined when it names no address. */
export function filterFamily(filter: FlowFilter): Family | undefined {
  const address = filter.source ?? filter.destination ?? filter.replySource;
  return address === undefined ? undefined : familyOf(address);
}

function is<T>(wanted: T | undefined, actual: T): boolean {
  return wanted === undefined || wanted === actual;
}

function byEndpoint(flow: Flow): FlowFilter {
  return {
    protocol: flow.protocol,
    destination: flow.original.destination,
    destinationPort: flow.original.destinationPort,
    replySource: flow.reply.source,
  };
}

function byClient(flow: Flow): FlowFilter {
  return { ...byEndpoint(flow), source: flow.original.source };
}

function exactly(flow: Flow): FlowFilter {
  return { ...byClient(flow), sourcePort: flow.original.sourcePort };
}

function textOf(filter: FlowFilter): string {
  return `${filter.protocol} ${filter.source} ${filter.destination} ` +
    `${filter.destinationPort} ${filter.replySource}`;
}
