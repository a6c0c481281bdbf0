/**
 * The types of settings: how each is written, and what it means.
 *
 * Flags, variables and file values are all text here, and each type has one zod
 * schema from text to value.
 *
 * @module
 */

import { z } from "zod";
import { type Ip, tryParseIp } from "../../net/ip.ts";
import { type Prefix, tryParsePrefix } from "../../net/prefix.ts";
import { isObjectName } from "../projection.ts";
import { formatDuration, parseDuration } from "./duration.ts";

/** How a setting is written. */
export interface ValueType<T> {
  /** For the reference: `duration`, `port`, `CIDR list`. */
  readonly name: string;
  /** What a value must be, to complete "is not …". */
  readonly noun: string;
  /** What to do about a value that is not. */
  readonly mend: string;
  readonly schema: z.ZodType<T, string>;
  /** Values add up: the flag may be repeated, and the file may hold a list. */
  readonly list: boolean;
  /** The flag stands alone, and with `=false` means the opposite. */
  readonly boolean: boolean;
  /** Never printed. */
  readonly secret: boolean;
}

/** What {@linkcode valueType} needs; the rest has defaults. */
interface Definition<T> {
  readonly name: string;
  readonly noun: string;
  readonly mend: string;
  /** Returns undefined for a text that is no value. */
  readonly parse: (text: string) => T | undefined;
  readonly list?: boolean;
  readonly boolean?: boolean;
  readonly secret?: boolean;
}

function valueType<T>(definition: Definition<T>): ValueType<T> {
  const { name, noun, mend, parse } = definition;
  return {
    name,
    noun,
    mend,
    list: definition.list ?? false,
    boolean: definition.boolean ?? false,
    secret: definition.secret ?? false,
    schema: z.string().transform((text, context): T => {
      const value = parse(text.trim());
      if (value !== undefined) return value;
      context.issues.push({
        code: "custom",
        input: text,
        message: `is not ${noun}; ${mend}`,
      });
      return z.NEVER;
    }),
  };
}

/** Elements separated by commas; an empty text is the empty list. */
function listOf<T>(
  definition: Omit<Definition<T>, "list">,
): ValueType<readonly T[]> {
  return valueType<readonly T[]>({
    ...definition,
    list: true,
    parse: (text) => {
      if (text === "") return [];
      const values: T[] = [];
      for (const part of text.split(",")) {
        const value = definition.parse(part.trim());
        if (value === undefined) return undefined;
        values.push(value);
      }
      return values;
    },
  });
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) =>
    [text, true] as const
  ),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) =>
    [text, false] as const
  ),
]);

/** `true` or `false`. */
export const BOOLEAN: ValueType<boolean> = valueType({
  name: "boolean",
  noun: "a boolean",
  mend: "use true or false",
  boolean: true,
  parse: (text) => BOOLEANS.get(text),
});

/** Any text. */
export const TEXT: ValueType<string> = valueType({
  name: "text",
  noun: "text",
  mend: "write text",
  parse: (text) => text,
});

/** The URL of an API server; empty for none. */
export const SERVER_URL: ValueType<string> = valueType({
  name: "URL",
  noun: "the URL of a server",
  mend: "write it such as https://10.0.0.1:6443",
  parse: (text) =>
    text === "" || (/^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text))
      ? text
      : undefined,
});

/** A path of an HTTP resource. */
export const HTTP_PATH: ValueType<string> = valueType({
  name: "path",
  noun: "an absolute path",
  mend: "start it with /",
  parse: (text) => /^\/[\x21-\x7e]*$/.test(text) ? text : undefined,
});

/** The name of an object; empty for none. */
export const OBJECT_NAME: ValueType<string> = valueType({
  name: "name",
  noun: "the name of an object",
  mend: "use lower-case letters, digits, - and .",
  parse: (text) => text === "" || isObjectName(text) ? text : undefined,
});

/** One of a few words. */
export function choice<const T extends string>(
  ...words: readonly T[]
): ValueType<T> {
  return valueType({
    name: words.join(" | "),
    noun: "known here",
    mend: `use ${words.join(", ")}`,
    parse: (text) => words.find((word) => word === text),
  });
}

