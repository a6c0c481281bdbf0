/**
 * Kubeconfig files (kind Config, v1).
 *
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 * @module
 */

import { dirname, isAbsolute, join } from "@std/path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { FairwayError } from "../base/errors.ts";
import {
  type ApiAccess,
  checkPem,
  createClient,
  parseServer,
  readPem,
  tokenFile,
  unreadable,
} from "./api_access.ts";
import { loadForeignUser } from "./foreign_user.ts";

const text = z.string().optional();

const CLUSTER = z.object({
  server: text,
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text,
  "proxy-url": text,
});

const USER = z.object({
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  exec: z.unknown().optional(),
  "auth-provider": z.unknown().optional(),
});

const CONTEXT = z.object({ cluster: z.string(), user: text });

const KUBECONFIG = z.object({
  "current-context": text,
  clusters: z.array(z.object({ name: z.string(), cluster: CLUSTER }))
    .nullish(),
  contexts: z.array(z.object({ name: z.string(), context: CONTEXT }))
    .nullish(),
  users: z.array(z.object({ name: z.string(), user: USER.nullish() }))
    .nullish(),
});

type Cluster = z.infer<typeof CLUSTER>;
type User = z.infer<typeof USER>;

/** The context that is in force, and where it stands. */
interface Selected {
  readonly path: string;
  readonly context: string;
  readonly cluster: Cluster;
  readonly user: User;
}

/** What authenticates us with a server. */
export interface Identity {
  readonly cert?: string;
  readonly key?: string;
  readonly caCerts?: string[];
  headers(): Promise<readonly (readonly [string, string])[]>;
}

/**
 * Reads a kubeconfig; the file is read again whenever credentials are renewed.
 *
 * @param options `master`, a checked URL, wins over the file's server
 * @throws {FairwayError} config.invalid, one line with path and field
 */
export async function readKubeconfig(
  options: { readonly path: string; readonly master: string | undefined },
): Promise<ApiAccess> {
  const { path, master } = options;
  let selected = await load(path);
  let identity = await readIdentity(selected);
  const server = master ?? parseServer(
    selected.cluster.server ?? "",
    `${path}: server of the cluster`,
  );
  refuseUnsupported(selected, server);
  const connect = async (): Promise<Deno.HttpClient> => {
    const ca = await readCa(selected);
    const caCerts = identity.caCerts ?? (ca === undefined ? undefined : [ca]);
    const { cert, key } = selected.user["client-certificate"] === undefined
      ? identity
      // From files, which rotation replaces.
      : await readCertificate(selected);
    const proxy = selected.cluster["proxy-url"];
    return createClient({
      ...(caCerts === undefined ? {} : { caCerts }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(proxy === undefined ? {} : { proxy: { url: proxy } }),
    }, path);
  };
  (await connect()).close();
  return {
    server,
    origin: `kubeconfig ${path}, context ${selected.context}`,
    connect,
    headers: () => identity.headers(),
    renew: async () => {
      selected = await load(path);
      identity = await readIdentity(selected);
    },
  };
}

async function load(path: string): Promise<Selected> {
  let content: string;
  try {
    content = await Deno.readTextFile(path);
  } catch (error) {
    throw unreadable(path, "the kubeconfig", error);
  }
  const lines = new LineCounter();
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
  });
  const [fault] = document.errors;
  if (fault !== undefined) {
    const { line } = lines.linePos(fault.pos[0]);
    throw invalid(`${path}:${line}`, "is not YAML", "correct the file");
  }
  const parsed = KUBECONFIG.safeParse(document.toJS());
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw invalid(
      path,
      field === ""
        ? "is not a kubeconfig"
        : `${field} is not what a kubeconfig has there`,
      "correct the file, or give another one",
    );
  }
  const { contexts, clusters, users } = parsed.data;
  const context = parsed.data["current-context"] ?? "";
  if (context === "") {
    throw invalid(path, "current-context is not set", "name a context");
  }
  const chosen = contexts?.find(({ name }) => name === context)?.context;
  if (chosen === undefined) {
    const known = contexts?.map(({ name }) => name).join(", ") ?? "";
    throw invalid(
      path,
      `there is no context ${JSON.stringify(context)}`,
      known === "" ? "add a context" : `use one of ${known}`,
    );
  }
  const cluster = clusters?.find(({ name }) => name === chosen.cluster);
  if (cluster === undefined) {
    throw invalid(
      path,
      `context ${context} names the cluster ${
        JSON.stringify(chosen.cluster)
      }, which is not there`,
      "add it under clusters",
    );
  }
  const { user } = chosen;
  const found = user === undefined || user === ""
    ? { user: {} }
    : users?.find(({ name }) => name === user);
  if (found === undefined) {
    throw invalid(
      path,
      `context ${context} names the user ${
        JSON.stringify(user)
      }, who is not there`,
      "add the user under users",
    );
  }
  return { path, context, cluster: cluster.cluster, user: found.user ?? {} };
}

