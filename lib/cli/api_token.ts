/**
 * The token that guards the state API.
 *
 * @module
 */

import { messageOf, ProblemsError } from "../base/errors.ts";
import type { Settings } from "../cluster/config/settings.ts";

/** Reads a text file. */
export type ReadTextFile = (path: string) => Promise<string>;

/**
 * Reads a token from its file; empty when no file is named.
 *
 * @throws {ProblemsError} `config.invalid`
 */
export async function readTokenFile(
  path: string,
  readTextFile: ReadTextFile,
): Promise<string> {
  if (path === "") return "";
  try {
    return (await readTextFile(path)).trim();
  } catch (error) {
    throw new ProblemsError("config.invalid", [
      `--api-token-file: "${path}" cannot be read: ${messageOf(error)}`,
    ]);
  }
}

/**
 * The token to serve the API with; empty on loopback without a file.
 *
 * @throws {ProblemsError} `config.invalid` when the API is served beyond loopback
 * and has no usable token
 */
export async function servedToken(
  settings: Settings,
  readTextFile: ReadTextFile,
): Promise<string> {
  const { apiAddress, apiPort, apiTokenFile } = settings;
  const token = await readTokenFile(apiTokenFile, readTextFile);
  const isLoopback = apiAddress === "::1" || apiAddress.startsWith("127.");
  if (token === "" && apiPort !== 0 && !isLoopback) {
    throw new ProblemsError("config.invalid", [
      `--api-addr: "${apiAddress}" is not loopback, so the API needs a token; name a file that holds one with --api-token-file`,
    ]);
  }
  if (token !== "" && token.length < TOKEN_MIN_LENGTH) {
    throw new ProblemsError("config.invalid", [
      `--api-token-file: the token in "${apiTokenFile}" is shorter than ${TOKEN_MIN_LENGTH} characters; use a longer one`,
    ]);
  }
  return token;
}

/** The shortest token that the API takes, characters. */
const TOKEN_MIN_LENGTH = 16;
