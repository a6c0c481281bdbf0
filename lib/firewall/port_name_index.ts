/**
 * Which pods serve the port names that egress rules use.
 *
 * @module
 */

import type { Pod } from "../cluster/model.ts";
import type { Ip } from "../net/ip.ts";
import { type PortName, portNameKey, resolvePortName } from "./named_port.ts";
import type { OnTouched } from "./selector_index.ts";

interface ActiveName {
  readonly name: PortName;
  references: number;
}

/** A port name that an address serves. */
export interface ServedPort {
  readonly name: PortName;
  readonly number: number;
}

/** The port names in use, and the addresses that serve any name at all. */
export class PortNameIndex {
  readonly #touched: OnTouched;
  readonly #pods = new Map<Ip, Pod>();
  readonly #active = new Map<string, ActiveName>();

  constructor(touched: OnTouched) {
    this.#touched = touched;
  }

  /** Says who owns an address now; undefined: nobody. */
  assign(ip: Ip, pod: Pod | undefined): void {
    if (pod === undefined || pod.ports.length === 0) this.#pods.delete(ip);
    else this.#pods.set(ip, pod);
  }

  /** Starts to use a name, or uses it once more. @returns whether it was not in use */
  acquire(name: PortName): boolean {
    const key = portNameKey(name);
    const known = this.#active.get(key);
    if (known !== undefined) {
      known.references++;
      return false;
    }
    this.#active.set(key, { name, references: 1 });
    this.#touchServers(name);
    return true;
  }

  /** Ends one use of a name. @returns whether it was the last */
  release(name: PortName): boolean {
    const active = this.#active.get(portNameKey(name));
    if (active === undefined || --active.references > 0) return false;
    this.#active.delete(portNameKey(name));
    this.#touchServers(name);
    return true;
  }

  /** The names in use that an address serves, and where. */
  *servedAt(ip: Ip): Iterable<ServedPort> {
    const pod = this.#pods.get(ip);
    if (pod === undefined) return;
    for (const { name } of this.#active.values()) {
      const number = resolvePortName(pod, name);
      if (number !== undefined) yield { name, number };
    }
  }

  #touchServers(name: PortName): void {
    for (const [ip, pod] of this.#pods) {
      if (resolvePortName(pod, name) !== undefined) this.#touched(ip);
    }
  }
}
