/**
 * What a node's annotations say about its part in BGP, apart from its peers.
 *
 * @module
 */

import type { Issue } from "../base/issue.ts";
import type { Node } from "../cluster/model.ts";
import { familyOf, type Ip, tryParseIp } from "../net/ip.ts";

/** A node's part in route reflection (RFC 4456). */
export interface Reflection {
  readonly role: "server" | "client";
  /** As the four octets of CLUSTER_LIST. */
  readonly clusterId: Ip;
}

/** A node's part in BGP. */
export interface NodeBgp {
  /** Annotation node.asn; undefined when absent or unusable. */
  readonly asn: number | undefined;
  readonly reflection: Reflection | undefined;
  /** Added to everything external peers get: `65000:1`, or a well-known name. */
  readonly communities: readonly string[];
  /** AS number and how often it is put in front towards external peers. */
  readonly prepend:
    | { readonly asn: number; readonly times: number }
    | undefined;
  readonly issues: readonly Issue[];
}

const PREFIX = "kube-router.io/";

/** Reads `node.asn`, `rr.server`, `rr.client`, `node.bgp.communities` and `path-prepend.*`. */
export function parseNodeBgp(node: Node): NodeBgp {
  const issues: Issue[] = [];
  const get = (name: string): string | undefined =>
    node.annotations.get(PREFIX + name)?.trim();
  const refuse = (name: string, problem: string, mend: string): undefined => {
    issues.push({
      object: `Node ${node.name}`,
      field: `metadata.annotations["${PREFIX}${name}"]`,
      problem: `${JSON.stringify(get(name) ?? "")} ${problem}`,
      mend,
    });
    return undefined;
  };
  const readAs = (name: string): number | undefined => {
    const text = get(name);
    if (text === undefined) return undefined;
    return parseAs(text) ?? refuse(
      name,
      "is not an AS number",
      "use 1 to 4294967295, but not 23456",
    );
  };
  const readRole = (role: Reflection["role"]): Reflection | undefined => {
    const text = get(`rr.${role}`);
    if (text === undefined) return undefined;
    const clusterId = parseClusterId(text);
    if (clusterId !== undefined) return { role, clusterId };
    return refuse(
      `rr.${role}`,
      "is not a cluster id",
      "use a number up to 4294967295 or an IPv4 address",
    );
  };
  const communities = (get("node.bgp.communities") ?? "").split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .flatMap((part) => {
      const community = parseCommunity(part);
      if (community !== undefined) return [community];
      issues.push({
        object: `Node ${node.name}`,
        field: `metadata.annotations["${PREFIX}node.bgp.communities"]`,
        problem: `${JSON.stringify(part)} is not a community`,
        mend: "use 65000:1, a 32-bit number, or a name such as no-export",
      });
      return [];
    });
  const asn = readAs("node.asn");
  const prependAs = readAs("path-prepend.as");
  const timesText = get("path-prepend.repeat-n");
  const times = timesText === undefined
    ? undefined
    : /^(?:[1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/.test(timesText)
    ? Number(timesText)
    : refuse(
      "path-prepend.repeat-n",
      "is not a count",
      "use a number from 1 to 255",
    );
  const hasAs = get("path-prepend.as") !== undefined;
  if (hasAs !== (timesText !== undefined)) {
    refuse(
      hasAs ? "path-prepend.as" : "path-prepend.repeat-n",
      "has no effect alone",
      "give path-prepend.as and path-prepend.repeat-n",
    );
  }
  return {
    asn,
    reflection: readRole("server") ?? readRole("client"),
    communities: [...new Set(communities)],
    prepend: prependAs === undefined || times === undefined
      ? undefined
      : { asn: prependAs, times },
    issues,
  };
}

/** An AS number in decimal: 1 to 4294967295, not AS_TRANS (RFC 6793). */
export function parseAs(text: string): number | undefined {
  if (!/^[1-9]\d{0,9}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= 4_294_967_295 && number !== 23456 ? number : undefined;
}

function parseClusterId(text: string): Ip | undefined {
  const address = tryParseIp(text);
  if (address !== undefined) {
    return familyOf(address) === 4 ? address : undefined;
  }
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  if (number > 4_294_967_295) return undefined;
  const octets = [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff);
  return octets.join(".") as Ip;
}

/** Well-known communities by the names that operators use (IANA registry), as RFC 1997 text. */
const WELL_KNOWN: ReadonlyMap<string, string> = new Map([
  ["planned-shut", "65535:0"],
  ["graceful-shutdown", "65535:0"],
  ["accept-own", "65535:1"],
  ["llgr-stale", "65535:6"],
  ["no-llgr", "65535:7"],
  ["blackhole", "65535:666"],
  ["no-export", "65535:65281"],
  ["no-advertise", "65535:65282"],
  ["no-export-subconfed", "65535:65283"],
  ["no-peer", "65535:65284"],
]);

/** A community as `high:low`, from that, from one 32-bit number, or from a well-known name. */
function parseCommunity(text: string): string | undefined {
  const known = WELL_KNOWN.get(text.toLowerCase());
  if (known !== undefined) return known;
  const pair = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  if (pair !== null) {
    const high = Number(pair[1]);
    const low = Number(pair[2]);
    return high <= 65535 && low <= 65535 ? `${high}:${low}` : undefined;
  }
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  if (number > 4_294_967_295) return undefined;
  return `${Math.floor(number / 65536)}:${number % 65536}`;
}
