import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { cutPorts, type PortClaim } from "../../lib/firewall/port_pieces.ts";

Deno.test("port pieces: cut at every boundary, joined where nothing changes", () => {
  const tcp = (
    from: number,
    to: number,
    claimant: string,
  ): PortClaim<string> => ({
    protocol: "TCP",
    from,
    to,
    claimant,
  });
  assertEquals(
    cutPorts([
      tcp(80, 90, "a"),
      tcp(85, 95, "b"),
      tcp(91, 91, "b"),
      tcp(96, 99, "b"),
    ]),
    [
      { protocol: "TCP", from: 80, to: 84, claimants: ["a"] },
      { protocol: "TCP", from: 85, to: 90, claimants: ["a", "b"] },
      { protocol: "TCP", from: 91, to: 99, claimants: ["b"] },
    ],
  );
});

Deno.test("port pieces: disjoint, and every port has the claimants that cover it", () => {
  const bound = fc.nat(24);
  const claim = fc.tuple(
    fc.constantFrom("TCP", "UDP", "SCTP"),
    bound,
    bound,
    fc.nat(4),
  ).map(([protocol, a, b, claimant]): PortClaim<number> => ({
    protocol: protocol as "TCP" | "UDP" | "SCTP",
    from: Math.min(a, b),
    to: Math.max(a, b),
    claimant,
  }));
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 12 }), (claims) => {
      const pieces = cutPorts(claims);
      for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
        for (let port = 0; port <= 25; port++) {
          const covers = (range: PortClaim<number> | (typeof pieces)[number]) =>
            range.protocol === protocol && range.from <= port &&
            port <= range.to;
          const wanted = new Set(
            claims.filter(covers).map((each) => each.claimant),
          );
          const found = pieces.filter(covers);
          assertEquals(found.length, wanted.size > 0 ? 1 : 0);
          assertEquals(
            [...found[0]?.claimants ?? []].sort(),
            [...wanted].sort(),
          );
        }
      }
    }),
  );
});
