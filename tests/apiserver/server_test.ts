import { assertEquals, assertMatch } from "@std/assert";
import { makeCertificates } from "./certificates.ts";
import { ApiServer } from "./server.ts";

interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

async function call(
  server: ApiServer,
  method: string,
  path: string,
  body?: unknown,
  type = "application/json",
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": type } }),
  });
  return { status: response.status, body: await response.json() };
}

/** The first `count` events of a watch, shortly written. */
async function watch(
  server: ApiServer,
  path: string,
  count: number,
): Promise<string[]> {
  const response = await fetch(`${server.url}${path}`);
  if (response.body === null) throw new Error("no body");
  const seen: string[] = [];
  let rest = "";
  for await (
    const text of response.body.pipeThrough(new TextDecoderStream())
  ) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const { type, object } = JSON.parse(line);
      const { name, annotations } = object.metadata;
      seen.push(
        `${type} ${object.code ?? name ?? JSON.stringify(annotations)}`,
      );
    }
    if (seen.length >= count) break;
  }
  return seen;
}

const PODS = "/api/v1/namespaces/default/pods";
const pod = (name: string, labels: Record<string, string> = {}): unknown => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels },
  spec: {},
});

Deno.test("objects are created, read, changed with conflicts, and deleted", async () => {
  await using server = await ApiServer.start();
  const { status, body } = await call(server, "POST", PODS, pod("a"));
  assertEquals(status, 201);
  assertEquals(body.metadata.namespace, "default");
  assertMatch(body.metadata.uid, /^[0-9a-f-]{36}$/);
  assertEquals(
    (await call(server, "POST", PODS, pod("a"))).body.reason,
    "AlreadyExists",
  );
  assertEquals(
    (await call(server, "POST", "/api/v1/namespaces/none/pods", pod("a")))
      .status,
    404,
  );

  const changed = { ...body, spec: { nodeName: "n" }, status: { phase: "X" } };
  const put = await call(server, "PUT", `${PODS}/a`, changed);
  assertEquals(put.body.spec.nodeName, "n");
  assertEquals(put.body.status.phase, "Pending");
  assertEquals(put.body.metadata.generation, 2);
  const stale = await call(server, "PUT", `${PODS}/a`, changed);
  assertEquals([stale.status, stale.body.reason], [409, "Conflict"]);

  const type = "application/merge-patch+json";
  const patch = await call(
    server,
    "PATCH",
    `${PODS}/a/status`,
    { status: { phase: "Running", podIP: "10.1.1.1" } },
    type,
  );
  assertEquals(patch.body.status.phase, "Running");
  const same = await call(server, "PATCH", `${PODS}/a`, { spec: {} }, type);
  assertEquals(
    same.body.metadata.resourceVersion,
    patch.body.metadata.resourceVersion,
  );
  assertEquals((await call(server, "DELETE", `${PODS}/a`)).status, 200);
  assertEquals(
    (await call(server, "GET", `${PODS}/a`)).body.reason,
    "NotFound",
  );
  assertEquals((await call(server, "GET", "/api/v1/nothing")).status, 404);
});

Deno.test("pages belong to one moment, until compaction", async () => {
  await using server = await ApiServer.start();
  for (const name of ["a", "b", "c", "d", "e"]) {
    await call(server, "POST", PODS, pod(name));
  }
  const names = (answer: Answer): string[] =>
    answer.body.items.map((item: { metadata: { name: string } }) =>
      item.metadata.name
    );
  const first = await call(server, "GET", "/api/v1/pods?limit=2");
  assertEquals(names(first), ["a", "b"]);
  assertEquals(first.body.metadata.remainingItemCount, 3);
  await call(server, "DELETE", `${PODS}/d`);
  const token = encodeURIComponent(first.body.metadata.continue);
  const second = await call(
    server,
    "GET",
    `/api/v1/pods?limit=2&continue=${token}`,
  );
  assertEquals(names(second), ["c", "d"]);
  assertEquals(
    second.body.metadata.resourceVersion,
    first.body.metadata.resourceVersion,
  );
  server.compact();
  const late = await call(
    server,
    "GET",
    `/api/v1/pods?limit=2&continue=${token}`,
  );
  assertEquals([late.status, late.body.reason], [410, "Expired"]);
});

