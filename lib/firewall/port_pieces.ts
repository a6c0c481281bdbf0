/**
 * Port ranges cut at all their boundaries.
 *
 * An nftables map takes disjoint ranges only, while the rules of a pod's
 * policies may overlap as they like. Every piece says which of them cover it.
 *
 * @module
 */

import type { PolicyPort, Protocol } from "../cluster/model.ts";

/** A range of ports that something is allowed on. */
export interface PortClaim<T> {
  readonly protocol: Protocol;
  /** First and last port, inclusive, 0 to 65535. */
  readonly from: number;
  readonly to: number;
  readonly claimant: T;
}

/** A range of ports that the same claimants cover throughout. */
export interface PortPiece<T> {
  readonly protocol: Protocol;
  readonly from: number;
  readonly to: number;
  /** In the order in which the claims were given, each once. */
  readonly claimants: readonly T[];
}

/** The last port; a rule with a protocol and no port claims 0 to this. */
export const LAST_PORT = 65535;

/** The range of a policy port that has no name, or undefined when it is named or out of range. */
export function numericRange(
  port: PolicyPort,
): { readonly from: number; readonly to: number } | undefined {
  if (port.port === undefined) return { from: 0, to: LAST_PORT };
  if (typeof port.port === "string") return undefined;
  const from = port.port;
  const to = port.endPort ?? from;
  return from >= 1 && from <= to && to <= LAST_PORT ? { from, to } : undefined;
}

/** Cuts overlapping ranges into disjoint ones, by protocol and then by port. */
export function cutPorts<T>(
  claims: readonly PortClaim<T>[],
): PortPiece<T>[] {
  const pieces: PortPiece<T>[] = [];
  for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
    const own = claims.filter((claim) => claim.protocol === protocol);
    pieces.push(...cutOne(protocol, own));
  }
  return pieces;
}

function cutOne<T>(
  protocol: Protocol,
  claims: readonly PortClaim<T>[],
): PortPiece<T>[] {
  const starts = new Set(claims.flatMap((claim) => [claim.from, claim.to + 1]));
  const bounds = [...starts].sort((a, b) => a - b);
  const byStart = claims.map((claim, order) => ({ claim, order }))
    .sort((a, b) => a.claim.from - b.claim.from);
  const pieces: PortPiece<T>[] = [];
  let open: typeof byStart = [];
  let next = 0;
  for (let i = 0; i + 1 < bounds.length; i++) {
    const from = bounds[i] ?? 0;
    const to = (bounds[i + 1] ?? 0) - 1;
    open = open.filter(({ claim }) => claim.to >= from);
    for (; byStart[next]?.claim.from === from; next++) {
      const started = byStart[next];
      if (started !== undefined) open.push(started);
    }
    if (open.length === 0) continue;
    open.sort((a, b) => a.order - b.order);
    const claimants = [...new Set(open.map(({ claim }) => claim.claimant))];
    const last = pieces.at(-1);
    if (last?.to === from - 1 && sameList(last.claimants, claimants)) {
      pieces[pieces.length - 1] = { ...last, to };
    } else pieces.push({ protocol, from, to, claimants });
  }
  return pieces;
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
