/**
 * A small node as the tools' own text. After a wanted change:
 * `UPDATE_GOLDEN=1 deno test -A tests/ipvs/golden_test.ts`, and read the diff.
 */

import { assertEquals } from "@std/assert";
import { ipOrder, renderIpOp } from "../../lib/dataplane/render_ip.ts";
import { ipvsOrder, renderIpvsOp } from "../../lib/dataplane/render_ipvs.ts";
import { nftOrder, renderNftOp } from "../../lib/dataplane/render_nft.ts";
import { renderSysctl } from "../../lib/dataplane/render_sysctl.ts";
import {
  clusterOf,
  NODES,
  service,
  serviceSettings,
  slice,
} from "./objects.ts";
import { additions, compileNode } from "./programmed.ts";

const GOLDEN = new URL("./small_node.golden.txt", import.meta.url);

Deno.test("golden: a node with a cluster IP, a node port and an external address", async () => {
  const store = clusterOf(
    ...NODES,
    service("shop/web", ["10.96.0.1", "fd96::1"], {
      spec: {
        type: "NodePort",
        externalIPs: ["192.0.2.1"],
        ports: [{ name: "http", port: 80, nodePort: 30080, protocol: "TCP" }],
      },
    }),
    slice("shop/web-4", "web", ["10.244.1.2@a", "10.244.2.2@b"], {
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    }),
    slice("shop/web-6", "web", ["fd44:2::2@b"], {
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    }),
    service("kube-system/dns", ["10.96.0.10"], {
      spec: {
        sessionAffinity: "ClientIP",
        ports: [{ name: "dns", port: 53, protocol: "UDP" }],
      },
    }),
    slice("kube-system/dns-1", "dns", ["10.244.1.3@a"], {
      ports: [{ name: "dns", port: 53, protocol: "UDP" }],
    }),
  );
  const updates = compileNode(
    store,
    serviceSettings({
      virtualIps: { ...serviceSettings().virtualIps, strict: false },
    }),
  );
  const text = [
    "# sysctl",
    ...additions(updates.sysctl, () => 0)
      .flatMap((op) => op.kind === "remove" ? [] : [renderSysctl(op.value)]),
    "",
    "# ip",
    ...additions(updates.ip, ipOrder).flatMap((op) => renderIpOp(op)),
    "",
    "# nft",
    ...additions(updates.nft, nftOrder).map(renderNftOp),
    "",
    "# ipvsadm",
    ...additions(updates.ipvs, ipvsOrder).map(renderIpvsOp),
    "",
  ].join("\n");
  if (Deno.env.get("UPDATE_GOLDEN") === "1") {
    await Deno.writeTextFile(GOLDEN, text);
  }
  assertEquals(text, await Deno.readTextFile(GOLDEN));
});
