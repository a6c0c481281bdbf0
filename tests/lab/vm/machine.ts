/**
 * A virtual machine that runs one command on Debian's kernel, over a copy in
 * memory of this host's files, and is gone when the command ends.
 *
 * It needs no root and no KVM: QEMU translates the machine's code (about ten
 * times slower than native; a boot takes some seconds).
 *
 * @module
 */

import { LabError } from "../system/error.ts";
import { searchPath } from "../system/process.ts";
import { buildInitramfs } from "./initramfs.ts";
import { findKernel, type Kernel } from "./kernel.ts";

/** A port of the host's loopback that leads to a port of the machine. */
export interface Forward {
  readonly hostPort: number;
  /** The machine listens on 10.0.2.15 or on every address. */
  readonly guestPort: number;
}

/** What to run, and the machine to run it in. */
export interface MachineOptions {
  readonly command: readonly string[];
  /** Working directory, of the host; default the caller's. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Megabytes; default 4096. */
  readonly memoryMb?: number;
  /** Default 2. */
  readonly cpus?: number;
  /** Ends the machine this long after it was started, milliseconds; default 10 minutes. 0: never. */
  readonly deadlineMs?: number;
  /** How long the boot may take, milliseconds; default 2 minutes. */
  readonly bootDeadlineMs?: number;
  /** Directories of the host that the machine may write to, at the same path; all else is a copy in memory. */
  readonly writable?: readonly string[];
  readonly forwards?: readonly Forward[];
  readonly onStdout: (chunk: Uint8Array) => void | Promise<void>;
  readonly onStderr: (chunk: Uint8Array) => void | Promise<void>;
  /** The kernel's own messages. */
  readonly onConsole?: (chunk: Uint8Array) => void;
  /** Ends the machine at once. */
  readonly signal?: AbortSignal;
}

/** Signals that can be sent to the command. */
export type ForwardedSignal = "HUP" | "INT" | "TERM" | "USR1" | "USR2";

/** Variables that the command inherits from the caller's environment. */
const INHERITED = /^(HOME|PATH|DENO_DIR|NO_COLOR|TERM|FAIRWAY_.*|LAB_.*)$/;

/** A machine that is running its command. */
export class Machine implements AsyncDisposable {
  /** The command's exit code; rejects with a {@linkcode LabError} when the machine ends without one. */
  readonly exit: Promise<number>;
  readonly #kill: () => void;
  readonly #ended: Promise<void>;
  #control: Deno.UnixConn | undefined;

  private constructor(
    files: string,
    listeners: Record<Port, Deno.UnixListener>,
    child: Deno.ChildProcess,
    options: MachineOptions,
  ) {
    const kernelSays = new Transcript(options.onConsole);
    const kernelDone = pump(child.stdout, (chunk) => kernelSays.add(chunk));
    const qemuSays = new Transcript();
    const stderrDone = pump(child.stderr, (chunk) => qemuSays.add(chunk));

    let reason: string | undefined;
    this.#kill = (): void => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
    };
    const endFor = (why: string): void => {
      reason ??= why;
      this.#kill();
    };
    const timers: ReturnType<typeof setTimeout>[] = [];
    const deadlineMs = options.deadlineMs ?? 600_000;
    if (deadlineMs > 0) {
      timers.push(setTimeout(
        () => endFor(`ended after its deadline of ${deadlineMs / 1000} s`),
        deadlineMs,
      ));
    }
    const bootMs = options.bootDeadlineMs ?? 120_000;
    const bootTimer = setTimeout(
      () => endFor(`did not boot in ${bootMs / 1000} s`),
      bootMs,
    );
    timers.push(bootTimer);
    const onAbort = (): void => endFor("stopped");
    options.signal?.addEventListener("abort", onAbort);

