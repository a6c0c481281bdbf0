/**
 * What the agent remembers between runs, in small JSON files.
 *
 * Nothing here is needed for correct work: a lost or broken file costs what its
 * docstring says, and is written anew.
 *
 * @module
 */

import { z } from "zod";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type Prefix, tryParsePrefix } from "../net/prefix.ts";

const nodeFacts = z.object({ podCidrs: z.array(z.string()) });
const originals = z.record(z.string(), z.string());

/** Files of one agent. */
export class Remembered {
  readonly #stateDir: string;
  readonly #runDir: string;
  readonly #log: Logger;

  /**
   * @param dirs `stateDir` outlives a reboot (`/var/lib/fairway`), `runDir` does
   * not (`/run/fairway`)
   */
  constructor(
    dirs: { readonly stateDir: string; readonly runDir: string },
    log: Logger,
  ) {
    this.#stateDir = dirs.stateDir;
    this.#runDir = dirs.runDir;
    this.#log = log;
  }

  /**
   * The node's own pod CIDRs when the agent last knew them: at boot the firewall
   * closes them before the cluster is known. Lost: the first seconds after that
   * boot are as open as on a node without an agent.
   */
  async podCidrs(): Promise<readonly Prefix[]> {
    const facts = await this.#read(`${this.#stateDir}/node.json`, nodeFacts);
    return (facts?.podCidrs ?? []).flatMap((text) => {
      const prefix = tryParsePrefix(text);
      return prefix === undefined ? [] : [prefix];
    });
  }

  async rememberPodCidrs(podCidrs: readonly Prefix[]): Promise<void> {
    await this.#write(this.#stateDir, "node.json", { podCidrs });
  }

  /**
   * Kernel parameters as they were before the agent first set them in this boot,
   * for `fairway cleanup`. Lost: cleanup leaves the parameters as they are.
   */
  async sysctlOriginals(): Promise<ReadonlyMap<string, string>> {
    const values = await this.#read(`${this.#runDir}/sysctl.json`, originals);
    return new Map(Object.entries(values ?? {}));
  }

  async rememberSysctlOriginals(
    values: ReadonlyMap<string, string>,
  ): Promise<void> {
    await this.#write(this.#runDir, "sysctl.json", Object.fromEntries(values));
  }

  /** Removes every file. */
  async forget(): Promise<void> {
    for (
      const path of [
        `${this.#stateDir}/node.json`,
        `${this.#runDir}/sysctl.json`,
      ]
    ) {
      try {
        await Deno.remove(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) {
          this.#complain(path, error);
        }
      }
    }
  }

  async #read<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      return schema.parse(JSON.parse(await Deno.readTextFile(path)));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#complain(path, error);
      return undefined;
    }
  }

  /** Writes beside and renames, so that a crash leaves the old file or the new one. */
  async #write(dir: string, name: string, value: unknown): Promise<void> {
    const path = `${dir}/${name}`;
    try {
      await Deno.mkdir(dir, { recursive: true });
      await Deno.writeTextFile(`${path}.new`, `${JSON.stringify(value)}\n`);
      await Deno.rename(`${path}.new`, path);
    } catch (error) {
      this.#complain(path, error);
    }
  }

  #complain(path: string, error: unknown): void {
    this.#log.warn(
      "agent.remembered",
      `Cannot use ${path}: ${messageOf(error)}`,
      {
        path,
      },
    );
  }
}
