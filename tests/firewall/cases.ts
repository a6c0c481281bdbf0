/** All cases. */

import type { Case } from "./case.ts";
import { BLOCKS } from "./cases_blocks.ts";
import { IDENTITY } from "./cases_identity.ts";
import { ISOLATION } from "./cases_isolation.ts";
import { PORTS } from "./cases_ports.ts";
import { SELECTORS } from "./cases_selectors.ts";

/** Every case, in the order of the edge-case list. */
export const CASES: readonly Case[] = [
  ...ISOLATION,
  ...SELECTORS,
  ...BLOCKS,
  ...PORTS,
  ...IDENTITY,
];