Deno.test("a watch gives what changed since, filters, and knows what is too old", async () => {
  await using server = await ApiServer.start();
  await call(server, "POST", PODS, pod("a", { app: "x" }));
  const list = await call(server, "GET", "/api/v1/pods");
  const version = list.body.metadata.resourceVersion;
  await call(server, "POST", PODS, pod("b", { app: "y" }));
  await call(server, "PATCH", `${PODS}/a`, {
    metadata: { labels: { app: "y" } },
  }, "application/merge-patch+json");
  await call(server, "DELETE", `${PODS}/b`);
  const path = `/api/v1/pods?watch=1&resourceVersion=${version}`;
  assertEquals(await watch(server, path, 3), [
    "ADDED b",
    "MODIFIED a",
    "DELETED b",
  ]);
  assertEquals(
    await watch(server, `${path}&labelSelector=app%3Dx`, 1),
    ["DELETED a"],
  );
  assertEquals(
    await watch(server, `${path}&labelSelector=app%20in%20(x,y),!z`, 3),
    ["ADDED b", "MODIFIED a", "DELETED b"],
  );
  assertEquals(
    await watch(server, `${path}&fieldSelector=metadata.name%3Da`, 1),
    ["MODIFIED a"],
  );
  server.compact();
  assertEquals(await watch(server, path, 1), ["ERROR 410"]);
  server.faults.expiredAsStatus = true;
  assertEquals((await call(server, "GET", path)).status, 410);
  assertEquals(
    await watch(server, "/api/v1/pods?watch=1&resourceVersion=99999", 1),
    ["ERROR 504"],
  );
});

Deno.test("a streaming list ends with its bookmark, where it is served", async () => {
  await using server = await ApiServer.start();
  await call(server, "POST", PODS, pod("a"));
  const path = "/api/v1/pods?watch=1&sendInitialEvents=true" +
    "&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  assertEquals(await watch(server, path, 2), [
    "ADDED a",
    'BOOKMARK {"k8s.io/initial-events-end":"true"}',
  ]);
  server.faults.streamingLists = "refused";
  assertEquals((await call(server, "GET", path)).status, 422);
  server.faults.streamingLists = "ignored";
  server.faults.bookmarkMs = 20;
  assertEquals(await watch(server, path, 2), ["ADDED a", "BOOKMARK undefined"]);
});

Deno.test("services get addresses and ports, policies their types, namespaces their label", async () => {
  await using server = await ApiServer.start();
  const service = await call(
    server,
    "POST",
    "/api/v1/namespaces/default/services",
    {
      metadata: { name: "s" },
      spec: {
        type: "NodePort",
        ipFamilyPolicy: "PreferDualStack",
        ports: [{ port: 80 }],
      },
    },
  );
  const { clusterIPs, ports } = service.body.spec;
  assertEquals(clusterIPs, ["10.96.1.1", "fd00:10:96::102"]);
  assertEquals(ports, [
    { protocol: "TCP", port: 80, targetPort: 80, nodePort: 30000 },
  ]);
  const policy = await call(
    server,
    "POST",
    "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    { metadata: { name: "p" }, spec: { podSelector: {}, egress: [] } },
  );
  assertEquals(policy.body.spec.policyTypes, ["Ingress", "Egress"]);
  const namespace = await call(server, "GET", "/api/v1/namespaces/default");
  assertEquals(namespace.body.metadata.labels, {
    "kubernetes.io/metadata.name": "default",
  });
});

Deno.test("tokens, refusals and TLS", async () => {
  const { ca, cert, key } = await makeCertificates();
  await using server = await ApiServer.start({
    tls: { cert, key },
    tokens: ["one"],
  });
  using client = Deno.createHttpClient({ caCerts: [ca], http2: false });
  const get = async (token: string): Promise<string> => {
    const response = await fetch(`${server.url}/api/v1/nodes`, {
      client,
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    return `${response.status} ${response.headers.get("retry-after")}`;
  };
  assertEquals(await get("one"), "200 null");
  server.setTokens(["two"]);
  assertEquals(await get("one"), "401 null");
  server.faults.refuse({ status: 429, count: 1, retryAfterSeconds: 3 });
  assertEquals([await get("two"), await get("two")], ["429 3", "200 null"]);
});
