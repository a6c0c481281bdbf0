/**
 * How to reach the API server and as whom.
 *
 * In the order of kube-router: a kubeconfig, `--master`, or the service account
 * of the pod. What people usually have in a kubeconfig is read here; for the
 * rest (`exec`, `auth-provider`) the Kubernetes client library is loaded, which
 * costs 86 MB, and only then.
 *
 * Tokens and keys never get into messages: those name files and fields only.
 *
 * @module
 */

import { FairwayError } from "../base/errors.ts";
import {
  type ApiAccess,
  createClient,
  parseServer,
  readPem,
  tokenFile,
} from "./api_access.ts";
import { readKubeconfig } from "./kubeconfig.ts";

/** What says where the API server is; empty text counts as not given. */
export interface AccessOptions {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string;
  /** URL of the API server; with a kubeconfig it wins over the URL in there. */
  readonly master?: string;
  readonly environment?: (name: string) => string | undefined;
}

/** The directory of a pod's service account. */
export const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the API server.
 *
 * @throws {FairwayError} config.invalid, one line that names the file or flag and the mend
 */
export async function findApiAccess(
  options: AccessOptions,
): Promise<ApiAccess> {
  const master = options.master === undefined || options.master === ""
    ? undefined
    : parseServer(options.master, "--master");
  if (options.kubeconfig !== undefined && options.kubeconfig !== "") {
    return await readKubeconfig({ path: options.kubeconfig, master });
  }
  if (master !== undefined) return plainAccess(master);
  return await inClusterAccess({
    environment: options.environment ?? Deno.env.get,
  });
}

function plainAccess(server: string): ApiAccess {
  return {
    server,
    origin: "--master",
    connect: () => Promise.resolve(createClient({}, "--master")),
    headers: () => Promise.resolve([]),
    renew: () => Promise.resolve(),
  };
}

/**
 * The service account of the pod that we run in.
 *
 * @throws {FairwayError} config.invalid, when this is no pod
 */
export async function inClusterAccess(options: {
  readonly environment: (name: string) => string | undefined;
  readonly directory?: string;
}): Promise<ApiAccess> {
  const { environment, directory = SERVICE_ACCOUNT } = options;
  const host = environment("KUBERNETES_SERVICE_HOST") ?? "";
  const port = environment("KUBERNETES_SERVICE_PORT") ?? "";
  if (host === "" || port === "") {
    throw new FairwayError(
      "config.invalid",
      "no API server: this is not a pod (KUBERNETES_SERVICE_HOST is not set); give --kubeconfig, --master or --manifests",
    );
  }
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const token = tokenFile(`${directory}/token`);
  const caPath = `${directory}/ca.crt`;
  // Both are read once now, so that a fault stops the start.
  await token();
  const connect = async (): Promise<Deno.HttpClient> =>
    createClient({ caCerts: [await readPem(caPath, "the CA")] }, caPath);
  (await connect()).close();
  return {
    server: parseServer(
      `https://${bracketed}:${port}`,
      "KUBERNETES_SERVICE_HOST",
    ),
    origin: "in-cluster",
    connect,
    headers: async () => [["authorization", `Bearer ${await token()}`]],
    renew: () => Promise.resolve(),
  };
}
