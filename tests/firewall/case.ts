/** How cases are written down. */

/** What happens, and what must then be so. */
export interface Step {
  /** Policies by `namespace/name`, as YAML of their specs; null removes one. */
  readonly policies?: string;
  /** Other objects that come or change. */
  readonly objects?: readonly unknown[];
  /** Objects that go, as `Kind key`. */
  readonly gone?: readonly string[];
  /**
   * A flow a line: `y/a -> x/a TCP 80: yes`. Ends are pods, addresses or places
   * of the cast; `IPv4` or `IPv6` before the colon restricts the family.
   */
  readonly flows: string;
}

/** A case. */
export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** A case of one step. */
export function once(name: string, policies: string, flows: string): Case {
  return { name, steps: [{ policies, flows }] };
}

/** A parsed line of {@linkcode Step.flows}. */
export interface FlowLine {
  readonly text: string;
  readonly from: string;
  readonly to: string;
  readonly protocol: "TCP" | "UDP" | "SCTP" | "other";
  readonly port: number;
  readonly families: readonly (4 | 6)[];
  readonly allowed: boolean;
}

const LINE =
  /^(\S+) -> (\S+) (?:(TCP|UDP|SCTP) (\d+)|ICMP)( IPv4| IPv6)?: (yes|no)$/;

/** Parses the lines of a step. */
export function parseFlows(text: string): FlowLine[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map(
    (line) => {
      const found = LINE.exec(line);
      if (found === null) throw new Error(`not a flow: ${line}`);
      const [, from = "", to = "", protocol, port = "0", family, answer] =
        found;
      return {
        text: line,
        from,
        to,
        protocol: protocol === "TCP" || protocol === "UDP" ||
            protocol === "SCTP"
          ? protocol
          : "other",
        port: Number(port),
        families: family === " IPv4" ? [4] : family === " IPv6" ? [6] : [4, 6],
        allowed: answer === "yes",
      };
    },
  );
}
