/**
 * The profiles that local pods use, and everything these need, each kept as long
 * as something uses it.
 *
 * A pod uses two profiles, a profile the compiled policies behind it, a policy
 * the scopes of its peers. What a pass over the changes lets go is removed at
 * the end of the pass only, so that handing a profile from one pod to another
 * does not tear it down.
 *
 * @module
 */

import type { Entry } from "../base/target.ts";
import type { NetworkPolicy, ObjectKey, Pod } from "../cluster/model.ts";
import { nftEntry, type NftValue } from "../dataplane/nft.ts";
import type { Family } from "../net/ip.ts";
import { addressType, type Direction, policyOwner } from "./names.ts";
import { type PortName, portNameSet, portNameSetType } from "./named_port.ts";
import { type PeerScope, selectorSet } from "./peer_scope.ts";
import { compilePolicy, type PolicyForm } from "./policy_form.ts";
import type { PortNameIndex } from "./port_name_index.ts";
import { compileProfile, type Profile, profileKey } from "./profile.ts";
import type { SelectorIndex } from "./selector_index.ts";

/** What a book works with. */
export interface ProfileBookOptions {
  readonly families: readonly Family[];
  readonly selectors: SelectorIndex;
  readonly portNames: PortNameIndex;
  /** Whether the kernel refused a policy. */
  readonly isHeld: (policy: ObjectKey) => boolean;
  /** Hears the entries of a source; none when it is gone. */
  readonly emit: (source: string, entries: readonly Entry<NftValue>[]) => void;
}

interface Counted<T> {
  readonly value: T;
  references: number;
}

/** Profiles and compiled policies by use. */
export class ProfileBook {
  readonly #options: ProfileBookOptions;
  readonly #profiles = new Map<string, Counted<Profile>>();
  readonly #forms = new Map<string, Counted<PolicyForm>>();
  /** The compiled form of a policy as it is now, by direction and key. */
  readonly #current = new Map<string, PolicyForm>();
  readonly #idle = new Set<string>();

  constructor(options: ProfileBookOptions) {
    this.#options = options;
  }

  /** Forgets the compiled form of a policy that changed. */
  policyChanged(policy: ObjectKey): void {
    this.#current.delete(currentKey("ingress", policy));
    this.#current.delete(currentKey("egress", policy));
  }

  /**
   * The profile of a pod for a direction, used once more.
   *
   * @param policies those that select the pod and speak about the direction, at
   * least one, sorted by key
   */
  acquire(
    direction: Direction,
    policies: readonly NetworkPolicy[],
    pod: Pod,
  ): Profile {
    const { families } = this.#options;
    const forms = policies.map((policy) => this.#form(direction, policy));
    const input = { direction, forms, pod, families };
    const key = profileKey(input);
    const known = this.#profiles.get(key);
    if (known !== undefined) {
      known.references++;
      return known.value;
    }
    const profile = compileProfile(input);
    this.#profiles.set(key, { value: profile, references: 1 });
    for (const form of profile.forms) this.#acquireForm(form);
    for (const name of profile.portNames) this.#acquireName(name);
    this.#options.emit(`Profile ${key}`, profile.entries);
    return profile;
  }

  /** Ends one use of a profile. */
  release(profile: Profile): void {
    const counted = this.#profiles.get(profile.key);
    if (counted !== undefined && --counted.references === 0) {
      this.#idle.add(profile.key);
    }
  }

  /** Removes what nothing uses any more. */
  sweep(): void {
    for (const key of this.#idle) {
      const counted = this.#profiles.get(key);
      if (counted === undefined || counted.references > 0) continue;
      this.#profiles.delete(key);
      this.#options.emit(`Profile ${key}`, []);
      for (const form of counted.value.forms) this.#releaseForm(form);
      for (const name of counted.value.portNames) this.#releaseName(name);
    }
    this.#idle.clear();
  }

  #form(direction: Direction, policy: NetworkPolicy): PolicyForm {
    const key = currentKey(direction, policy.key);
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const { families, isHeld } = this.#options;
    const held = isHeld(policy.key);
    const form = compilePolicy(policy, direction, { families, held });
    this.#current.set(key, form);
    return form;
  }

  #acquireForm(form: PolicyForm): void {
    const known = this.#forms.get(form.hash);
    if (known !== undefined) {
      known.references++;
      return;
    }
    this.#forms.set(form.hash, { value: form, references: 1 });
    for (const scope of form.scopes) this.#acquireScope(scope);
    this.#options.emit(formSource(form), form.entries);
  }

  #releaseForm(form: PolicyForm): void {
    const counted = this.#forms.get(form.hash);
    if (counted === undefined || --counted.references > 0) return;
    this.#forms.delete(form.hash);
    this.#options.emit(formSource(form), []);
    for (const scope of counted.value.scopes) this.#releaseScope(scope);
    const key = currentKey(form.direction, form.policy);
    if (this.#current.get(key)?.hash === form.hash) this.#current.delete(key);
  }

  #acquireScope(scope: PeerScope): void {
    if (!this.#options.selectors.acquire(scope)) return;
    this.#options.emit(
      `Selector ${scope.id}`,
      this.#options.families.map((family) =>
        nftEntry({
          kind: "set",
          name: selectorSet(scope.id, family),
          type: addressType(family),
        })
      ),
    );
  }

  #releaseScope(scope: PeerScope): void {
    if (this.#options.selectors.release(scope)) {
      this.#options.emit(`Selector ${scope.id}`, []);
    }
  }

  #acquireName(name: PortName): void {
    if (!this.#options.portNames.acquire(name)) return;
    this.#options.emit(
      nameSource(name),
      this.#options.families.map((family) =>
        nftEntry({
          kind: "set",
          name: portNameSet(name, family),
          type: portNameSetType(family),
        })
      ),
    );
  }

  #releaseName(name: PortName): void {
    if (this.#options.portNames.release(name)) {
      this.#options.emit(nameSource(name), []);
    }
  }
}

function currentKey(direction: Direction, policy: ObjectKey): string {
  return `${direction} ${policy}`;
}

/** With the form's hash: an old form may serve a pod while the new one comes up. */
function formSource(form: PolicyForm): string {
  return `${policyOwner(form.policy)} ${form.direction} ${form.hash}`;
}

function nameSource(name: PortName): string {
  return `Port ${name.protocol} ${name.name}`;
}
