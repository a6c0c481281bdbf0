/**
 * What nft writes to stderr, as errors with the line they blame.
 *
 * nft names a place for each error: `/dev/stdin:4:1-8: Error: …`, then the line
 * and a row of carets. Semantic errors at commit have a place too.
 *
 * @module
 */

import { KernelError } from "../base/errors.ts";
import { deniedByKernel, errnoCode, missingModule, quote } from "./classify.ts";

/** One complaint of nft. */
export interface NftComplaint {
  /** Line of the input, the first at 0; undefined when nft names none. */
  readonly line: number | undefined;
  readonly error: KernelError;
}

const PLACE =
  /^(?:\/dev\/stdin|-|<cmdline>):(\d+):\d+(?:-\d+)?: (?:Error: )?(.*)$/;

/** Reads all complaints; never empty. */
export function classifyNft(
  stderr: string,
): [NftComplaint, ...NftComplaint[]] {
  const lines = stderr.split("\n");
  const complaints: NftComplaint[] = [];
  lines.forEach((text, i) => {
    const match = PLACE.exec(text);
    if (match === null) return;
    const blamed = (lines[i + 1] ?? "").trim();
    complaints.push({
      line: Number(match[1]) - 1,
      error: nftError(match[2] ?? "", blamed),
    });
  });
  const [first, ...rest] = complaints;
  if (first !== undefined) return [first, ...rest];
  const words = lines.find((line) => line.includes("Error:")) ?? lines[0] ?? "";
  return [{
    line: undefined,
    error: nftError(words.replace(/^.*?Error: /, ""), ""),
  }];
}

/** Whether nft says that the thing listed is not there. */
export function isNftMissing(stderr: string): boolean {
  return /^Error: No such file or directory/m.test(stderr) &&
    !/cache initialization failed/.test(stderr);
}

function nftError(said: string, blamed: string): KernelError {
  const words = said.replace(/^Could not process rule: /, "");
  const stderr = blamed === "" ? said : `${said}: ${blamed}`;
  const code = nftCode(words);
  if (code === "permission.denied") return deniedByKernel("nft", stderr);
  if (/cache initialization failed|Unable to initialize Netlink/.test(said)) {
    return missingModule("nft", "nf_tables", stderr);
  }
  const about = blamed === "" ? "" : ` in "${quote(blamed)}"`;
  return new KernelError(
    code,
    "nft",
    `nft: ${quote(words)}${about}`,
    quote(stderr),
  );
}

function nftCode(words: string): KernelError["code"] {
  if (/^No such file or directory|element does not exist/.test(words)) {
    return "kernel.not_found";
  }
  if (
    /^interval overlaps with an existing one|^conflicting intervals/.test(words)
  ) return "kernel.exists";
  if (
    /^(?:syntax error|unknown datatype|comment too long|set definition|Could not (?:parse|resolve)|datatype mismatch)/
      .test(words)
  ) return "kernel.invalid";
  return errnoCode(words) ?? "tool.failed";
}
