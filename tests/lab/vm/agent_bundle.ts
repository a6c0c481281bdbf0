/**
 * The agent as one file, for the machine: loading its modules one by one over
 * 9p would take longer than booting.
 *
 * @module
 */

import { capture } from "../system/process.ts";

/**
 * Bundles `main.ts` of the checkout.
 *
 * @param root of the checkout
 * @param directory for the file
 * @returns variables by which the lab inside finds it
 */
export async function bundleAgent(
  root: string,
  directory: string,
): Promise<Readonly<Record<string, string>>> {
  const output = `${directory}/fairway.js`;
  await capture("deno", [
    ...["bundle", "--quiet", "--platform", "deno"],
    // Loaded for a kubeconfig only, and nine tenths of the size.
    ...["--external", "@kubernetes/client-node", "-o", output, "main.ts"],
  ], { cwd: root, deadlineMs: 120_000 });
  return { LAB_AGENT: output, LAB_ROOT: root };
}
