/**
 * The process's own output.
 *
 * @module
 */

import { type Terminal, wantsColor } from "./terminal.ts";

/** Writes to standard output and error at once; a reader that left is no failure. */
export function systemTerminal(
  env: { get(name: string): string | undefined } = Deno.env,
): Terminal {
  return {
    out: (text) => write(Deno.stdout, text),
    err: (text) => write(Deno.stderr, text),
    color: wantsColor(env, Deno.stdout.isTerminal()),
  };
}

function write(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) {
      at += stream.writeSync(bytes.subarray(at));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
