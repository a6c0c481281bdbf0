/**
 * The machine seen from the host: what it gives back, and how it ends when
 * something goes wrong.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { LabError } from "./system/error.ts";
import { Machine, type MachineOptions } from "./vm/machine.ts";
import { waitFor } from "./wait.ts";

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function inMachine(
  script: string,
  options: Partial<MachineOptions> = {},
): Promise<Ended> {
  const decoder = new TextDecoder();
  let stdout = "";
  let stderr = "";
  await using machine = await Machine.start({
    command: ["sh", "-c", script],
    onStdout: (chunk) => {
      stdout += decoder.decode(chunk);
    },
    onStderr: (chunk) => {
      stderr += decoder.decode(chunk);
    },
    ...options,
  });
  return { code: await machine.exit, stdout, stderr };
}

Deno.test("a command's output, errors and exit code come back; the host's files stay as they are", async () => {
  const directory = await Deno.makeTempDir({ prefix: "lab-machine-" });
  const ended = await inMachine(
    `pwd; echo "$WORD"; echo oops >&2; echo changed >${directory}/copy
echo kept >${directory}/shared/file; seq 100000 | tail -n 1; exit 7`,
    {
      cwd: directory,
      env: { WORD: 'it\'s one "word"' },
      writable: [await shared(directory)],
    },
  );
  assertEquals(ended, {
    code: 7,
    stdout: `${directory}\nit's one "word"\n100000\n`,
    stderr: "oops\n",
  });
  assertEquals(await exists(`${directory}/copy`), false);
  assertEquals(
    await Deno.readTextFile(`${directory}/shared/file`),
    "kept\n",
  );
  await Deno.remove(directory, { recursive: true });
});

async function shared(directory: string): Promise<string> {
  await Deno.mkdir(`${directory}/shared`);
  return `${directory}/shared`;
}

Deno.test("a panic, a deadline and a boot that hangs are told apart", async () => {
  const panic = await assertRejects(
    () =>
      inMachine("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"),
    LabError,
  );
  assert(panic.message.startsWith("the machine panicked: "), panic.message);
  const late = await assertRejects(
    () => inMachine("sleep 600", { deadlineMs: 8000 }),
    LabError,
  );
  assert(late.message.includes("deadline of 8 s"), late.message);
  const hung = await assertRejects(
    () => inMachine("true", { bootDeadlineMs: 500 }),
    LabError,
  );
  assert(hung.message.includes("did not boot in 0.5 s"), hung.message);
});

Deno.test("a signal reaches the command, and the machine goes with its owner", async () => {
  const main = new URL("vm/main.ts", import.meta.url).pathname;
  // What a killed process cannot remove goes with this.
  const temporary = await Deno.makeTempDir({ prefix: "lab-killed-" });
  const start = (): Deno.ChildProcess =>
    new Deno.Command("deno", {
      args: [
        ...["run", "-A", "--quiet", main, "--deadline", "120", "--"],
        ...[
          "sh",
          "-c",
          "trap 'echo told; exit 5' INT; echo up; sleep 600 & wait",
        ],
      ],
      env: { TMPDIR: temporary },
      stdout: "piped",
    }).spawn();
  const asked = start();
  const reader = asked.stdout.getReader();
  const read = async (): Promise<string> =>
    new TextDecoder().decode((await reader.read()).value);
  assertEquals(await read(), "up\n");
  asked.kill("SIGINT");
  assertEquals(await read(), "told\n");
  assertEquals((await asked.status).code, 5);
  await reader.cancel();

  const killed = start();
  const machine = await waitFor(() => childOf(killed.pid), {
    what: "QEMU runs",
  });
  killed.kill("SIGKILL");
  await killed.status;
  await killed.stdout.cancel();
  await waitFor(async () => !await exists(`/proc/${machine}`), {
    what: "QEMU is gone",
  });
  await Deno.remove(temporary, { recursive: true });
});

/** The process id of a QEMU whose parent this is. */
async function childOf(pid: number): Promise<number | undefined> {
  const path = `/proc/${pid}/task/${pid}/children`;
  for (const child of (await Deno.readTextFile(path)).trim().split(" ")) {
    const name = await Deno.readTextFile(`/proc/${child}/comm`).catch(() => "");
    if (name.startsWith("qemu-system")) return Number(child);
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
