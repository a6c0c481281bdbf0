/**
 * File system events of one directory and everything below it, which may be
 * lacking: without inotify, or once the directory is gone.
 *
 * @module
 */

/** What is told of a directory. */
export interface DirectoryListener {
  /** Something happened to a path, which begins with the directory's. */
  changed(path: string, kind: Deno.FsEvent["kind"]): void;
  /** Events were lost: everything must be looked at. */
  overflowed(): void;
  /** No more events come. */
  ended(error: unknown): void;
}

/** The events of a directory. */
export class DirectoryEvents {
  readonly #directory: string;
  readonly #listener: DirectoryListener;
  #watcher: Deno.FsWatcher | undefined;

  constructor(directory: string, listener: DirectoryListener) {
    this.#directory = directory;
    this.#listener = listener;
  }

  /** Whether events come. */
  get active(): boolean {
    return this.#watcher !== undefined;
  }

  /**
   * Starts, or starts anew on what now has the directory's name.
   *
   * @throws when the system gives no events, for example for want of watches
   */
  start(): void {
    this.stop();
    const watcher = Deno.watchFs(this.#directory, { recursive: true });
    this.#watcher = watcher;
    this.#follow(watcher).catch((error) => {
      if (this.#watcher !== watcher) return;
      this.#watcher = undefined;
      this.#listener.ended(error);
    });
  }

  /** Stops; calling it again does nothing. */
  stop(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const event of watcher) {
      // What the kernel's queue could not hold is told as one event without a path.
      if (event.flag === "rescan" || event.kind === "other") {
        this.#listener.overflowed();
      }
      for (const path of event.paths) {
        this.#listener.changed(path, event.kind);
      }
    }
  }
}
