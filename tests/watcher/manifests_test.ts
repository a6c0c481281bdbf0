import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FairwayError } from "../../lib/base/errors.ts";
import { formatIssue } from "../../lib/base/issue.ts";
import { RecordingLogger } from "../../lib/base/log.ts";
import { SystemClock } from "../../lib/observe/system_clock.ts";
import { Manifests, type ManifestTuning } from "../../lib/watcher/manifests.ts";
import { eventually } from "./eventually.ts";
import { RecordingSink } from "./recording_sink.ts";

function service(name: string, value = 0): string {
  return `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {value: ${value}}
`;
}

/** A running source over a directory of its own. */
class Rig implements AsyncDisposable {
  readonly sink = new RecordingSink();
  readonly log = new RecordingLogger();
  readonly root: string;
  readonly source: Manifests;
  readonly #stop = new AbortController();
  #run: Promise<void> = Promise.resolve();

  private constructor(root: string, tuning: Partial<ManifestTuning>) {
    this.root = root;
    this.source = new Manifests({
      directory: root,
      sink: this.sink,
      clock: new SystemClock(),
      log: this.log,
      tuning: { restMs: 60, ...tuning },
    });
  }

  static async start(
    files: Readonly<Record<string, string>>,
    tuning: Partial<ManifestTuning> = {},
  ): Promise<Rig> {
    const root = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
    const rig = new Rig(root, tuning);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${root}/${name}`, text);
    }
    await new Promise<void>((started, failed) => {
      rig.#run = rig.source.run(rig.#stop.signal, started);
      rig.#run.catch(failed);
    });
    return rig;
  }

  write(name: string, text: string): Promise<void> {
    return Deno.writeTextFile(`${this.root}/${name}`, text);
  }

  value(name: string): unknown {
    return this.sink.objects.get(`Service shop/${name}`);
  }

  get issues(): string[] {
    return this.source.issues().map(formatIssue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
    await Deno.remove(this.root, { recursive: true }).catch(() => {});
  }
}

Deno.test("everything is there at start, in one replacement for each kind", async () => {
  await using rig = await Rig.start({
    "a.yaml": service("a", 1) + service("b", 2),
    "c.json": JSON.stringify({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "c", namespace: "shop" },
      spec: { value: 3 },
    }),
    ".hidden.yaml": service("hidden"),
    "a.yaml~": service("backup"),
    "notes.txt": "no manifest",
  });
  assertEquals([rig.value("a"), rig.value("b"), rig.value("c")], [1, 2, 3]);
  assertEquals(rig.sink.objects.size, 3);
  assertEquals(
    rig.sink.calls.toSorted(),
    [
      "replace EndpointSlice 0",
      "replace Namespace 0",
      "replace NetworkPolicy 0",
      "replace Node 0",
      "replace Pod 0",
      "replace Service 3",
    ],
  );
  assertEquals(rig.sink.syncedKinds.size, 6);
  const status = rig.source.status();
  assertEquals([status.mode, status.files, status.objects], ["events", 2, 3]);
});

Deno.test("an edit in place, a new file, a file renamed into place and a removal arrive", async () => {
  await using rig = await Rig.start({ "a.yaml": service("a", 1) });
  await rig.write("a.yaml", service("a", 2) + service("b", 1));
  await eventually("a is 2", () => rig.value("a") === 2);
  await rig.write("c.yml", service("c", 1));
  await eventually("c is there", () => rig.value("c") === 1);
  await rig.write(".c.tmp", service("c", 2));
  await Deno.rename(`${rig.root}/.c.tmp`, `${rig.root}/c.yml`);
  await eventually("c is 2", () => rig.value("c") === 2);
  await rig.write("a.yaml", service("a", 2));
  await eventually("b is gone", () => rig.value("b") === undefined);
  await Deno.remove(`${rig.root}/c.yml`);
  await eventually("c is gone", () => rig.value("c") === undefined);
  assertEquals(rig.value("a"), 2);
});

Deno.test("an editor that moves the old file away makes nothing flap", async () => {
  await using rig = await Rig.start({ "a.yaml": service("a", 1) });
  await Deno.rename(`${rig.root}/a.yaml`, `${rig.root}/a.yaml~`);
  await rig.write("a.yaml", service("a", 2));
  await Deno.remove(`${rig.root}/a.yaml~`);
  await eventually("a is 2", () => rig.value("a") === 2);
  await rig.write("z.yaml", service("z", 1));
  await eventually("z is there", () => rig.value("z") === 1);
  assertEquals(rig.sink.calls.filter((call) => call.startsWith("remove")), []);
});

Deno.test("a file that is written slowly is read when its writer closes it", async () => {
  await using rig = await Rig.start(
    { "a.yaml": service("a", 1) + service("b", 1) },
    { restMs: 20_000, patienceMs: 20_000 },
  );
  const text = new TextEncoder().encode(service("a", 2) + service("b", 2));
  const file = await Deno.open(`${rig.root}/a.yaml`, {
    write: true,
    truncate: true,
  });
  for (const byte of text.slice(0, -1)) await file.write(Uint8Array.of(byte));
  // Another file's change shows that events of this one were seen and not acted upon.
  await rig.write("z.yaml", service("z", 1));
  await eventually("z is there", () => rig.value("z") === 1);
  assertEquals([rig.value("a"), rig.value("b")], [1, 1]);
  await file.write(text.slice(-1));
  file.close();
  await eventually("b is 2", () => rig.value("b") === 2);
  assertEquals(rig.value("a"), 2);
  assertEquals(rig.sink.calls.filter((call) => call.startsWith("remove")), []);
});

Deno.test("faults are logged once with their place, and so is the mend", async () => {
  await using rig = await Rig.start({ "a.yaml": service("a", 1) });
  await rig.write("a.yaml", service("a", 2).replace("value", "bad: 1, value"));
  const line = "a.yaml:5 Service shop/a spec.bad: 1 is bad; make it good";
  await eventually("the fault is known", () => rig.issues.length === 1);
  assertEquals(rig.issues, [line]);
  assertEquals(rig.value("a"), 1);
  await rig.write("a.yaml", "# more\n" + service("a", 3) + "---\nfoo: [\n");
  await eventually("not YAML", () => rig.issues[0]?.includes("YAML") ?? false);
  assertEquals(rig.value("a"), 3);
  await rig.write("a.yaml", service("a", 4));
  await eventually("mended", () => rig.issues.length === 0);
  assertEquals(rig.value("a"), 4);
  const warned = rig.log.records.filter(({ level }) => level === "warn");
  assertEquals(warned[0]?.message, line);
  assertEquals(warned.length, 2);
  assertStringIncludes(rig.log.records.at(-1)?.message ?? "", "a.yaml");
});

Deno.test("a directory moved in, a mounted ConfigMap's swap and a directory moved out are seen", async () => {
  await using rig = await Rig.start({});
  const outside = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  await Deno.mkdir(`${outside}/v1.0/deep`, { recursive: true });
  await Deno.writeTextFile(`${outside}/v1.0/deep/a.yaml`, service("a", 1));
  await Deno.rename(`${outside}/v1.0`, `${rig.root}/v1.0`);
  await eventually("a is there", () => rig.value("a") === 1);
  await rig.write("v1.0/deep/a.yaml", service("a", 2));
  await eventually("a is 2", () => rig.value("a") === 2);

  for (const value of [1, 2]) {
    await Deno.mkdir(`${rig.root}/..data_${value}`);
    await rig.write(`..data_${value}/b.yaml`, service("b", value));
  }
  await Deno.symlink("..data_1", `${rig.root}/..data`);
  await Deno.symlink("..data/b.yaml", `${rig.root}/b.yaml`);
  await eventually("b is 1", () => rig.value("b") === 1);
  await Deno.symlink("..data_2", `${rig.root}/..data_tmp`);
  await Deno.rename(`${rig.root}/..data_tmp`, `${rig.root}/..data`);
  await eventually("b is 2", () => rig.value("b") === 2);

  await Deno.rename(`${rig.root}/v1.0`, `${outside}/v1.0`);
  await eventually("a is gone", () => rig.value("a") === undefined);
  assertEquals(rig.value("b"), 2);
  await Deno.remove(outside, { recursive: true });
});

Deno.test("a directory that goes away keeps its objects, and is followed again when it is back", async () => {
  await using rig = await Rig.start(
    { "a.yaml": service("a", 1) },
    { pollMs: 20 },
  );
  await Deno.remove(rig.root, { recursive: true });
  await eventually(
    "the problem is known",
    () => rig.source.status().problem !== undefined,
  );
  assertEquals(rig.source.status().mode, "polling");
  assertEquals(rig.value("a"), 1);
  await Deno.mkdir(rig.root);
  await rig.write("b.yaml", service("b", 1));
  await eventually("b is there", () => rig.value("b") === 1);
  await eventually("a is gone", () => rig.value("a") === undefined);
  const status = rig.source.status();
  assertEquals([status.mode, status.problem], ["events", undefined]);
});

Deno.test("a change that no event told of is found by the walk", async () => {
  await using rig = await Rig.start(
    { "a.yaml": service("a", 1) },
    { rescanMs: 20 },
  );
  // Through a link to the outside: no event arises inside the directory.
  const outside = await Deno.makeTempFile({ prefix: "fairway-watcher-" });
  await Deno.writeTextFile(outside, service("b", 1));
  await Deno.symlink(outside, `${rig.root}/b.yaml`);
  await eventually("b is 1", () => rig.value("b") === 1);
  await Deno.writeTextFile(outside, service("b", 22));
  await eventually("b is 22", () => rig.value("b") === 22);
  await Deno.remove(outside);
  await eventually("b is gone", () => rig.value("b") === undefined);
});

Deno.test("a burst over many files arrives whole", async () => {
  await using rig = await Rig.start({});
  const names = Array.from({ length: 300 }, (_, index) => `s${index}`);
  await Promise.all(
    names.map((name) => rig.write(`${name}.yaml`, service(name, 1))),
  );
  await eventually("all there", () => rig.sink.objects.size === 300);
  await Promise.all(
    names.map((name) => Deno.remove(`${rig.root}/${name}.yaml`)),
  );
  await eventually("all gone", () => rig.sink.objects.size === 0);
});

Deno.test("a directory that is not there stops the start with one line", async () => {
  const source = new Manifests({
    directory: "/nonexistent/fairway",
    sink: new RecordingSink(),
    clock: new SystemClock(),
    log: new RecordingLogger(),
  });
  const error = await assertRejects(
    () => source.run(new AbortController().signal, () => {}),
    FairwayError,
    "--manifests /nonexistent/fairway: ",
  );
  assertEquals(error.code, "config.invalid");
});