    const closeListeners = (): void => {
      for (const port of PORTS) {
        try {
          listeners[port].close();
        } catch {
          // Closed after its one connection.
        }
      }
    };
    const accept = async (port: Port): Promise<Deno.UnixConn | undefined> => {
      try {
        return await listeners[port].accept() as Deno.UnixConn;
      } catch {
        return undefined; // The machine ended before it connected.
      } finally {
        closeListener(listeners[port]);
      }
    };
    const output = async (
      port: Port,
      sink: (chunk: Uint8Array) => void | Promise<void>,
    ): Promise<void> => {
      const connection = await accept(port);
      if (connection) await pump(connection.readable, sink);
    };

    let code: number | undefined;
    const control = async (): Promise<void> => {
      this.#control = await accept("control");
      if (!this.#control) return;
      let text = "";
      await pump(this.#control.readable, (chunk) => {
        text += new TextDecoder().decode(chunk);
        if (text.includes("start\n")) clearTimeout(bootTimer);
        const end = /exit (\d+)\n/.exec(text);
        if (end) {
          code = Number(end[1]);
          this.#kill();
        }
      });
    };

    const pumps = [
      output("out", options.onStdout),
      output("err", options.onStderr),
      control(),
      kernelDone,
      stderrDone,
    ];
    const finish = async (): Promise<number> => {
      try {
        await child.status;
        closeListeners();
        await Promise.all(pumps);
      } finally {
        for (const timer of timers) clearTimeout(timer);
        options.signal?.removeEventListener("abort", onAbort);
        await Deno.remove(files, { recursive: true });
      }
      if (code !== undefined) return code;
      throw new LabError(
        `the machine ${
          reason ?? kernelSays.panic() ??
            "ended without saying how the command did"
        }\n${qemuSays.tail(5)}${kernelSays.tail(25)}`.trimEnd(),
      );
    };
    this.exit = finish();
    this.#ended = this.exit.then(() => {}, () => {});
  }

  /**
   * Boots a machine for one command.
   *
   * @throws {LabError} when QEMU, busybox or the kernel is missing
   */
  static async start(options: MachineOptions): Promise<Machine> {
    const kernel = await findKernel();
    const files = await Deno.makeTempDir({ prefix: "lab-vm-" });
    try {
      const here = new URL(".", import.meta.url);
      const initramfs = await buildInitramfs(
        kernel,
        await Deno.readTextFile(new URL("init.sh", here)),
        {
          "stage.sh": await Deno.readTextFile(new URL("stage.sh", here)),
          "settings.sh": settings(kernel, options),
          "job.sh": job(options),
        },
      );
      await Deno.writeFile(`${files}/initramfs`, initramfs);
      const listeners = Object.fromEntries(PORTS.map((port) => [
        port,
        Deno.listen({ transport: "unix", path: `${files}/${port}` }),
      ])) as Record<Port, Deno.UnixListener>;
      const child = spawn(qemuArguments(kernel, files, options));
      return new Machine(files, listeners, child, options);
    } catch (error) {
      await Deno.remove(files, { recursive: true });
      throw error;
    }
  }

  /** Sends a signal to the command and its children; nothing happens before it has started. */
  async send(signal: ForwardedSignal): Promise<void> {
    await this.#control?.write(new TextEncoder().encode(`${signal}\n`));
  }

  /** Ends the machine if it still runs, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#ended;
  }
}

const PORTS = ["out", "err", "control"] as const;
type Port = typeof PORTS[number];

function closeListener(listener: Deno.UnixListener): void {
  try {
    listener.close();
  } catch {
    // Already closed with the others.
  }
}

async function pump(
  stream: ReadableStream<Uint8Array>,
  sink: (chunk: Uint8Array) => void | Promise<void>,
): Promise<void> {
  try {
    for await (const chunk of stream) await sink(chunk);
  } catch (error) {
    // QEMU was killed with the connection open.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
}

/** The end of what the kernel (or QEMU) said, kept for the case that it fails. */
class Transcript {
  #text = "";
  readonly #watch: ((chunk: Uint8Array) => void) | undefined;

  constructor(watch?: (chunk: Uint8Array) => void) {
    this.#watch = watch;
  }

