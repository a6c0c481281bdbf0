/**
 * A difference engine as a module of the service graph.
 *
 * @module
 */

import type { Engine } from "./engine/engine.ts";
import type { Health, Module, ModuleContext } from "./module.ts";

/** Keeps one kernel tool as desired. */
export class EngineModule<V> implements Module {
  readonly name: string;
  readonly purpose: string;
  readonly needs: readonly string[] = [];
  readonly #engine: Engine<V>;

  constructor(engine: Engine<V>, purpose: string) {
    this.#engine = engine;
    this.name = engine.name;
    this.purpose = purpose;
  }

  async run(context: ModuleContext): Promise<void> {
    await this.#engine.run(context.signal, () => context.started());
  }

  health(): Health {
    const { failure, refused, observed } = this.#engine.status();
    if (failure !== undefined) return { ready: false, message: failure };
    const held = refused.length === 0 ? "" : `, ${refused.length} refused`;
    return { ready: true, message: `${observed} entries${held}` };
  }
}
