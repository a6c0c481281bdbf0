/**
 * The table of settings, and the type that follows from it.
 *
 * @module
 */

import { z } from "zod";
import {
  CLUSTER_SETTINGS,
  OBSERVE_SETTINGS,
  PART_SETTINGS,
} from "./process_settings.ts";
import { BGP_SETTINGS, ROUTING_SETTINGS } from "./routing_settings.ts";
import {
  FIREWALL_SETTINGS,
  LOAD_BALANCER_SETTINGS,
  SERVICE_SETTINGS,
} from "./service_settings.ts";
import type { Setting, SettingGroup, ValueOf } from "./setting.ts";
import type { ValueType } from "./value_type.ts";

const GROUPS: readonly (readonly [string, SettingGroup])[] = [
  ["Parts", PART_SETTINGS],
  ["Cluster", CLUSTER_SETTINGS],
  ["Services", SERVICE_SETTINGS],
  ["Firewall", FIREWALL_SETTINGS],
  ["Routing", ROUTING_SETTINGS],
  ["BGP", BGP_SETTINGS],
  ["Load balancer", LOAD_BALANCER_SETTINGS],
  ["Observation", OBSERVE_SETTINGS],
];

type Table =
  & typeof PART_SETTINGS
  & typeof CLUSTER_SETTINGS
  & typeof SERVICE_SETTINGS
  & typeof FIREWALL_SETTINGS
  & typeof ROUTING_SETTINGS
  & typeof BGP_SETTINGS
  & typeof LOAD_BALANCER_SETTINGS
  & typeof OBSERVE_SETTINGS;

/** Values of the flags; each is described in the table. */
export type FlagValues = {
  readonly [K in keyof Table]: ValueOf<Table[K]>;
};

/** What the pod's environment says beside the settings, by kube-router's names of variables. */
export interface PodEnvironment {
  /** `--hostname-override`, else `NODE_NAME`; empty: ask the host for its name. */
  readonly nodeName: string;
  /** `POD_NAME`: who we are in a lease; empty when unknown. */
  readonly podName: string;
  /** `POD_NAMESPACE`: where the lease is; empty when unknown. */
  readonly podNamespace: string;
  /** `KUBE_ROUTER_CNI_CONF_FILE`: the CNI configuration to manage. */
  readonly cniConfFile: string;
}

/** Everything the operator decided, parsed. */
export type Settings = FlagValues & PodEnvironment;

/** A setting as the reference and the sources see it. */
export interface SettingSpec {
  /** The field in {@linkcode Settings}. */
  readonly field: keyof FlagValues;
  /** The flag without its dashes; the key in the configuration file. */
  readonly name: string;
  /** One letter, or empty. */
  readonly short: string;
  /** How values are written, for people. */
  readonly typeText: string;
  readonly default: string;
  readonly description: string;
  readonly group: string;
  readonly type: ValueType<unknown>;
}

/** Every setting, in the order of the reference. */
export const SETTINGS: readonly SettingSpec[] = GROUPS.flatMap(
  ([group, rows]) =>
    Object.entries(rows).map(([field, row]): SettingSpec => {
      const setting: Setting<unknown> = row;
      return {
        field: field as keyof FlagValues,
        name: setting.name,
        short: setting.short ?? "",
        typeText: setting.type.name,
        default: setting.default,
        description: setting.description,
        group,
        type: setting.type,
      };
    }),
);

/** From the text of every setting to its value. */
export const FLAG_SCHEMA: z.ZodType<FlagValues, Record<string, string>> = z
  .object(
    Object.fromEntries(
      SETTINGS.map((setting) => [setting.field, setting.type.schema]),
    ),
  ) as unknown as z.ZodType<FlagValues, Record<string, string>>;

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = SETTINGS.map(({ name }) =>
  name
);

/** The setting of a name, or undefined. */
export function settingNamed(name: string): SettingSpec | undefined {
  return BY_NAME.get(name);
}

const BY_NAME: ReadonlyMap<string, SettingSpec> = new Map(
  SETTINGS.map((setting) => [setting.name, setting]),
);
