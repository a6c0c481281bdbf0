/**
 * How the demo speaks: a claim, whether it holds, and the command that shows it.
 *
 * @module
 */

import { bold, cyan, dim, green, red } from "@std/fmt/colors";
import { LabError } from "../system/error.ts";
import { run } from "../system/process.ts";

/** Something that must be true. */
export interface Claim {
  /** One sentence. */
  readonly text: string;
  /** What a person types to see it, with the answer shown below it. */
  readonly shown?: readonly (readonly string[])[];
  /** More to say when it holds, for example a figure. */
  prove(): Promise<string | void>;
}

/** Prints claims as they come true, and counts those that do not. */
export class Report {
  #number = 0;
  #failed = 0;
  readonly #startedMs = performance.now();

  /** How many claims did not hold. */
  get failed(): number {
    return this.#failed;
  }

  /** Says what goes on. */
  step(text: string): void {
    console.log(dim(`${this.#clock()} ${text}`));
  }

  /** Proves a claim and prints it; a claim that fails stops nothing. */
  async claim(claim: Claim): Promise<void> {
    const number = ++this.#number;
    let more: string | void;
    try {
      more = await claim.prove();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#failed++;
      console.log(
        `${dim(this.#clock())} ${red("✗")} ${number}. ${bold(claim.text)}`,
      );
      console.log(`    ${error.message.replaceAll("\n", "\n    ")}`);
      return;
    }
    console.log(
      `${dim(this.#clock())} ${green("✓")} ${number}. ${bold(claim.text)}${
        more ? ` ${more}` : ""
      }`,
    );
    for (const command of claim.shown ?? []) await this.#show(command);
  }

  async #show(command: readonly string[]): Promise<void> {
    const [first = "", ...rest] = command;
    console.log(`    ${cyan(`$ ${command.map(word).join(" ")}`)}`);
    const { stdout, stderr } = await run(first, rest);
    const lines = (stdout + stderr).trimEnd().split("\n");
    for (const line of lines.slice(0, 12)) console.log(dim(`    ${line}`));
    if (lines.length > 12) console.log(dim(`    … ${lines.length - 12} more`));
  }

  #clock(): string {
    const seconds = Math.round((performance.now() - this.#startedMs) / 1000);
    return `[${String(seconds).padStart(3)} s]`;
  }

  /** Prints the last line. */
  conclude(): void {
    const held = this.#number - this.#failed;
    console.log(
      bold(`${this.#clock()} ${held} of ${this.#number} claims hold`),
    );
  }
}

/** @throws {LabError} unless it holds */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new LabError(otherwise);
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`;
}