function parseInteger(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A whole number from `min` to `max`. */
export function integer(
  min: number,
  max: number,
  name = "number",
): ValueType<number> {
  return valueType({
    name,
    noun: `a whole number from ${min} to ${max}`,
    mend: "correct the number",
    parse: (text) => {
      const value = parseInteger(text);
      return value === undefined || value < min || value > max
        ? undefined
        : value;
    },
  });
}

/** A port that must be given. */
export const PORT: ValueType<number> = integer(1, 65535, "port");

/** A port to listen on; 0 switches the listener off. */
export const OPTIONAL_PORT: ValueType<number> = integer(0, 65535, "port");

/** Ports. */
export const PORT_LIST: ValueType<readonly number[]> = listOf({
  name: "port list",
  noun: "a list of ports from 1 to 65535",
  mend: "write it such as 179,1790",
  parse: (text) => {
    const port = parseInteger(text);
    return port === undefined || port < 1 || port > 65535 ? undefined : port;
  },
});

/** A range of ports, first and last inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `30000-32767` or `30000:32767`. */
export const PORT_RANGE: ValueType<PortRange> = valueType({
  name: "port range",
  noun: "a range of ports",
  mend: "write it such as 30000-32767, the smaller port first",
  parse: (text) => {
    const match = /^(\d{1,5})[-:](\d{1,5})$/.exec(text);
    const [first, last] = [Number(match?.[1]), Number(match?.[2])];
    return first >= 1 && first <= last && last <= 65535
      ? { first, last }
      : undefined;
  },
});

/** Bounds of a duration, in milliseconds. */
interface DurationBounds {
  readonly minMs: number;
  readonly maxMs?: number;
  /** 0 is allowed below the minimum, with a meaning of its own. */
  readonly orZero?: boolean;
}

function durationIn(bounds: DurationBounds, unitMs: number): ValueType<number> {
  const { minMs, maxMs, orZero = false } = bounds;
  const range = maxMs !== undefined
    ? `from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`
    : minMs > 0
    ? `of at least ${formatDuration(minMs)}`
    : "";
  return valueType({
    name: "duration",
    noun: ["a duration", range, unitMs > 1 ? "in whole seconds" : ""]
      .filter((part) => part !== "").join(" "),
    mend: "write it such as 90s, 1m30s or 500ms" +
      (orZero ? ", or 0 to switch it off" : ""),
    parse: (text) => {
      const ms = parseDuration(text);
      if (ms === undefined || !Number.isInteger(ms / unitMs)) return undefined;
      if (ms === 0 && orZero) return 0;
      return ms < minMs || (maxMs !== undefined && ms > maxMs)
        ? undefined
        : ms / unitMs;
    },
  });
}

/** A duration; the value is in milliseconds. */
export function durationMs(bounds: DurationBounds): ValueType<number> {
  return durationIn(bounds, 1);
}

/** A duration of whole seconds; the value is in seconds. */
export function durationSeconds(bounds: DurationBounds): ValueType<number> {
  return durationIn(bounds, 1000);
}

/** An address to listen on; empty for every address. */
export const LISTEN_ADDRESS: ValueType<Ip | ""> = valueType<Ip | "">({
  name: "address",
  noun: "an IP address",
  mend: "write it such as 127.0.0.1 or ::1, or leave it empty for all",
  parse: (text) => text === "" ? "" : tryParseIp(text),
});

/** Addresses. */
export const IP_LIST: ValueType<readonly Ip[]> = listOf({
  name: "address list",
  noun: "a list of IP addresses",
  mend: "write it such as 10.0.0.1,2001:db8::1",
  parse: tryParseIp,
});

/** Prefixes; host bits are cleared. */
export const CIDR_LIST: ValueType<readonly Prefix[]> = listOf({
  name: "CIDR list",
  noun: "a list of prefixes",
  mend: "write it such as 10.0.0.0/8,2001:db8::/32",
  parse: (text) => tryParsePrefix(text, { mask: true }),
});

/** AS numbers. */
export const ASN_LIST: ValueType<readonly number[]> = listOf({
  name: "ASN list",
  noun: "a list of AS numbers from 1 to 4294967294",
  mend: "write it such as 64512,4200000000",
  parse: (text) => {
    const asn = parseInteger(text);
    return asn === undefined || asn < 1 || asn > 4_294_967_294
      ? undefined
      : asn;
  },
});

/** An AS number for private use (RFC 6996), and 65535, which kube-router takes too; 0 is 64512. */
export const PRIVATE_ASN: ValueType<number> = valueType({
  name: "ASN",
  noun: "an AS number for private use",
  mend: "use 64512 to 65535, or 4200000000 to 4294967294 (RFC 6996)",
  parse: (text) => {
    const asn = parseInteger(text);
    if (asn === 0) return 64_512;
    if (asn === undefined) return undefined;
    return (asn >= 64_512 && asn <= 65_535) ||
        (asn >= 4_200_000_000 && asn <= 4_294_967_294)
      ? asn
      : undefined;
  },
});

/** A BGP identifier; `generate` derives it from the node's address, and empty takes that address. */
export const ROUTER_ID: ValueType<Ip | "generate" | ""> = valueType<
  Ip | "generate" | ""
>({
  name: "router id",
  noun: "a router id",
  mend: "write it as an IPv4 address, or generate",
  parse: (text) => {
    if (text === "" || text === "generate") return text;
    const id = tryParseIp(text);
    return id === undefined || id.includes(":") || id === "0.0.0.0"
      ? undefined
      : id;
  },
});

/** The longest TCP-MD5 key the kernel takes, bytes (TCP_MD5SIG_MAXKEYLEN). */
const MAX_KEY_BYTES = 80;

/**
 * Passwords in base64; an empty element is a peer without one. The value is the
 * decoded text.
 */
export const PASSWORD_LIST: ValueType<readonly string[]> = listOf({
  name: "base64 list",
  noun: "a list of passwords in base64",
  mend: "encode each password of at most 80 bytes, and join them with commas",
  secret: true,
  parse: decodePassword,
});

/** Decodes one password; undefined when it is not base64 of UTF-8 text of at most 80 bytes. */
export function decodePassword(text: string): string | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    return undefined;
  }
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  if (bytes.length > MAX_KEY_BYTES) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined; // Not UTF-8.
  }
}
