/**
 * Runs a command in the lab's virtual machine:
 * `deno run -A tests/lab/vm/main.ts [options] -- COMMAND ARGS`
 *
 * Standard output and error are the command's, as they come; so is the exit
 * code. 125 means that the machine itself failed.
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { type Forward, Machine } from "./machine.ts";

const USAGE = `usage: deno run -A tests/lab/vm/main.ts [options] -- COMMAND ARGS
  --deadline SECONDS    end the machine after this long (default 600; 0: never)
  --memory MB           default 4096
  --cpus N              default 2
  --writable DIR        a directory of the host that the command may write to
  --forward HOST:GUEST  a TCP port of 127.0.0.1 that leads to a port of the machine
  --env NAME=VALUE      for the command
  --verbose             show the kernel's messages
`;

interface Arguments {
  readonly command: readonly string[];
  readonly deadlineMs: number;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly writable: readonly string[];
  readonly forwards: readonly Forward[];
  readonly env: Readonly<Record<string, string>>;
  readonly verbose: boolean;
}

/** @throws {LabError} naming the argument */
function parseArguments(args: readonly string[]): Arguments {
  const end = args.indexOf("--");
  const command = end < 0 ? [] : args.slice(end + 1);
  if (command.length === 0) throw new LabError(`no command\n${USAGE}`);
  const numbers = { deadline: 600, memory: 4096, cpus: 2 };
  const writable: string[] = [];
  const forwards: Forward[] = [];
  const env: Record<string, string> = {};
  let verbose = false;
  const words = args.slice(0, end);
  for (let i = 0; i < words.length; i++) {
    const option = words[i];
    if (option === "--verbose") {
      verbose = true;
      continue;
    }
    const value = words[++i];
    if (value === undefined) {
      throw new LabError(`${option} wants a value\n${USAGE}`);
    }
    if (
      option === "--deadline" || option === "--memory" || option === "--cpus"
    ) {
      if (!/^\d+$/.test(value)) {
        throw new LabError(`${option} ${value}: not a number`);
      }
      numbers[option.slice(2) as keyof typeof numbers] = Number(value);
    } else if (option === "--writable") {
      writable.push(Deno.realPathSync(value));
    } else if (option === "--forward") {
      const match = /^(\d+):(\d+)$/.exec(value);
      if (!match) throw new LabError(`--forward ${value}: not HOST:GUEST`);
      forwards.push({
        hostPort: Number(match[1]),
        guestPort: Number(match[2]),
      });
    } else if (option === "--env") {
      const match = /^(\w+)=(.*)$/s.exec(value);
      if (!match) throw new LabError(`--env ${value}: not NAME=VALUE`);
      env[match[1] ?? ""] = match[2] ?? "";
    } else {
      throw new LabError(`unknown option ${option}\n${USAGE}`);
    }
  }
  return {
    command,
    deadlineMs: numbers.deadline * 1000,
    memoryMb: numbers.memory,
    cpus: numbers.cpus,
    writable,
    forwards,
    env,
    verbose,
  };
}

async function main(): Promise<number> {
  const { verbose, ...options } = parseArguments(Deno.args);
  const write = (stream: typeof Deno.stdout) => (chunk: Uint8Array): void => {
    for (let sent = 0; sent < chunk.length;) {
      sent += stream.writeSync(chunk.subarray(sent));
    }
  };
  await using machine = await Machine.start({
    ...options,
    onStdout: write(Deno.stdout),
    onStderr: write(Deno.stderr),
    ...(verbose ? { onConsole: write(Deno.stderr) } : {}),
  });
  for (const signal of ["INT", "TERM", "HUP"] as const) {
    Deno.addSignalListener(`SIG${signal}`, () => machine.send(signal));
  }
  return await machine.exit;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    console.error(`lab: ${error.message}`);
    Deno.exit(125);
  }
}
