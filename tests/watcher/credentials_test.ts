import { assertEquals, assertRejects } from "@std/assert";
import { FairwayError } from "../../lib/base/errors.ts";
import type { ApiAccess } from "../../lib/watcher/api_access.ts";
import {
  findApiAccess,
  inClusterAccess,
} from "../../lib/watcher/credentials.ts";
import { makeCertificates } from "../apiserver/certificates.ts";
import { ApiServer } from "../apiserver/server.ts";
import { Transport } from "../../lib/watcher/transport.ts";

const { ca, cert, key } = await makeCertificates();
const SIGNAL = { signal: new AbortController().signal };

/** A kubeconfig in a directory of its own. */
async function kubeconfig(
  parts: { cluster?: string; user?: string; more?: string },
  use: (path: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  const path = `${directory}/config`;
  await Deno.writeTextFile(`${directory}/ca.crt`, ca);
  await Deno.writeTextFile(`${directory}/client.crt`, cert);
  await Deno.writeTextFile(`${directory}/client.key`, key);
  await Deno.writeTextFile(`${directory}/token`, "secret-token\n");
  await Deno.writeTextFile(
    path,
    parts.more ?? `apiVersion: v1
kind: Config
current-context: dev
contexts:
- name: dev
  context: {cluster: c, user: u}
clusters:
- name: c
  cluster: ${parts.cluster ?? "{server: https://127.0.0.1:6443}"}
users:
- name: u
  user: ${parts.user ?? "{}"}
`,
  );
  try {
    await use(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The message of a kubeconfig's refusal, with its path shortened. */
async function refusal(
  parts: Parameters<typeof kubeconfig>[0],
): Promise<string> {
  let message = "";
  await kubeconfig(parts, async (path) => {
    const error = await assertRejects(
      () => findApiAccess({ kubeconfig: path }),
      FairwayError,
    );
    assertEquals(error.code, "config.invalid");
    assertEquals(error.message.includes("\n"), false);
    assertEquals(/secret|PRIVATE|MII/.test(error.message), false);
    const directory = path.slice(0, path.lastIndexOf("/"));
    message = error.message.replaceAll(directory, "D");
  });
  return message;
}

async function authorization(access: ApiAccess): Promise<string | undefined> {
  return (await access.headers())[0]?.[1];
}

Deno.test("a kubeconfig's server, CA and users", async () => {
  const data = (text: string): string => btoa(text);
  await kubeconfig({
    cluster:
      "{server: 'https://[::1]:6443/k8s/', certificate-authority: ca.crt}",
    user: "{tokenFile: token}",
  }, async (path) => {
    const access = await findApiAccess({ kubeconfig: path });
    assertEquals(access.server, "https://[::1]:6443/k8s");
    assertEquals(access.origin, `kubeconfig ${path}, context dev`);
    assertEquals(await authorization(access), "Bearer secret-token");
    await Deno.writeTextFile(path.replace("config", "token"), "new\n");
    assertEquals(await authorization(access), "Bearer new");
    const other = await findApiAccess({
      kubeconfig: path,
      master: "https://x:1",
    });
    assertEquals(other.server, "https://x:1");
  });
  await kubeconfig({
    user: `{client-certificate: client.crt, client-key: client.key}`,
  }, async (path) => {
    (await (await findApiAccess({ kubeconfig: path })).connect()).close();
  });
  await kubeconfig({
    cluster: `{server: 'https://h:1', certificate-authority-data: ${data(ca)}}`,
    user: `{client-certificate-data: ${data(cert)}, client-key-data: ${
      data(key)
    }, username: u, password: p}`,
  }, async (path) => {
    const access = await findApiAccess({ kubeconfig: path });
    (await access.connect()).close();
    assertEquals(await authorization(access), `Basic ${btoa("u:p")}`);
  });
  await kubeconfig({ user: "{token: one}" }, async (path) => {
    const access = await findApiAccess({ kubeconfig: path });
    assertEquals(await authorization(access), "Bearer one");
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, text.replace("token: one", "token: two"));
    await access.renew();
    assertEquals(await authorization(access), "Bearer two");
  });
});

Deno.test("what is wrong with a kubeconfig is one line that names the place and the mend", async () => {
  assertEquals(
    (await assertRejects(
      () => findApiAccess({ kubeconfig: "/nonexistent/config" }),
      FairwayError,
    )).message,
    "/nonexistent/config: the kubeconfig cannot be read: no such file; correct the path or the file",
  );
  const cases: readonly [Parameters<typeof kubeconfig>[0], string][] = [
    [{ more: "a: [\n" }, "D/config:2: is not YAML; correct the file"],
    [
      { more: "text" },
      "D/config: is not a kubeconfig; correct the file, or give another one",
    ],
    [
      { more: "clusters: 5" },
      "D/config: clusters is not what a kubeconfig has there; correct the file, or give another one",
    ],
    [{ more: "{}" }, "D/config: current-context is not set; name a context"],
    [
      {
        more:
          "{current-context: x, contexts: [{name: y, context: {cluster: c}}, {name: z, context: {cluster: c}}]}",
      },
      'D/config: there is no context "x"; use one of y, z',
    ],
    [
      {
        more:
          "{current-context: x, contexts: [{name: x, context: {cluster: c}}]}",
      },
      'D/config: context x names the cluster "c", which is not there; add it under clusters',
    ],
    [
      {
        more:
          "{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}], clusters: [{name: c, cluster: {server: 'https://h'}}]}",
      },
      'D/config: context x names the user "u", who is not there; add the user under users',
    ],
    [
      { cluster: "{server: 'ftp://h'}" },
      'D/config: server of the cluster "ftp://h" is not the URL of an API server; write https://HOST:PORT',
    ],
    [
      { cluster: "{server: 'https://h', certificate-authority: none.crt}" },
      "D/none.crt: certificate-authority cannot be read: no such file; correct the path or the file",
    ],
    [
      { cluster: "{server: 'https://h', certificate-authority: token}" },
      "D/token: certificate-authority is not PEM; give a file that starts with -----BEGIN",
    ],
    [
      { cluster: "{server: 'https://h', certificate-authority-data: '***'}" },
      "D/config: certificate-authority-data is not base64; correct the file",
    ],
    [
      {
        cluster: `{server: 'https://h', certificate-authority-data: ${
          btoa("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
        }}`,
      },
      "D/config: the CA is not a usable certificate; check certificate-authority",
    ],
    [
      { cluster: "{server: 'https://h', insecure-skip-tls-verify: true}" },
      "D/config: insecure-skip-tls-verify is not supported; give the CA as certificate-authority",
    ],
    [
      { cluster: "{server: 'https://h', tls-server-name: api}" },
      "D/config: tls-server-name is not supported; make api resolve, and write it in server",
    ],
    [
      { user: "{client-certificate: client.crt}" },
      "D/config: client-key is missing; give both or neither",
    ],
    [
      { user: "{client-certificate: client.crt, client-key: ca.crt}" },
      "D/config: the client key is not understood; give it as PEM in PKCS #8, PKCS #1 or SEC 1, without a passphrase",
    ],
    [
      { user: "{tokenFile: none}" },
      "D/none: the token cannot be read: no such file; correct the path or the file",
    ],
    [
      { user: `{token: "secret\\nsecret"}` },
      "D/config: token of the user is not a token; correct it",
    ],
    [
      {
        user:
          "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /nonexistent/plugin, interactiveMode: Never}}",
      },
      "D/config: the user of context dev could not be authenticated by its plugin (ENOENT); run the plugin by hand, or use a token or a client certificate",
    ],
  ];
  for (const [parts, expected] of cases) {
    assertEquals(await refusal(parts), expected);
  }
});

Deno.test("a key that is another certificate's", async () => {
  const other = await makeCertificates();
  const message = await refusal({
    user: `{client-certificate-data: ${btoa(cert)}, client-key-data: ${
      btoa(other.key)
    }}`,
  });
  assertEquals(
    message,
    "D/config: the client key does not belong to the client certificate; check which files go together",
  );
});

Deno.test("a user of a plugin is authenticated by it", async () => {
  const directory = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  const plugin = `${directory}/plugin.sh`;
  await Deno.writeTextFile(
    plugin,
    `#!/bin/sh
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}'
`,
    { mode: 0o755 },
  );
  await kubeconfig({
    user:
      `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${plugin}, interactiveMode: Never}}`,
  }, async (path) => {
    const access = await findApiAccess({ kubeconfig: path });
    const headers = new Map(await access.headers());
    const value = headers.get("Authorization") ?? headers.get("authorization");
    assertEquals(value, "Bearer from-plugin");
  });
  await Deno.remove(directory, { recursive: true });
});

Deno.test("in a pod, and outside of one", async () => {
  const directory = await Deno.makeTempDir({ prefix: "fairway-watcher-" });
  const environment = (name: string): string | undefined =>
    ({
      KUBERNETES_SERVICE_HOST: "fd00::1",
      KUBERNETES_SERVICE_PORT: "443",
    } as Record<string, string>)[name];
  const rejects = async (): Promise<string> =>
    (await assertRejects(
      () => inClusterAccess({ environment, directory }),
      FairwayError,
    )).message.replaceAll(directory, "D");
  assertEquals(
    await rejects(),
    "D/token: the token cannot be read: no such file; correct the path or the file",
  );
  await Deno.writeTextFile(`${directory}/token`, "t");
  await Deno.writeTextFile(`${directory}/ca.crt`, "no");
  assertEquals(
    await rejects(),
    "D/ca.crt: the CA is not PEM; give a file that starts with -----BEGIN",
  );
  await Deno.writeTextFile(`${directory}/ca.crt`, ca);
  const access = await inClusterAccess({ environment, directory });
  assertEquals(access.server, "https://[fd00::1]");
  assertEquals(await authorization(access), "Bearer t");
  await Deno.remove(directory, { recursive: true });

  assertEquals(
    (await assertRejects(
      () => findApiAccess({ environment: () => undefined }),
      FairwayError,
    )).message,
    "no API server: this is not a pod (KUBERNETES_SERVICE_HOST is not set); give --kubeconfig, --master or --manifests",
  );
  for (const master of ["http://", "https://u@h", "h:1/?x", "::"]) {
    await assertRejects(
      () => findApiAccess({ master }),
      FairwayError,
      "--master",
    );
  }
  assertEquals(
    (await findApiAccess({ master: "h:6443" })).server,
    "https://h:6443",
  );
});

Deno.test("faults of TLS and of the address are told in words", async () => {
  await using server = await ApiServer.start({ tls: { cert, key } });
  const { port } = new URL(server.url);
  const failure = async (access: ApiAccess): Promise<string> => {
    const transport = new Transport(access);
    try {
      const error = await assertRejects(
        () => transport.request("/api/v1/nodes", SIGNAL),
        Error,
      );
      return error.message;
    } finally {
      transport.renew();
    }
  };
  assertEquals(
    await failure(await findApiAccess({ master: server.url })),
    "the API server's certificate is not signed by the given CA; check certificate-authority",
  );
  await kubeconfig({
    cluster:
      `{server: 'https://127.0.0.2:${port}', certificate-authority: ca.crt}`,
  }, async (path) => {
    await using second = await ApiServer.start({
      hostname: "127.0.0.2",
      tls: { cert, key },
    });
    const access = await findApiAccess({
      kubeconfig: path,
      master: second.url,
    });
    assertEquals(
      await failure(access),
      "the API server's certificate is for another name; give the server by a name or address that is in it",
    );
  });
  await server.proxy.refuse();
  const refused = await failure(await findApiAccess({ master: server.url }));
  assertEquals(refused, "cannot connect: Connection refused (os error 111)");
});
