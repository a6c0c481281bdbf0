/**
 * What every way to the API server shares: its shape, and reading of URLs,
 * tokens and certificates with messages that hold no secret.
 *
 * @module
 */

import { FairwayError, messageOf } from "../base/errors.ts";

/** The API server, and credentials that can be read again. */
export interface ApiAccess {
  /** `https://host:port`, with a path in front of `/api` perhaps, without a slash at the end. */
  readonly server: string;
  /** Where this comes from, for people: `in-cluster`, `kubeconfig /root/.kube/config, context dev`. */
  readonly origin: string;
  /**
   * Makes an HTTP client from the CA and certificates as they are now.
   *
   * @throws {FairwayError} config.invalid
   */
  connect(): Promise<Deno.HttpClient>;
  /** Headers that authorise a request; a token's file is read each time. */
  headers(): Promise<readonly (readonly [string, string])[]>;
  /** Reads everything again: after a 401. */
  renew(): Promise<void>;
}

/**
 * The URL of an API server, without a slash at the end.
 *
 * @param origin the flag or field, for the message
 * @throws {FairwayError} config.invalid
 */
export function parseServer(text: string, origin: string): string {
  const withScheme = text.includes("://") ? text : `https://${text}`;
  const url = URL.parse(withScheme);
  if (
    url === null || !/^https?:$/.test(url.protocol) || url.username !== "" ||
    url.search !== "" || url.hash !== ""
  ) {
    throw new FairwayError(
      "config.invalid",
      `${origin} ${
        JSON.stringify(text)
      } is not the URL of an API server; write https://HOST:PORT`,
    );
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * A token that is read from its file at each use, as rotation replaces it.
 *
 * @returns reads it; the last good token while the file cannot be read
 */
export function tokenFile(path: string): () => Promise<string> {
  let last: string | undefined;
  return async () => {
    try {
      const token = (await Deno.readTextFile(path)).trim();
      if (!/^[\x21-\x7e]+$/.test(token)) {
        throw new FairwayError("config.invalid", "does not hold a token");
      }
      return last = token;
    } catch (error) {
      if (last !== undefined) return last;
      throw unreadable(path, "the token", error);
    }
  };
}

/**
 * Reads a file of PEM text.
 *
 * @throws {FairwayError} config.invalid
 */
export async function readPem(path: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw unreadable(path, what, error);
  }
  return checkPem(text, path, what);
}

/**
 * Checks that text is PEM.
 *
 * @throws {FairwayError} config.invalid
 */
export function checkPem(text: string, origin: string, what: string): string {
  if (/-----BEGIN [A-Z0-9 ]+-----[^]+-----END [A-Z0-9 ]+-----/.test(text)) {
    return text;
  }
  throw new FairwayError(
    "config.invalid",
    `${origin}: ${what} is not PEM; give a file that starts with -----BEGIN`,
  );
}

/** A file that cannot be read, as one line without its content. */
export function unreadable(
  path: string,
  what: string,
  error: unknown,
): FairwayError {
  const reason = error instanceof Deno.errors.NotFound
    ? "no such file"
    : error instanceof Deno.errors.PermissionDenied ||
        error instanceof Deno.errors.NotCapable
    ? "permission denied"
    : error instanceof FairwayError
    ? error.message
    : messageOf(error).replace(/ \(os error \d+\).*$/, "");
  return new FairwayError(
    "config.invalid",
    `${path}: ${what} cannot be read: ${reason}; correct the path or the file`,
    { cause: error },
  );
}

/**
 * Makes the HTTP client.
 *
 * @param origin where the certificates come from, for the message
 * @throws {FairwayError} config.invalid, when the runtime refuses a certificate or key
 */
export function createClient(
  options: {
    readonly caCerts?: string[];
    readonly cert?: string;
    readonly key?: string;
    readonly proxy?: Deno.Proxy;
  },
  origin: string,
): Deno.HttpClient {
  const { caCerts, cert, key, proxy } = options;
  const common = {
    http2: false,
    ...(caCerts === undefined ? {} : { caCerts }),
    ...(proxy === undefined ? {} : { proxy }),
  };
  let plain: Deno.HttpClient;
  try {
    plain = Deno.createHttpClient(common);
  } catch (error) {
    throw new FairwayError(
      "config.invalid",
      `${origin}: the CA is not a usable certificate; check certificate-authority`,
      { cause: error },
    );
  }
  if (cert === undefined || key === undefined) return plain;
  plain.close();
  try {
    return Deno.createHttpClient({ ...common, cert, key });
  } catch (error) {
    throw new FairwayError(
      "config.invalid",
      `${origin}: ${describeRefusal(messageOf(error))}`,
      { cause: error },
    );
  }
}

/** The runtime's words name bytes of the input; these do not. */
function describeRefusal(message: string): string {
  if (message.includes("UnsupportedCertVersion")) {
    return "the client certificate is of X.509 version 1; issue it as version 3";
  }
  if (/private key|No keys found/.test(message)) {
    return "the client key is not understood; give it as PEM in PKCS #8, PKCS #1 or SEC 1, without a passphrase";
  }
  if (message.includes("KeyMismatch")) {
    return "the client key does not belong to the client certificate; check which files go together";
  }
  if (message.includes("No certificates found")) {
    return "the client certificate holds no certificate; check client-certificate";
  }
  return "the client certificate or key is not usable; check that both are PEM and belong together";
}
