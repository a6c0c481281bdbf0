/**
 * A long-lived part of the agent, as the service graph sees it.
 *
 * @module
 */

/** Where a module is in its life. */
export type Phase =
  | "waiting"
  | "starting"
  | "running"
  | "backing_off"
  | "stopping"
  | "stopped"
  | "failed";

/** How a module is doing; `ready` false takes the node out of /readyz, with the reason. */
export interface Health {
  readonly ready: boolean;
  /** For people: why not, or what it is doing. */
  readonly message: string;
}

/** Handed to a module when it starts. */
export interface ModuleContext {
  /** Aborts when the module must stop; `run` then returns. */
  readonly signal: AbortSignal;
  /** Tells the graph that whoever needs this module may start. Calling it again does nothing. */
  started(): void;
}

/** A part of the agent with a life cycle. */
export interface Module {
  /** Unique in the graph, for example `watcher`. */
  readonly name: string;
  /** One line for people. */
  readonly purpose: string;
  /** Names of modules that must have started before this one, and stop after it. */
  readonly needs: readonly string[];
  /**
   * Runs until the signal aborts. A throw, or a return before that, is a failure:
   * the graph runs it again after a pause that grows.
   */
  run(context: ModuleContext): Promise<void>;
  health(): Health;
}
