/** A network namespace of a test's own, gone with the test. */

import { ToolRunner, type ToolRunnerOptions } from "../../lib/kernel/exec.ts";

let sequence = 0;

/** A namespace; the name says which process made it. */
export class TestNamespace implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async create(): Promise<TestNamespace> {
    const name = `fwkern-${Deno.pid}-${sequence++}`;
    const namespace = new TestNamespace(name);
    await command("ip", ["netns", "add", name]);
    await namespace.run("ip", ["link", "set", "lo", "up"]);
    return namespace;
  }

  /** A runner whose tools see this namespace. */
  runner(options: ToolRunnerOptions = {}): ToolRunner {
    return new ToolRunner({
      ...options,
      prefix: ["ip", "netns", "exec", this.name],
    });
  }

  /** Runs a command inside; its output. */
  run(program: string, args: readonly string[], stdin = ""): Promise<string> {
    return command("ip", ["netns", "exec", this.name, program, ...args], stdin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await command("ip", ["netns", "del", this.name]);
  }
}

async function command(
  program: string,
  args: readonly string[],
  stdin = "",
): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (code !== 0) {
    throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}