  add(chunk: Uint8Array): void {
    this.#watch?.(chunk);
    this.#text = (this.#text + new TextDecoder().decode(chunk)).slice(-65536);
  }

  panic(): string | undefined {
    const line = /lab: (.*)|Kernel panic - (.*)/.exec(this.#text);
    if (!line) return undefined;
    const [, ours, kernels] = line;
    return ours === undefined
      ? `panicked: ${kernels?.trim()}`
      : `did not boot: ${ours.trim()}`;
  }

  tail(lines: number): string {
    const kept = this.#text.split(/\r*\n/).filter((line) => line.trim() !== "")
      .slice(-lines);
    return kept.map((line) => `  ${line}\n`).join("");
  }
}

function spawn(args: readonly string[]): Deno.ChildProcess {
  try {
    // setpriv(1) has the kernel end QEMU when this process ends, however it does.
    return new Deno.Command("setpriv", {
      args: ["--pdeathsig", "KILL", "--", "qemu-system-x86_64", ...args],
      env: { PATH: searchPath() },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new LabError("setpriv (package util-linux) is not installed");
    }
    throw error;
  }
}

/** @see qemu-system-x86_64(1) */
function qemuArguments(
  kernel: Kernel,
  files: string,
  options: MachineOptions,
): readonly string[] {
  const share = (path: string, tag: string, mode: string): string[] => [
    "-virtfs",
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${mode}`,
  ];
  const forwards = (options.forwards ?? []).map(({ hostPort, guestPort }) =>
    `,hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`
  ).join("");
  return [
    // Without AVX: QEMU carries its instructions out one by one, and programs
    // that find it prefer it.
    ...["-accel", "tcg,thread=multi", "-cpu", "Nehalem"],
    ...["-smp", String(options.cpus ?? 2)],
    ...["-m", String(options.memoryMb ?? 4096)],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", kernel.image, "-initrd", `${files}/initramfs`],
    "-append",
    // Translated code is slow, which the kernel's watchdogs would take for a fault.
    "console=ttyS0 quiet panic=-1 mitigations=off nowatchdog rcupdate.rcu_cpu_stall_suppress=1",
    ...share("/", "host", ",readonly=on"),
    ...(options.writable ?? []).flatMap((path, index) =>
      share(path, `writable${index}`, "")
    ),
    ...["-device", "virtio-serial-pci"],
    ...PORTS.flatMap((port) => [
      "-chardev",
      `socket,id=${port},path=${files}/${port}`,
      "-device",
      `virtserialport,chardev=${port},name=${port}`,
    ]),
    "-nic",
    forwards === ""
      ? "none"
      : `user,model=virtio-net-pci,restrict=on${forwards}`,
  ];
}

function settings(kernel: Kernel, options: MachineOptions): string {
  for (const path of options.writable ?? []) {
    if (/[\s,]/.test(path)) {
      throw new LabError(
        `"${path}": a shared directory's name has no space or comma`,
      );
    }
  }
  return [
    `PATH=${quote(searchPath())}`,
    `LAB_MODULES=${quote(kernel.modules)}`,
    `LAB_WRITABLE=${quote((options.writable ?? []).join(" "))}`,
    `LAB_NETWORK=${quote(options.forwards?.length ? "yes" : "")}`,
  ].map((line) => `${line}\n`).join("");
}

function job(options: MachineOptions): string {
  const inherited = Object.entries(Deno.env.toObject()).filter(([name]) =>
    INHERITED.test(name)
  );
  const environment = { ...Object.fromEntries(inherited), ...options.env };
  return [
    ...Object.entries({ ...environment, LAB_MACHINE: "1", PATH: searchPath() })
      .map(([name, value]) => `export ${name}=${quote(value)}`),
    `cd ${quote(options.cwd ?? Deno.cwd())} || exit 127`,
    `exec ${options.command.map(quote).join(" ")}`,
  ].map((line) => `${line}\n`).join("");
}

/** A word that a POSIX shell takes literally. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
