/**
 * A directory of manifests as the cluster: its files are the objects, and edits
 * are the events.
 *
 * File system events say what to read; a slow walk over the directory finds what
 * they missed (an overflow of the kernel's queue, a network file system, a
 * directory replaced as a whole). A file is read when its writer closes it or it
 * is renamed into place, and otherwise once it has been at rest. Objects that
 * vanish from a file, or with it, are removed after a second look only: editors
 * that move the old file away before they write the new one, and writers that
 * start with an empty file, make nothing flap.
 *
 * @module
 */

import { resolve } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { FairwayError, messageOf } from "../base/errors.ts";
import { formatIssue, type Issue } from "../base/issue.ts";
import { RESOURCES } from "../cluster/decode_object.ts";
import type { Logger } from "../base/log.ts";
import { Agenda } from "./agenda.ts";
import { DirectoryEvents } from "./directory_events.ts";
import {
  isHidden,
  isManifest,
  listManifests,
  type Signature,
  signatureOf,
} from "./manifest_files.ts";
import { type ManifestChange, ManifestIndex } from "./manifest_index.ts";
import type { Decoded, Sink } from "./sink.ts";

/** Times, milliseconds. */
export interface ManifestTuning {
  /** From an event that announces complete content to reading it. */
  readonly coalesceMs: number;
  /** How long a file must be at rest when nothing announces that it is complete, and before objects go. */
  readonly restMs: number;
  /** The longest that a file which is written all the time goes unread. */
  readonly patienceMs: number;
  /** Between two walks over the directory. */
  readonly rescanMs: number;
  /** The same while there are no file system events. */
  readonly pollMs: number;
}

const TUNING: ManifestTuning = {
  coalesceMs: 2,
  restMs: 250,
  patienceMs: 2_000,
  rescanMs: 30_000,
  pollMs: 2_000,
};

/** How the manifests directory is doing. */
export interface ManifestsStatus {
  readonly directory: string;
  readonly synced: boolean;
  /** `events`: the kernel tells of changes; `polling`: the directory is walked every few seconds. */
  readonly mode: "events" | "polling";
  readonly files: number;
  readonly objects: number;
  /** Objects of kinds that Fairway does not read, by kind. */
  readonly ignored: Readonly<Record<string, number>>;
  /** Wall clock of the last change that was taken, milliseconds since the epoch. */
  readonly lastChangeMs: number | undefined;
  /** Why the directory cannot be read now; objects stay as they were. */
  readonly problem: string | undefined;
}

/** The manifests directory as a source of objects. */
export class Manifests {
  readonly #root: string;
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #tuning: ManifestTuning;

  #index: ManifestIndex;
  #signatures = new Map<string, Signature>();
  readonly #agenda: Agenda;
  readonly #reported = new Map<string, ReadonlySet<string>>();
  #rescanAt = 0;
  #rootId: string | undefined;
  readonly #events: DirectoryEvents;
  #synced = false;
  #lastChangeMs: number | undefined;
  #problem: string | undefined;

