import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  configPath,
  parseSettings,
} from "../../lib/cluster/config/parse_settings.ts";
import { variableOf } from "../../lib/cluster/config/setting.ts";
import { SETTINGS } from "../../lib/cluster/config/settings.ts";

function problemsOf(...argv: string[]): readonly string[] {
  return parseSettings({ argv, env: {} }).problems;
}

Deno.test("flags win over variables, those over the file, that over defaults", () => {
  const argv = ["--bgp-port=1"];
  const env = { FAIRWAY_BGP_PORT: "2", FAIRWAY_API_PORT: "2" };
  const configText = "bgp-port: 3\napi-port: 3\nhealth-port: 3\n";
  const { settings, problems, origins } = parseSettings({
    argv,
    env,
    configText,
  });
  assertEquals(problems, []);
  assertEquals(
    [settings.bgpPort, settings.apiPort, settings.healthPort, settings.bfdPort],
    [1, 2, 3, 3784],
  );
  assertEquals(
    ["bgp-port", "api-port", "health-port", "bfd-port"].map((name) =>
      origins.get(name)
    ),
    ["flag", "variable", "file", "default"],
  );
});

Deno.test("problems name the variable or the key of the file", () => {
  const { problems } = parseSettings({
    argv: [],
    env: {
      FAIRWAY_BGP_PORT: "x",
      FAIRWAY_BGP_PROT: "1",
      FAIRWAY_QUITE_ANOTHER: "1",
      NODE_NAME: "Node_1",
    },
    configText: "api-port: 70000\nhealth_port: 1\n1: x\noverlay-type: [a]\n",
  });
  assertEquals(problems.map((line) => line.slice(0, line.indexOf(":"))), [
    "FAIRWAY_BGP_PROT",
    "FAIRWAY_QUITE_ANOTHER",
    'config file, key "1"',
    'config file, key "health_port"',
    "config file, key overlay-type",
    "FAIRWAY_BGP_PORT",
    "config file, key api-port",
    "NODE_NAME",
  ]);
  assertStringIncludes(problems[0] ?? "", "did you mean FAIRWAY_BGP_PORT?");
  assertStringIncludes(problems[3] ?? "", "did you mean health-port?");
});

Deno.test("variables that Kubernetes makes for a Service called fairway are passed over", () => {
  const { settings, problems } = parseSettings({
    argv: [],
    env: {
      FAIRWAY_SERVICE_HOST: "10.96.0.1",
      FAIRWAY_SERVICE_PORT: "80",
      FAIRWAY_SERVICE_PORT_HTTP: "80",
      FAIRWAY_PORT: "tcp://10.96.0.1:80",
      FAIRWAY_PORT_80_TCP: "tcp://10.96.0.1:80",
      FAIRWAY_PORT_80_TCP_ADDR: "10.96.0.1",
      FAIRWAY_PORT_80_TCP_PROTO: "tcp",
      // A Service called fairway-metrics.
      FAIRWAY_METRICS_PORT: "tcp://10.96.0.2:80",
      FAIRWAY_METRICS_SERVICE_HOST: "10.96.0.2",
      OTHER: "x",
    },
  });
  assertEquals(problems, []);
  assertEquals(settings.metricsPort, 0);
});

Deno.test("a configuration file may be YAML of any kind; only a mapping of flags counts", async (t) => {
  for (
    const [text, wanted] of [
      ["", []],
      ["# nothing\n", []],
      ["---\n", []],
      ["bgp-port: 179\nenable-cni: false\nexcluded-cidrs: [10.0.0.0/8]\n", []],
      ["excluded-cidrs: []\n", []],
      ["- bgp-port\n", ["config file: is not a mapping"]],
      ["text\n", ["config file: is not a mapping"]],
      ["a: b: c\n", ["config file, line 1: "]],
      ["bgp-port: 1\nbgp-port: 2\n", ["config file, line 2: "]],
      ["bgp-port: 1\n---\nbgp-port: 2\n", ["config file"]],
      ["bgp-port: 1\n\tapi-port: 2\n", ["config file"]],
      ["bgp-port:\n", ["config file, key bgp-port: null is not"]],
      ["bgp-port: {a: 1}\n", ["config file, key bgp-port: an object is not"]],
      ["config: other.yaml\n", ['config file, key "config": is not known']],
      ["a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b]\n", [
        'config file, key "a"',
        'config file, key "b"',
        'config file, key "c"',
      ]],
    ] as [string, string[]][]
  ) {
    await t.step(JSON.stringify(text), () => {
      const { problems } = parseSettings({
        argv: [],
        env: {},
        configText: text,
      });
      assertEquals(
        problems.map((line, i) => line.slice(0, wanted[i]?.length)),
        wanted,
      );
    });
  }
});

Deno.test("configPath() finds the file before it is read", () => {
  assertEquals(configPath({ argv: [], env: {} }), undefined);
  assertEquals(
    configPath({ argv: ["--config=a"], env: { FAIRWAY_CONFIG: "b" } }),
    "a",
  );
  assertEquals(configPath({ argv: ["--x", "--config", "a"], env: {} }), "a");
  assertEquals(configPath({ argv: [], env: { FAIRWAY_CONFIG: "b" } }), "b");
});

Deno.test("the node is known by flag, else by NODE_NAME", () => {
  const nodeName = (env: Record<string, string>, ...argv: string[]): string =>
    parseSettings({ argv, env }).settings.nodeName;
  assertEquals(nodeName({}), "");
  assertEquals(nodeName({ NODE_NAME: "n1" }), "n1");
  assertEquals(nodeName({ NODE_NAME: "n1" }, "--hostname-override=n2"), "n2");
  const { settings } = parseSettings({
    argv: [],
    env: {
      POD_NAME: "fairway-x",
      POD_NAMESPACE: "kube-system",
      KUBE_ROUTER_CNI_CONF_FILE: "/etc/cni/net.d/x.conf",
    },
  });
  assertEquals(
    [settings.podName, settings.podNamespace, settings.cniConfFile],
    ["fairway-x", "kube-system", "/etc/cni/net.d/x.conf"],
  );
});

Deno.test("parseSettings() never throws, and settings are complete, whatever the input", () => {
  const flag = fc.oneof(
    fc.constantFrom(...SETTINGS.map((each) => `--${each.name}`)),
    fc.string(),
  );
  const argument = fc.tuple(flag, fc.option(fc.string())).map(([name, value]) =>
    value === null ? name : `${name}=${value}`
  );
  const env = fc.dictionary(
    fc.constantFrom(...SETTINGS.map((each) => variableOf(each.name))),
    fc.string(),
    { maxKeys: 3 },
  );
  const fields = SETTINGS.map((each) => each.field);
  fc.assert(
    fc.property(
      fc.array(argument, { maxLength: 5 }),
      env,
      fc.oneof(fc.string(), fc.json()),
      (argv, env, configText) => {
        const { settings, problems } = parseSettings({ argv, env, configText });
        for (const field of fields) assert(settings[field] !== undefined);
        for (const line of problems) assert(!line.includes("\n"), line);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a password is never printed", () => {
  const secret = "bm90LXZhbGlk!";
  const lines = [
    ...problemsOf(`--peer-router-passwords=${secret}`),
    ...parseSettings({
      argv: [],
      env: { FAIRWAY_PEER_ROUTER_PASSWORDS: secret },
      configText: `peer-router-passwords: [{${secret}: 1}]`,
    }).problems,
    ...problemsOf(`--peer-router-pasword=${secret}`),
  ];
  assertEquals(lines.length, 4);
  for (const line of lines) assert(!line.includes(secret), line);
});
