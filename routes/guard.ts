/**
 * Who may ask, and what a browser may do with the answer.
 *
 * The API only reads. Bound to loopback it asks for no token, but for a `Host`
 * of this machine, or any web page could read it through a name that it points
 * at 127.0.0.1 (DNS rebinding). Bound elsewhere it asks for a token: programs
 * send it as `Authorization: Bearer`, a browser keeps a cookie made from it.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler, Next } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { secureHeaders } from "hono/secure-headers";
import { problem } from "./problem.ts";

/** Who may ask. */
export type Access =
  | {
    readonly kind: "loopback";
    /** Further names under which this machine is asked, without port. */
    readonly hosts?: readonly string[];
  }
  | {
    readonly kind: "token";
    /** At least 16 characters. */
    readonly token: string;
  };

/** The shortest token that is taken, characters. */
export const TOKEN_MIN_LENGTH = 16;

const COOKIE = "fairway";

const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Refuses every method that could change something. */
export async function readOnly(
  c: Context,
  next: Next,
): Promise<Response | void> {
  if (c.req.method === "GET" || c.req.method === "HEAD") return await next();
  c.header("allow", "GET, HEAD");
  return problem(c, 405, `this API only reads; ${c.req.method} is not served`);
}

/** Headers that keep a browser from doing more than the dashboard needs. */
export const browserHeaders: MiddlewareHandler = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  // Served over plain HTTP; a promise of TLS would be false.
  strictTransportSecurity: false,
});

/** Answers are of this moment: nobody keeps them. */
export async function notStored(c: Context, next: Next): Promise<void> {
  await next();
  if (c.res.headers.get("cache-control") === null) {
    c.res.headers.set("cache-control", "no-store");
  }
}

/**
 * Lets in who may ask.
 *
 * @throws {RangeError} when the token is shorter than {@linkcode TOKEN_MIN_LENGTH}
 */
export function requireAccess(access: Access): MiddlewareHandler {
  if (access.kind === "loopback") return requireHost(access.hosts ?? []);
  if (access.token.length < TOKEN_MIN_LENGTH) {
    throw new RangeError(
      `The API token must have at least ${TOKEN_MIN_LENGTH} characters`,
    );
  }
  const { token } = access;
  const session = createHmac("sha256", token).update("fairway dashboard")
    .digest("hex");
  return async (c, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")
      ?.[1];
    if (bearer !== undefined && sameSecret(bearer, token)) return await next();
    const cookie = getCookie(c, COOKIE);
    if (cookie !== undefined && sameSecret(cookie, session)) {
      return await next();
    }
    const given = c.req.path === "/" ? c.req.query("token") : undefined;
    if (given !== undefined && sameSecret(given, token)) {
      setCookie(c, COOKIE, session, {
        httpOnly: true,
        sameSite: "Strict",
        path: "/",
      });
      // The token must not stay in the address bar.
      return c.redirect("/", 303);
    }
    c.header("www-authenticate", 'Bearer realm="fairway"');
    return refuse(c, given !== undefined);
  };
}

/** A page to type the token into for people, a problem for programs. */
function refuse(c: Context, wrong: boolean): Response {
  const wantsPage = c.req.path === "/" &&
    (c.req.header("accept") ?? "").includes("text/html");
  if (!wantsPage) {
    return problem(
      c,
      401,
      "this address asks for the API token; send it as Authorization: Bearer TOKEN",
      "permission.denied",
    );
  }
  const note = wrong ? "<p>That is not the token.</p>" : "";
  return c.body(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Fairway</title>` +
      `<form method="get" action="/">${note}<label>API token ` +
      `<input type="password" name="token" autocomplete="current-password" required autofocus>` +
      `</label> <button>Open</button></form></html>`,
    401,
    { "content-type": "text/html; charset=utf-8" },
  );
}

function requireHost(extra: readonly string[]): MiddlewareHandler {
  const allowed = new Set([...LOOPBACK_HOSTS, ...extra]);
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host;
    if (allowed.has(host.replace(/:\d+$/, "").toLowerCase())) {
      return await next();
    }
    return problem(
      c,
      403,
      "this address serves this machine only; ask it as localhost or 127.0.0.1",
      "permission.denied",
    );
  };
}

/** Compares without telling by its duration how much is equal. */
function sameSecret(given: string, expected: string): boolean {
  const key = "fairway compare";
  return timingSafeEqual(
    createHmac("sha256", key).update(given).digest(),
    createHmac("sha256", key).update(expected).digest(),
  );
}
