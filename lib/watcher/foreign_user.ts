/**
 * Users of a kubeconfig who authenticate through a plugin. The Kubernetes client
 * library knows how; it is loaded only here.
 *
 * @module
 */

import { FairwayError, messageOf } from "../base/errors.ts";
import type { Identity } from "./kubeconfig.ts";

/** What the library fills in for a request. */
interface RequestParts {
  ca?: string | Uint8Array;
  cert?: string | Uint8Array;
  key?: string | Uint8Array;
  auth?: string;
  headers?: Record<string, string>;
}

/**
 * Asks the plugin of a context's user for credentials.
 *
 * @throws {FairwayError} config.invalid, without anything that the plugin printed
 */
export async function loadForeignUser(
  options: { readonly path: string; readonly context: string },
): Promise<Identity> {
  const { path, context } = options;
  const parts: RequestParts = {};
  try {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    config.loadFromFile(path);
    config.setCurrentContext(context);
    await config.applyToHTTPSOptions(parts);
  } catch (error) {
    throw new FairwayError(
      "config.invalid",
      `${path}: the user of context ${context} could not be authenticated by its plugin (${
        nameOf(error)
      }); run the plugin by hand, or use a token or a client certificate`,
      { cause: error },
    );
  }
  const headers: [string, string][] = Object.entries(parts.headers ?? {});
  if (parts.auth !== undefined) {
    headers.push(["authorization", `Basic ${btoa(parts.auth)}`]);
  }
  return {
    ...(parts.ca === undefined ? {} : { caCerts: [pem(parts.ca)] }),
    ...(parts.cert === undefined ? {} : { cert: pem(parts.cert) }),
    ...(parts.key === undefined ? {} : { key: pem(parts.key) }),
    headers: () => Promise.resolve(headers),
  };
}

/** What kind of fault it was: the text may hold what the plugin printed, a token even. */
function nameOf(error: unknown): string {
  const known = /ENOENT|EACCES|NotCapable|NotFound|PermissionDenied/.exec(
    `${error instanceof Error ? error.name : ""} ${messageOf(error)}`,
  );
  return known?.[0] ?? "it failed";
}

function pem(part: string | Uint8Array): string {
  return typeof part === "string" ? part : new TextDecoder().decode(part);
}
