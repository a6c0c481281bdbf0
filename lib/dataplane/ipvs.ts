/**
 * What Fairway keeps in IPVS: virtual servers and their destinations.
 *
 * Keys: `service/tcp/10.96.0.1:80`, `service/udp/[2001:db8::1]:53`,
 * `service/mark/4/100`, and for a destination
 * `destination/tcp/10.96.0.1:80/10.244.1.2:8080`.
 *
 * @module
 */

import { type Family, familyOf, type Ip } from "../net/ip.ts";

/** Where a virtual server listens. */
export type IpvsAddress =
  | {
    readonly protocol: "tcp" | "udp" | "sctp";
    readonly address: Ip;
    readonly port: number;
  }
  | {
    readonly protocol: "mark";
    readonly family: Family;
    readonly mark: number;
  };

/** A virtual server. */
export interface IpvsService {
  readonly kind: "service";
  readonly at: IpvsAddress;
  /** `rr`, `wrr`, `lc`, `wlc`, `sh`, `dh`, `mh`. */
  readonly scheduler: string;
  /** Scheduler flags as ipvsadm names them, sorted: `flag-1`, `flag-2`, `flag-3`. */
  readonly flags: readonly string[];
  /** Persistence timeout, seconds; 0 for none. */
  readonly persistentSeconds: number;
}

/** A destination of a virtual server. */
export interface IpvsDestination {
  readonly kind: "destination";
  readonly at: IpvsAddress;
  readonly address: Ip;
  /** 0 with method `tunnel` and a mark. */
  readonly port: number;
  readonly method: "masquerade" | "tunnel" | "route";
  /** 0 lets running connections end and takes no new ones. */
  readonly weight: number;
}

/** A value of the ipvs target. */
export type IpvsValue = IpvsService | IpvsDestination;

/** `10.0.0.1:80` or `[2001:db8::1]:80`. */
export function socketText(address: Ip, port: number): string {
  return familyOf(address) === 4
    ? `${address}:${port}`
    : `[${address}]:${port}`;
}

/** The part of a key that names a virtual server. */
export function ipvsAddressText(at: IpvsAddress): string {
  return at.protocol === "mark"
    ? `mark/${at.family}/${at.mark}`
    : `${at.protocol}/${socketText(at.address, at.port)}`;
}

/** The key of a value. */
export function ipvsKey(value: IpvsValue): string {
  const at = ipvsAddressText(value.at);
  return value.kind === "service"
    ? `service/${at}`
    : `destination/${at}/${socketText(value.address, value.port)}`;
}