  /** @param options `directory` may be relative to the working directory */
  constructor(options: {
    readonly directory: string;
    readonly sink: Sink;
    readonly clock: Clock;
    readonly log: Logger;
    readonly tuning?: Partial<ManifestTuning>;
  }) {
    this.#root = resolve(options.directory);
    this.#sink = options.sink;
    this.#clock = options.clock;
    this.#agenda = new Agenda(options.clock);
    this.#log = options.log;
    this.#tuning = { ...TUNING, ...options.tuning };
    this.#events = new DirectoryEvents(this.#root, {
      changed: (path, kind) => this.#noticed(path, kind),
      overflowed: () => this.#rescanSoon(),
      ended: (error) => {
        this.#tellPolling(error);
        this.#rescanSoon();
      },
    });
    this.#index = new ManifestIndex((kind, raw) =>
      this.#sink.decode(kind, raw)
    );
  }

  /**
   * Reads the directory, then follows its changes until the signal aborts.
   *
   * @param started called when every object is in the store
   * @throws {FairwayError} config.invalid, when the directory cannot be read at start
   */
  async run(signal: AbortSignal, started: () => void): Promise<void> {
    const onAbort = (): void => this.#agenda.wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#load(signal);
      if (signal.aborted) return;
      started();
      while (!signal.aborted) {
        await this.#agenda.wait(this.#rescanAt);
        if (signal.aborted) break;
        if (this.#clock.monotonic() >= this.#rescanAt) await this.#rescan();
        for (const [file, { confirm }] of this.#agenda.take()) {
          if (signal.aborted) break;
          await this.#take(file, confirm);
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#events.stop();
    }
  }

  /** Ready while every object was read once and the directory can be read. */
  health(): { readonly ready: boolean; readonly message: string } {
    if (this.#problem !== undefined) {
      return { ready: false, message: `${this.#root}: ${this.#problem}` };
    }
    if (!this.#synced) return { ready: false, message: "reading manifests" };
    const issues = this.issues().length;
    return {
      ready: true,
      message:
        `${this.#index.size} objects in ${this.#signatures.size} files of ${this.#root}` +
        (issues === 0 ? "" : `, ${issues} issues`),
    };
  }

  /** How it is doing now. */
  status(): ManifestsStatus {
    return {
      directory: this.#root,
      synced: this.#synced,
      mode: this.#events.active ? "events" : "polling",
      files: this.#signatures.size,
      objects: this.#index.size,
      ignored: Object.fromEntries(this.#index.ignored()),
      lastChangeMs: this.#lastChangeMs,
      problem: this.#problem,
    };
  }

  /** Everything that is wrong with the manifests now, in the order of files. */
  issues(): Issue[] {
    return this.#index.issues();
  }

  /** Those of the issues because of which some object is missing altogether. */
  unusable(): Issue[] {
    return this.#index.unusable();
  }

  async #load(signal: AbortSignal): Promise<void> {
    this.#agenda.clear();
    this.#index = new ManifestIndex((kind, raw) =>
      this.#sink.decode(kind, raw)
    );
    let listing;
    try {
      // Events first: what changes during the walk is then seen by one of the two.
      await this.#follow();
      listing = await listManifests(this.#root);
    } catch (error) {
      throw new FairwayError(
        "config.invalid",
        `--manifests ${this.#root}: ${
          messageOf(error)
        }; name a directory that can be read`,
        { cause: error },
      );
    }
    this.#problem = undefined;
    this.#signatures = new Map(listing.files);
    // In sorted order each file meets only claims that come before its own.
    const files = [...listing.files.keys()].sort();
    for (let at = 0; at < files.length && !signal.aborted; at += 32) {
      const batch = files.slice(at, at + 32);
      const texts = await Promise.all(batch.map((file) => this.#read(file)));
      batch.forEach((file, index) => {
        const text = texts[index];
        if (text !== undefined) this.#index.update(file, text, true);
      });
    }
    if (signal.aborted) return;
    const byKind = Map.groupBy(this.#index.objects(), ({ kind }) => kind);
    for (const { kind } of RESOURCES) {
      const objects: Decoded[] = byKind.get(kind) ?? [];
      this.#sink.replace(kind, objects);
      this.#sink.synced(kind);
    }
    this.#synced = true;
    this.#lastChangeMs = this.#clock.now();
    this.#rescanAt = this.#clock.monotonic() + this.#rescanInterval;
    for (const file of files) this.#report(file);
    const ignored = Object.fromEntries(this.#index.ignored());
    this.#log.info(
      "watcher.manifests.loaded",
      `read ${this.#index.size} objects from ${files.length} files in ${this.#root}`,
      { objects: this.#index.size, files: files.length, ignored },
    );
  }

  /** Starts file system events; without them the directory is polled. */
  async #follow(): Promise<void> {
    const info = await Deno.stat(this.#root);
    if (!info.isDirectory) throw new Error("is not a directory");
    this.#rootId = `${info.dev}/${info.ino}`;
    try {
      this.#events.start();
    } catch (error) {
      this.#tellPolling(error);
    }
  }

  #tellPolling(error: unknown): void {
    this.#log.warn(
      "watcher.manifests.polling",
      `no file system events for ${this.#root}: ${
        messageOf(error)
      }; looking every ${this.#tuning.pollMs} ms instead`,
    );
  }

  #noticed(path: string, kind: Deno.FsEvent["kind"]): void {
    const { coalesceMs, restMs, patienceMs } = this.#tuning;
    if (path === this.#root || !path.startsWith(`${this.#root}/`)) {
      this.#rescanSoon();
      return;
    }
    const relative = path.slice(this.#root.length + 1);
    if (isManifest(relative)) {
      const complete = kind === "access" || kind === "rename";
      this.#agenda.put(relative, {
        afterMs: complete ? coalesceMs : restMs,
        patienceMs,
        confirm: kind === "remove",
      });
    } else if (kind !== "access" && kind !== "modify" && !isHidden(relative)) {
      this.#agenda.put(relative, { afterMs: coalesceMs });
    }
  }

  #rescanSoon(): void {
    this.#rescanAt = this.#clock.monotonic() + this.#tuning.coalesceMs;
    this.#agenda.wake();
  }

  get #rescanInterval(): number {
    return !this.#events.active || this.#problem !== undefined
      ? this.#tuning.pollMs
      : this.#tuning.rescanMs;
  }

  async #rescan(): Promise<void> {
    try {
      const info = await Deno.stat(this.#root);
      const replaced = this.#rootId !== `${info.dev}/${info.ino}`;
      if (!this.#events.active || replaced) await this.#follow();
      const listing = await listManifests(this.#root);
      this.#setProblem(
        [...listing.unreadable].map(([path, why]) => `${path}: ${why}`)[0],
      );
      this.#compare(listing.files, [...listing.unreadable.keys()]);
    } catch (error) {
      this.#events.stop();
      this.#setProblem(messageOf(error));
    }
    this.#rescanAt = this.#clock.monotonic() + this.#rescanInterval;
  }

  #compare(
    files: ReadonlyMap<string, Signature>,
    unreadable: readonly string[],
  ): void {
    const due = (file: string): void => {
      if (!this.#agenda.has(file)) this.#agenda.put(file, { afterMs: 0 });
    };
    for (const [file, signature] of files) {
      if (this.#signatures.get(file) !== signature) due(file);
    }
    for (const file of this.#index.files()) {
      const hidden = unreadable.some((path) => file.startsWith(`${path}/`));
      if (!files.has(file) && !hidden) due(file);
    }
  }

  #setProblem(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem) {
      this.#log.warn(
        "watcher.manifests.unreadable",
        `${this.#root}: ${problem}; its objects stay as they were`,
      );
    }
    this.#problem = problem;
  }

  /** Reads one file and hands its changes to the store. */
  async #take(file: string, confirm: boolean): Promise<void> {
    if (!isManifest(file)) return await this.#takeOther(file);
    const signature = await signatureOf(`${this.#root}/${file}`);
    let text: string | undefined;
    if (signature === undefined) {
      this.#signatures.delete(file);
    } else {
      this.#signatures.set(file, signature);
      text = await this.#read(file);
      if (text === undefined) return this.#report(file);
    }
    const change = this.#index.update(file, text, confirm);
    this.#apply(change);
    this.#report(file);
    if (change.heldBack > 0 && !this.#agenda.has(file)) {
      this.#agenda.put(file, { afterMs: this.#tuning.restMs, confirm: true });
    }
  }

  /** Something that is no manifest appeared or went: only a directory matters. */
  async #takeOther(path: string): Promise<void> {
    const info = await Deno.stat(`${this.#root}/${path}`).catch(() => {});
    const held = [...this.#index.files()]
      .some((file) => file.startsWith(`${path}/`));
    if (info?.isDirectory || held) this.#rescanSoon();
  }

  #apply(change: ManifestChange): void {
    for (const decoded of change.upserts) this.#sink.upsert(decoded);
    for (const { kind, key } of change.removals) this.#sink.remove(kind, key);
    if (change.upserts.length + change.removals.length > 0) {
      this.#lastChangeMs = this.#clock.now();
    }
  }

  async #read(file: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(`${this.#root}/${file}`);
    } catch (error) {
      // Gone between two looks is a removal, and an event of it follows.
      if (!(error instanceof Deno.errors.NotFound)) {
        this.#index.markUnreadable(file, messageOf(error));
      }
      return undefined;
    }
  }

  /** Logs what is newly wrong with a file, and what is mended. */
  #report(file: string): void {
    const before = this.#reported.get(file) ?? new Set();
    const lines = new Set(this.#index.issuesOf(file).map(formatIssue));
    if (lines.size === 0) this.#reported.delete(file);
    else this.#reported.set(file, lines);
    for (const line of lines) {
      if (!before.has(line)) this.#log.warn("watcher.manifests.issue", line);
    }
    if (before.size > 0 && lines.size === 0) {
      this.#log.info("watcher.manifests.mended", `${file} has no more faults`);
    }
  }
}
