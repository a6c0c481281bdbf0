/**
 * Which of several paths to a prefix is used (RFC 4271 §9.1.2, RFC 4456 §9).
 *
 * In order: highest LOCAL_PREF, shortest AS_PATH, lowest ORIGIN, lowest MED
 * among paths from the same neighbouring AS, external before internal. What is
 * left after that is equally good: the multipath set. One of it is the best
 * path: the one that was best before, when all are external (RFC 5004); else
 * lowest originator or router identifier, shortest CLUSTER_LIST, lowest peer
 * address.
 *
 * RFC says / we do: the interior cost to the next hop is not known here and
 * counts as equal. A missing MED is 0. A path with the GRACEFUL_SHUTDOWN
 * community has LOCAL_PREF 0 (RFC 8326 §4.2).
 *
 * @module
 */

import { compareIp, type Ip } from "../net/ip.ts";
import type { AttributeSet } from "./wire/attribute_set.ts";
import { GRACEFUL_SHUTDOWN } from "./wire/communities.ts";

/** The peer that a path came from. */
export interface PathPeer {
  readonly address: Ip;
  readonly routerId: Ip;
  /** Of another AS. */
  readonly external: boolean;
}

/** What the decision looks at. */
export interface Candidate {
  readonly peer: PathPeer;
  readonly attributes: AttributeSet;
}

/** LOCAL_PREF of a path that has none. */
export const DEFAULT_LOCAL_PREF = 100;

/** The degree of preference (RFC 4271 §9.1.1). */
export function preferenceOf({ peer, attributes }: Candidate): number {
  const { communities, localPref } = attributes.view;
  if (communities?.includes(GRACEFUL_SHUTDOWN) === true) return 0;
  return peer.external ? DEFAULT_LOCAL_PREF : localPref ?? DEFAULT_LOCAL_PREF;
}

/** The outcome: one path, and all that are as good but for the tie-break. */
export interface Decision<P> {
  readonly best: P;
  /** Holds `best`; in the order the paths were given. */
  readonly equal: readonly P[];
}

/**
 * Decides.
 *
 * @param incumbent address of the peer whose path was best before
 * @returns undefined when there is no path
 */
export function decide<P extends Candidate>(
  paths: readonly P[],
  incumbent?: Ip,
): Decision<P> | undefined {
  const [only] = paths;
  if (only === undefined) return undefined;
  if (paths.length === 1) return { best: only, equal: paths };
  let left = highest(paths, preferenceOf);
  left = highest(left, ({ attributes }) => -attributes.pathLength);
  left = highest(left, ({ attributes }) => -attributes.view.origin);
  left = withoutWorseMed(left);
  left = highest(left, ({ peer }) => peer.external ? 1 : 0);
  const kept = left.find(({ peer }) => peer.address === incumbent);
  if (kept !== undefined && left.every(({ peer }) => peer.external)) {
    return { best: kept, equal: left };
  }
  const best = left.reduce((a, b) => breakTie(a, b) <= 0 ? a : b);
  return { best, equal: left };
}

function highest<P>(
  paths: readonly P[],
  score: (path: P) => number,
): readonly P[] {
  let most = -Infinity;
  for (const path of paths) most = Math.max(most, score(path));
  return paths.filter((path) => score(path) === most);
}

/** Drops each path that has a sibling from the same neighbouring AS with a lower MED; independent of order. */
function withoutWorseMed<P extends Candidate>(
  paths: readonly P[],
): readonly P[] {
  const lowest = new Map<number | undefined, number>();
  for (const { attributes } of paths) {
    const med = attributes.view.med ?? 0;
    const known = lowest.get(attributes.neighbourAs);
    if (known === undefined || med < known) {
      lowest.set(attributes.neighbourAs, med);
    }
  }
  return paths.filter(({ attributes }) =>
    (attributes.view.med ?? 0) === lowest.get(attributes.neighbourAs)
  );
}

function breakTie(a: Candidate, b: Candidate): number {
  const identifier = ({ peer, attributes }: Candidate): Ip =>
    attributes.view.originatorId ?? peer.routerId;
  const clusters = ({ attributes }: Candidate): number =>
    attributes.view.clusterList?.length ?? 0;
  return compareIp(identifier(a), identifier(b)) ||
    clusters(a) - clusters(b) ||
    compareIp(a.peer.address, b.peer.address);
}
