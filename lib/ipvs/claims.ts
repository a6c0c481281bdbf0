/**
 * Who serves an address and port that several services want.
 *
 * IPVS would merge their endpoints, and one tenant would get another's
 * connections. So one service holds each address and port: by kind in the order
 * of {@linkcode SERVER_KINDS}, then by the order of keys. The rule depends on
 * nothing but the objects, so every node and every restart decides alike.
 *
 * @module
 */

import type { ObjectKey } from "../cluster/model.ts";
import {
  SERVER_KINDS,
  type ServerKind,
  type VirtualServer,
} from "./virtual_servers.ts";

/** Answers who holds an address and port (`tcp/10.96.0.1:80`); undefined when nobody claimed it. */
export interface Holders {
  holder(text: string): ObjectKey | undefined;
}

interface Claim {
  readonly service: ObjectKey;
  readonly kind: ServerKind;
}

/** All claims on addresses and ports. */
export class Claims implements Holders {
  /** A list where there is more than one claim, which is rare. */
  readonly #byText = new Map<string, Claim | readonly Claim[]>();
  readonly #ofService = new Map<ObjectKey, readonly string[]>();

  holder(text: string): ObjectKey | undefined {
    return first(this.#byText.get(text))?.service;
  }

  /**
   * Replaces the claims of one service.
   *
   * @returns the other services that claim an address whose holder changed
   */
  update(
    service: ObjectKey,
    servers: readonly Pick<VirtualServer, "text" | "kind">[],
  ): ReadonlySet<ObjectKey> {
    const affected = new Set<ObjectKey>();
    const wanted = new Map(servers.map(({ text, kind }) => [text, kind]));
    const before = this.#ofService.get(service) ?? [];
    for (const text of new Set([...before, ...wanted.keys()])) {
      const old = this.holder(text);
      this.#set(text, service, wanted.get(text));
      const now = this.holder(text);
      if (old === now) continue;
      // Those who have it no more or never had it tell their owner who has it.
      for (const claim of list(this.#byText.get(text))) {
        if (claim.service !== service) affected.add(claim.service);
      }
    }
    if (wanted.size === 0) this.#ofService.delete(service);
    else this.#ofService.set(service, [...wanted.keys()]);
    return affected;
  }

  #set(text: string, service: ObjectKey, kind: ServerKind | undefined): void {
    const known = this.#byText.get(text);
    const others = list(known).filter((claim) => claim.service !== service);
    const claims = kind === undefined ? others : [...others, { service, kind }];
    const [only] = claims;
    if (only === undefined) this.#byText.delete(text);
    else this.#byText.set(text, claims.length === 1 ? only : sorted(claims));
  }
}

function list(
  claims: Claim | readonly Claim[] | undefined,
): readonly Claim[] {
  if (claims === undefined) return [];
  return "service" in claims ? [claims] : claims;
}

function first(
  claims: Claim | readonly Claim[] | undefined,
): Claim | undefined {
  if (claims === undefined || "service" in claims) return claims;
  return claims[0];
}

function sorted(claims: readonly Claim[]): readonly Claim[] {
  return [...claims].sort((a, b) =>
    SERVER_KINDS.indexOf(a.kind) - SERVER_KINDS.indexOf(b.kind) ||
    (a.service < b.service ? -1 : 1)
  );
}
