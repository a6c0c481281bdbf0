import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { AgentPlan } from "../../lib/agent/plan.ts";
import { renderPlan } from "../../lib/cli/plan_view.ts";
import { renderStatus } from "../../lib/cli/status_view.ts";
import {
  paintWith,
  renderColumns,
  wantsColor,
} from "../../lib/cli/terminal.ts";
import { summarise } from "../../routes/summary.ts";
import { fakeState, STARTED_MS } from "../routes/fake_state.ts";

const plain = paintWith(false);

Deno.test("renderStatus() tells the agent on one screen", () => {
  const text = renderStatus(summarise(fakeState(), STARTED_MS + 72_000), plain);
  assertEquals(
    text,
    `worker-1: not ready, fairway 0.1.0, up 1m12s
  kernel: ipvs does not answer

MODULE    STATE  FOR    RESTARTS  MESSAGE
watcher   ready  1m12s         0  synced
kernel    ready  1m12s         0  in step
ipvs      ready  1m12s         0  2 services
firewall  ready  1m12s         0  1 policy
bgp       ready  1m12s         0  1 of 2 peers up

KERNEL  WANTED  EXIST  IN STEP    OPS  DRIFT  REFUSED
nft         42     42  1m12s ago   57      0        0
ipvs         6      5  not yet      5      1        1
  ipvs: ipvsadm did not end within 10 s
  ipvs refuses service/tcp/10.96.0.9:80 of Service default/broken: Memory allocation problem; next try in 0s

Objects   12 from directory /etc/fairway/manifests
Services  2, 1 with nobody behind, 1 to mend
Policies  2, 1 refused
Routes    1

Peer                 AS  Up/Down  State        #Received  Accepted  Advertised
192.0.2.1         64513    1m12s  Established          5         4           3
2001:db8::1  4200000000    1m12s  Active               0         0           0

To mend
  shop.yaml:14 Service shop/cart spec.externalIPs[0]: "010.1.1.1" is not an IP address; write it without leading zeros
`,
  );
});

Deno.test("renderStatus() leaves out what there is not", () => {
  const text = renderStatus(
    summarise(
      fakeState({
        readiness: () => ({ ready: true, reasons: [] }),
        peers: () => [],
        targets: () => [],
        issues: () => [],
      }),
      STARTED_MS,
    ),
    plain,
  );
  assertMatch(text, /^worker-1: ready, fairway 0\.1\.0, up 0s\n\nMODULE/);
  for (const word of ["KERNEL", "Peer", "To mend"]) {
    assert(!text.includes(word), word);
  }
});

Deno.test("renderStatus() keeps to a screen and says how to see the rest", () => {
  const [issue] = fakeState().issues();
  assert(issue !== undefined);
  const text = renderStatus(
    summarise(
      fakeState({ issues: () => Array(25).fill(issue) }),
      STARTED_MS,
    ),
    plain,
  );
  assertMatch(text, /\n {2}and 15 more: \/api\/v1\/issues\n$/);
});

Deno.test("colours change nothing but the colour", () => {
  const summary = summarise(fakeState(), STARTED_MS);
  const colored = renderStatus(summary, paintWith(true));
  assertStringIncludes(colored, "\x1b[31mnot ready\x1b[0m");
  // deno-lint-ignore no-control-regex
  const stripped = colored.replaceAll(/\x1b\[\d+m/g, "");
  assertEquals(stripped, renderStatus(summary, plain));
});

Deno.test("no name of an object moves the cursor", () => {
  const text = renderStatus(
    summarise(
      fakeState({
        issues: () => [{
          object: "Service a/\x1b[2Jb",
          field: "",
          problem: "x\ny",
          mend: "z",
        }],
      }),
      STARTED_MS,
    ),
    plain,
  );
  assertStringIncludes(text, "Service a/\\u001b[2Jb: x\\u000ay; z\n");
});

Deno.test("renderPlan() shows steps by tool, in its words", () => {
  const plan: AgentPlan = {
    targets: [
      {
        name: "nft",
        error: null,
        steps: [
          { kind: "add", key: "chain/a", text: "add chain inet fairway a" },
          {
            kind: "change",
            key: "rules/a",
            text: "flush chain inet fairway a\nadd rule inet fairway a accept",
          },
        ],
      },
      { name: "ip", error: null, steps: [] },
      {
        name: "ipvs",
        error: null,
        steps: [{
          kind: "remove",
          key: "service/tcp/10.96.0.1:80",
          text: "-D -t 10.96.0.1:80",
        }],
      },
    ],
    issues: [{
      object: "Service a/b",
      field: "spec.ports[0].port",
      problem: '"0" is not a port',
      mend: "use 1 to 65535",
    }],
  };
  assertEquals(
    renderPlan(plan, plain),
    `nft: 1 to add, 1 to change, 0 to remove
  + add chain inet fairway a
  ~ flush chain inet fairway a
  ~ add rule inet fairway a accept

ipvs: 0 to add, 0 to change, 1 to remove
  - -D -t 10.96.0.1:80

To mend
  Service a/b spec.ports[0].port: "0" is not a port; use 1 to 65535

Plan: 1 to add, 1 to change, 1 to remove. Nothing was changed.
`,
  );
});

Deno.test.each([
  [null, "Nothing to do: the kernel holds what is wanted.\n"],
  [
    "Operation not permitted",
    "nft: cannot be read: Operation not permitted\n\nNothing to do; 1 of 1 tools could not be read.\n",
  ],
])("renderPlan() without steps, error %s", (error, expected) => {
  const plan: AgentPlan = {
    targets: [{ name: "nft", steps: [], error }],
    issues: [],
  };
  assertEquals(renderPlan(plan, plain), expected);
});

Deno.test("renderColumns() lines up texts and numbers and leaves no blanks behind", () => {
  assertEquals(
    renderColumns(
      ["A", "N#", "B"],
      [["x", "1", ""], ["long", "234", "y"]],
      plain,
    ),
    "A       N  B\nx       1\nlong  234  y\n",
  );
});

Deno.test.each(
  [
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: "1" }, true, false],
    [{ NO_COLOR: "" }, true, true],
    [{ TERM: "dumb" }, true, false],
  ] as const,
)("wantsColor(%o, terminal %s) is %s", (env, isTerminal, expected) => {
  assertEquals(wantsColor(new Map(Object.entries(env)), isTerminal), expected);
});
