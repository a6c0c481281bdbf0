/**
 * Where log lines go: standard error, one line an event, through LogTape.
 *
 * @module
 */

import {
  configureSync,
  getLogger,
  type LogLevel as TapeLevel,
  resetSync,
} from "@logtape/logtape";
import type { Clock } from "../base/clock.ts";
import type { LogFields, Logger, LogRecord } from "../base/log.ts";
import type { EventLog } from "./events.ts";
import { formatRecord, type LogFormat } from "./log_format.ts";
import { RepeatFilter, type RepeatOptions } from "./repeat_filter.ts";

/** Levels, from the most to the least talkative. */
export type LogLevel = LogRecord["level"];

/** How logging is set up. */
export interface LogOptions {
  readonly clock: Clock;
  /** @default {"info"} */
  readonly level?: LogLevel;
  /** @default {"json"} */
  readonly format?: LogFormat;
  /**
   * Put `<N>` before each line, from which the journal takes its priority.
   * {@linkcode underJournal} tells.
   * @default {false}
   */
  readonly journal?: boolean;
  /** Takes one line with its end; standard error by default. */
  readonly write?: (line: string) => void;
  /** Also receives what happened at level info and above. */
  readonly events?: EventLog;
  readonly repeat?: RepeatOptions;
}

/** Logging, set up. */
export interface Log {
  readonly logger: Logger;
  /** Says what was held back, and gives LogTape's global state free. */
  close(): void;
}

const CATEGORY = "fairway";

const TAPE_LEVEL: Readonly<Record<LogLevel, TapeLevel>> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

const LEVEL_OF: Readonly<Record<TapeLevel, LogLevel>> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  warning: "warn",
  error: "error",
  fatal: "error",
};

/**
 * Whether standard error goes to the journal.
 *
 * @param env the process environment
 * @see systemd.exec(5), JOURNAL_STREAM
 */
export function underJournal(
  env: { get(name: string): string | undefined },
): boolean {
  return (env.get("JOURNAL_STREAM") ?? "") !== "";
}

/**
 * Sets up logging for the process. LogTape's configuration is global, so there
 * is one {@linkcode Log} at a time; a second call replaces the first.
 */
export function openLog(options: LogOptions): Log {
  const write = options.write ?? writeStderr;
  const format = options.format ?? "json";
  const journal = options.journal ?? false;
  configureSync({
    reset: true,
    sinks: {
      lines: (record) => {
        const { event, fields } = record.properties as unknown as {
          readonly event: string;
          readonly fields: LogFields;
        };
        write(
          formatRecord({
            timeMs: record.timestamp,
            level: LEVEL_OF[record.level],
            event,
            message: String(record.rawMessage),
            fields,
          }, { format, journal }) + "\n",
        );
      },
    },
    loggers: [
      {
        category: [CATEGORY],
        sinks: ["lines"],
        lowestLevel: TAPE_LEVEL[options.level ?? "info"],
      },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  const filter = new RepeatFilter(
    new TapeLogger(options.clock, options.events),
    options.clock,
    options.repeat,
  );
  return {
    logger: filter,
    close: () => {
      filter.flush();
      resetSync();
    },
  };
}

/** Hands events to LogTape as they are: a message is never read as a template. */
class TapeLogger implements Logger {
  readonly #clock: Clock;
  readonly #events: EventLog | undefined;
  readonly #tape = getLogger([CATEGORY]);

  constructor(clock: Clock, events: EventLog | undefined) {
    this.#clock = clock;
    this.#events = events;
  }

  debug(event: string, message: string, fields?: LogFields): void {
    this.#emit("debug", event, message, fields);
  }
  info(event: string, message: string, fields?: LogFields): void {
    this.#emit("info", event, message, fields);
  }
  warn(event: string, message: string, fields?: LogFields): void {
    this.#emit("warn", event, message, fields);
  }
  error(event: string, message: string, fields?: LogFields): void {
    this.#emit("error", event, message, fields);
  }

  #emit(
    level: LogLevel,
    event: string,
    message: string,
    fields: LogFields = {},
  ): void {
    if (level !== "debug") {
      const object = fields["object"];
      this.#events?.record(
        level,
        event,
        message,
        typeof object === "string" ? object : "",
      );
    }
    this.#tape.emit({
      level: TAPE_LEVEL[level],
      timestamp: this.#clock.now(),
      message: [message],
      rawMessage: message,
      properties: { event, fields },
    });
  }
}

/** Writes at once, so that the last line before an exit is not lost. */
function writeStderr(line: string): void {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let at = 0; at < bytes.length;) {
      at += Deno.stderr.writeSync(bytes.subarray(at));
    }
  } catch {
    // Nobody reads standard error any more, and there is no other place to say so.
  }
}