function refuseUnsupported({ path, cluster }: Selected, server: string): void {
  if (cluster["insecure-skip-tls-verify"] === true) {
    throw invalid(
      path,
      "insecure-skip-tls-verify is not supported",
      "give the CA as certificate-authority",
    );
  }
  const name = cluster["tls-server-name"];
  if (
    name !== undefined && name !== "" && name !== new URL(server).hostname
  ) {
    throw invalid(
      path,
      "tls-server-name is not supported",
      `make ${name} resolve, and write it in server`,
    );
  }
}

async function readCa(
  { path, cluster }: Selected,
): Promise<string | undefined> {
  return await readPart(path, {
    field: "certificate-authority",
    file: cluster["certificate-authority"],
    data: cluster["certificate-authority-data"],
  });
}

async function readCertificate(
  { path, user }: Selected,
): Promise<{ readonly cert?: string; readonly key?: string }> {
  const cert = await readPart(path, {
    field: "client-certificate",
    file: user["client-certificate"],
    data: user["client-certificate-data"],
  });
  const key = await readPart(path, {
    field: "client-key",
    file: user["client-key"],
    data: user["client-key-data"],
  });
  if (cert === undefined && key === undefined) return {};
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? "client-certificate" : "client-key";
    throw invalid(path, `${missing} is missing`, "give both or neither");
  }
  return { cert, key };
}

/** One PEM part: inline data wins over a file, as in kubectl; files are relative to the kubeconfig. */
async function readPart(
  path: string,
  part: {
    readonly field: string;
    readonly file: string | undefined;
    readonly data: string | undefined;
  },
): Promise<string | undefined> {
  const { field, file, data } = part;
  if (data !== undefined && data !== "") {
    let decoded: string;
    try {
      decoded = atob(data.replaceAll(/\s/g, ""));
    } catch {
      throw invalid(path, `${field}-data is not base64`, "correct the file");
    }
    return checkPem(decoded, path, `${field}-data`);
  }
  if (file === undefined || file === "") return undefined;
  return await readPem(relativeTo(path, file), field);
}

function relativeTo(path: string, file: string): string {
  return isAbsolute(file) ? file : join(dirname(path), file);
}

async function readIdentity(selected: Selected): Promise<Identity> {
  const { path, user, context } = selected;
  if (user.exec !== undefined || user["auth-provider"] !== undefined) {
    return await loadForeignUser({ path, context });
  }
  const certificate = await readCertificate(selected);
  const headers = await readAuthorization(path, user);
  return { ...certificate, headers };
}

async function readAuthorization(
  path: string,
  user: User,
): Promise<Identity["headers"]> {
  const { token, username, password } = user;
  if (user.tokenFile !== undefined && user.tokenFile !== "") {
    const read = tokenFile(relativeTo(path, user.tokenFile));
    await read();
    return async () => [["authorization", `Bearer ${await read()}`]];
  }
  if (token !== undefined && token !== "") {
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw invalid(path, "token of the user is not a token", "correct it");
    }
    return () => Promise.resolve([["authorization", `Bearer ${token}`]]);
  }
  if (username !== undefined && username !== "") {
    const pair = new TextEncoder().encode(`${username}:${password ?? ""}`);
    const encoded = btoa(String.fromCharCode(...pair));
    return () => Promise.resolve([["authorization", `Basic ${encoded}`]]);
  }
  return () => Promise.resolve([]);
}

function invalid(where: string, problem: string, mend: string): FairwayError {
  return new FairwayError("config.invalid", `${where}: ${problem}; ${mend}`);
}
