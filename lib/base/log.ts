/**
 * The face of logging that every room sees. What is behind it, and where the
 * lines go, is set up once in `lib/observe/log.ts`.
 *
 * @module
 */

/** Fields of a log event; units belong in the name (`durationMs`, `sizeBytes`). */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Structured logging: one event, a sentence for people, and fields.
 *
 * error = a person must look; warn = degraded, will heal by itself; info = state
 * changes; debug = every operation.
 */
export interface Logger {
  /** @param event stable dotted name, for example `bgp.session.state` */
  debug(event: string, message: string, fields?: LogFields): void;
  info(event: string, message: string, fields?: LogFields): void;
  warn(event: string, message: string, fields?: LogFields): void;
  error(event: string, message: string, fields?: LogFields): void;
}

/** Drops everything; for tests and for rooms used as a library. */
export const SILENT: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** One event as {@linkcode RecordingLogger} keeps it. */
export interface LogRecord {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps events, for tests that ask what was said. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];

  debug(event: string, message: string, fields: LogFields = {}): void {
    this.records.push({ level: "debug", event, message, fields });
  }
  info(event: string, message: string, fields: LogFields = {}): void {
    this.records.push({ level: "info", event, message, fields });
  }
  warn(event: string, message: string, fields: LogFields = {}): void {
    this.records.push({ level: "warn", event, message, fields });
  }
  error(event: string, message: string, fields: LogFields = {}): void {
    this.records.push({ level: "error", event, message, fields });
  }
}
