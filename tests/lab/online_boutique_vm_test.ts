/**
 * Online Boutique on two nodes under Fairway: every client tries every service.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { agentsReady, fairwayAgent } from "./fairway_agent.ts";
import { withLab } from "./lab.ts";
import { type MatrixCell, probeMatrix, renderMatrix } from "./matrix.ts";
import {
  mayReach,
  ONLINE_BOUTIQUE,
  readOnlineBoutique,
} from "./online_boutique.ts";
import { waitFor } from "./wait.ts";

const boutique = await readOnlineBoutique();
if (!boutique) {
  console.log("left out: ../shared/data/online-boutique is not here");
}

Deno.test({
  name:
    "in Online Boutique every service reaches exactly what the policies allow",
  ignore: boutique === undefined,
  fn: () =>
    withLab({ agent: fairwayAgent() }, async (lab) => {
      await lab.cluster.apply(boutique?.workloads ?? "");
      await lab.cluster.apply(boutique?.policies ?? "");
      lab.startAgents();
      await agentsReady(lab);
      const pods = [...lab.cluster.pods.values()];
      const from = ["client", ...pods.map(({ metadata }) => metadata.name)];
      const services = Object.keys(ONLINE_BOUTIQUE);

      let cells: readonly MatrixCell[] = [];
      const wrong = (): readonly string[] =>
        cells.flatMap(({ from, service, family, answer }) => {
          const app = from.replace(/-\d+$/, "");
          const expected = mayReach(app, service);
          const reached = answer.outcome === "answered";
          return expected === undefined || expected === reached
            ? []
            : [`${from} to ${service} (${family}): ${answer.outcome}`];
        });
      try {
        await waitFor(async () => {
          cells = await probeMatrix(lab, { from, services });
          return wrong().length === 0;
        }, { what: "the matrix is as the policies say" });
      } finally {
        console.log(renderMatrix(cells));
      }
      assertEquals(wrong(), []);
      assertEquals(cells.length, 13 * 12 * 2);
    }),
});
