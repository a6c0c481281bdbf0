import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FakeClock } from "../../lib/base/clock.ts";
import { SILENT } from "../../lib/base/log.ts";
import { createApiApp } from "../../routes/app.ts";
import type { Access } from "../../routes/guard.ts";
import { fakeState } from "./fake_state.ts";

const TOKEN = "correct-horse-battery";

function ask(
  access: Access,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const app = createApiApp(fakeState(), {
    clock: new FakeClock(),
    log: SILENT,
    signal: new AbortController().signal,
    access,
  });
  return Promise.resolve(
    app.request(`http://${headers["host"] ?? "localhost"}${path}`, { headers }),
  );
}

Deno.test.each([
  ["localhost", 200],
  ["localhost:20245", 200],
  ["127.0.0.1:20245", 200],
  ["[::1]:20245", 200],
  ["LocalHost", 200],
  ["node.example", 200],
  ["evil.example", 403],
  ["evil.example:20245", 403],
  ["127.0.0.1.evil.example", 403],
  ["localhost.evil.example:80", 403],
])("on loopback, host %s is answered with %d", async (host, status) => {
  const access: Access = { kind: "loopback", hosts: ["node.example"] };
  for (const path of ["/", "/api/v1/graph"]) {
    const response = await ask(access, path, { host });
    assertEquals(response.status, status);
    await response.body?.cancel();
  }
});

Deno.test.each(
  [
    [{}, 401],
    [{ authorization: `Bearer ${TOKEN}` }, 200],
    [{ authorization: `bearer ${TOKEN}` }, 200],
    [{ authorization: `Bearer ${TOKEN}x` }, 401],
    [{ authorization: `Bearer ` }, 401],
    [{ authorization: `Basic ${TOKEN}` }, 401],
    [{ cookie: `fairway=${TOKEN}` }, 401],
  ] as const,
)("elsewhere, %o is answered with %d", async (headers, status) => {
  const access: Access = { kind: "token", token: TOKEN };
  for (const path of ["/api/v1/services", "/", "/view", "/dashboard.js"]) {
    const response = await ask(access, path, { ...headers });
    assertEquals(response.status, status, path);
    await response.body?.cancel();
    if (status !== 401) continue;
    assertMatch(response.headers.get("www-authenticate") ?? "", /^Bearer /);
  }
});

Deno.test("the token in the query is no key to the API", async () => {
  const response = await ask(
    { kind: "token", token: TOKEN },
    `/api/v1/services?token=${TOKEN}`,
  );
  assertEquals(response.status, 401);
});

Deno.test("a browser gives the token once, and then has a cookie that is not the token", async () => {
  const access: Access = { kind: "token", token: TOKEN };
  const form = await ask(access, "/", { accept: "text/html" });
  assertEquals(form.status, 401);
  assertMatch(await form.text(), /<form method="get" action="\/">/);

  const wrong = await ask(access, "/?token=wrong", { accept: "text/html" });
  assertEquals(wrong.status, 401);
  assertMatch(await wrong.text(), /That is not the token/);

  const given = await ask(access, `/?token=${TOKEN}`);
  assertEquals(given.status, 303);
  assertEquals(given.headers.get("location"), "/");
  const cookie = given.headers.get("set-cookie") ?? "";
  assertMatch(cookie, /HttpOnly/);
  assertMatch(cookie, /SameSite=Strict/);
  assert(!cookie.includes(TOKEN));

  const [pair = ""] = cookie.split(";");
  const page = await ask(access, "/", { cookie: pair });
  assertEquals(page.status, 200);
  const api = await ask(access, "/api/v1/graph", { cookie: pair });
  assertEquals(api.status, 200);
});

Deno.test("probes need neither token nor host", async () => {
  for (const path of ["/livez", "/healthz", "/readyz"]) {
    const token = await ask({ kind: "token", token: TOKEN }, path);
    assert(token.status !== 401);
    const host = await ask({ kind: "loopback" }, path, { host: "10.0.0.1" });
    assert(host.status !== 403);
  }
});

Deno.test("a token that can be guessed is refused at the start", () => {
  assertThrows(
    () =>
      createApiApp(fakeState(), {
        clock: new FakeClock(),
        log: SILENT,
        signal: new AbortController().signal,
        access: { kind: "token", token: "short" },
      }),
    RangeError,
  );
});

Deno.test("a browser may load from here and nowhere else, and may not be framed", async () => {
  const response = await ask({ kind: "loopback" }, "/");
  const policy = response.headers.get("content-security-policy") ?? "";
  for (
    const directive of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "form-action 'self'",
      "base-uri 'none'",
    ]
  ) assert(policy.includes(directive), directive);
  assert(!policy.includes("unsafe"));
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  assertEquals(response.headers.get("referrer-policy"), "no-referrer");
  assertEquals(response.headers.get("x-frame-options"), "DENY");
  assertEquals(response.headers.get("access-control-allow-origin"), null);
});
