/**
 * The few calls of libc that Deno has no face for: entering a network
 * namespace, and sockets whose every error is seen.
 *
 * Linux on 64-bit little-endian machines only.
 *
 * @module
 */

import { LabError } from "./error.ts";

const symbols = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  poll: {
    parameters: ["buffer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const library = Deno.dlopen("libc.so.6", symbols);
const libc = library.symbols;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
const IFF_UP = 1;

/** Error numbers (errno(3)) that a probe tells apart. */
export const ERRNO = {
  EPERM: 1,
  EAGAIN: 11,
  EACCES: 13,
  ENETUNREACH: 101,
  ECONNRESET: 104,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

/** Conditions of poll(2). */
export const POLLIN = 1;
/** @see {@linkcode POLLIN} */
export const POLLOUT = 4;

/** The calling thread's last error number. */
function errno(): number {
  const pointer = libc.__errno_location();
  if (pointer === null) throw new LabError("libc has no errno");
  return new Deno.UnsafePointerView(pointer).getInt32();
}

/** Opens a file for reading; -1 when it does not exist. */
export function openFile(path: string): number {
  return libc.open(new TextEncoder().encode(`${path}\0`), O_CLOEXEC);
}

/** Closes a file or socket. */
export function closeFile(fd: number): void {
  libc.close(fd);
}

/**
 * Moves the calling thread to the network namespace of an open file.
 *
 * @throws {LabError} without root
 */
export function enterNetwork(fd: number): void {
  if (libc.setns(fd, CLONE_NEWNET) !== 0) {
    throw new LabError(
      `setns: error ${errno()}; the lab needs root (CAP_SYS_ADMIN)`,
    );
  }
}

/**
 * Brings up a link of the calling thread's namespace (netdevice(7)).
 *
 * @throws {LabError} when there is no such link
 */
export function setLinkUp(name: string): void {
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode(name));
  const view = new DataView(request.buffer);
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    let failed = libc.ioctl(fd, SIOCGIFFLAGS, request) !== 0;
    view.setUint16(16, view.getUint16(16, true) | IFF_UP, true);
    failed ||= libc.ioctl(fd, SIOCSIFFLAGS, request) !== 0;
    if (failed) throw new LabError(`link ${name}: error ${errno()}`);
  } finally {
    libc.close(fd);
  }
}

/** The socket address of an IP address and port, as the kernel reads it (ip(7), ipv6(7)). */
function socketAddress(address: string, port: number): Uint8Array<ArrayBuffer> {
  const v6 = address.includes(":");
  const bytes = new Uint8Array(v6 ? 28 : 16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  bytes.set(addressBytes(address), v6 ? 8 : 4);
  return bytes;
}

/** The bytes of an address in its usual text form; the lab makes no others. */
function addressBytes(address: string): Uint8Array {
  if (!address.includes(":")) {
    return Uint8Array.from(address.split(".").map(Number));
  }
  const [head = "", tail] = address.split("::");
  const words = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((word) => parseInt(word, 16));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const all = [
    ...front,
    ...Array<number>(8 - front.length - back.length).fill(0),
    ...back,
  ];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
}

/** What {@linkcode startConnect} is asked for. */
export interface ConnectOptions {
  readonly protocol: "TCP" | "UDP";
  readonly address: string;
  readonly port: number;
  /** Chosen by the kernel when absent. */
  readonly sourcePort?: number;
  /** Waits for the connection; only for what answers at once, as on loopback. */
  readonly blocking?: boolean;
}

/**
 * A socket of the calling thread's namespace with its connection begun, or, if
 * blocking, made.
 *
 * @returns the socket, and the error number when the kernel refused at once (0: begun)
 * @throws {LabError} when the kernel gives no socket
 */
export function startConnect(
  options: ConnectOptions,
): { readonly fd: number; readonly error: number } {
  const { protocol, address, port, sourcePort } = options;
  const family = address.includes(":") ? AF_INET6 : AF_INET;
  const type = protocol === "TCP" ? SOCK_STREAM : SOCK_DGRAM;
  const mode = options.blocking ? 0 : SOCK_NONBLOCK;
  const fd = libc.socket(family, type | mode | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new LabError(`socket: error ${errno()}`);
  if (sourcePort !== undefined) {
    libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Int32Array([1]), 4);
    const any = socketAddress(
      family === AF_INET ? "0.0.0.0" : "::",
      sourcePort,
    );
    if (libc.bind(fd, any, any.length) !== 0) return { fd, error: errno() };
  }
  const target = socketAddress(address, port);
  if (libc.connect(fd, target, target.length) === 0) return { fd, error: 0 };
  const error = errno();
  return { fd, error: error === ERRNO.EINPROGRESS ? 0 : error };
}

/** The error that a socket has met since it was last asked; 0: none. */
export function takeError(fd: number): number {
  const value = new Int32Array(1);
  libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, new Uint32Array([4]));
  return value[0] ?? 0;
}

/** Sends bytes. @returns the error number; 0: sent */
export function sendBytes(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  return libc.send(fd, bytes, BigInt(bytes.length), 0) < 0n ? errno() : 0;
}

/** Receives what has come: bytes (none at the end of a stream), or the error number. */
export function receiveBytes(fd: number): Uint8Array | number {
  const buffer = new Uint8Array(2048);
  const count = Number(libc.recv(fd, buffer, BigInt(buffer.length), 0));
  return count < 0 ? errno() : buffer.subarray(0, count);
}

/** One socket to wait for. */
export interface PollRequest {
  readonly fd: number;
  /** {@linkcode POLLIN} or {@linkcode POLLOUT}. */
  readonly events: number;
}

/**
 * Waits, without stopping the event loop, until one of the sockets is ready.
 *
 * @returns for each socket whether it is ready, in error, or closed
 */
export async function pollSockets(
  requests: readonly PollRequest[],
  timeoutMs: number,
): Promise<readonly boolean[]> {
  const bytes = new Uint8Array(requests.length * 8);
  const view = new DataView(bytes.buffer);
  requests.forEach(({ fd, events }, index) => {
    view.setInt32(index * 8, fd, true);
    view.setInt16(index * 8 + 4, events, true);
  });
  await libc.poll(bytes, BigInt(requests.length), timeoutMs);
  return requests.map((_, index) => view.getInt16(index * 8 + 6, true) !== 0);
}
