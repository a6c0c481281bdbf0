import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseSettings } from "../../lib/cluster/config/parse_settings.ts";
import { SETTINGS, type Settings } from "../../lib/cluster/config/settings.ts";

/** Every flag of kube-router and its default there, as ours writes it. */
const KUBE_ROUTER: Readonly<Record<string, string>> = {
  "advertise-cluster-ip": "false",
  "advertise-external-ip": "false",
  "advertise-loadbalancer-ip": "false",
  "advertise-pod-cidr": "true",
  "auto-mtu": "true",
  "bfd-desired-min-tx-interval": "1000",
  "bfd-required-min-rx-interval": "1000",
  "bfd-detection-multiplier": "3",
  "bfd-port": "3784",
  "enable-bfd": "false",
  "bgp-graceful-restart": "false",
  "bgp-graceful-restart-time": "1m30s",
  "bgp-graceful-restart-deferral-time": "6m",
  "bgp-holdtime": "1m30s",
  "bgp-port": "179",
  "cache-sync-timeout": "1m",
  "cleanup-config": "false",
  "cluster-asn": "64512",
  "disable-source-dest-check": "true",
  "enable-cni": "true",
  "enable-ibgp": "true",
  "enable-ipv4": "true",
  "enable-ipv6": "false",
  "enable-overlay": "true",
  "overlay-type": "subnet",
  "overlay-encap": "ipip",
  "overlay-encap-port": "5555",
  "enable-pod-egress": "true",
  "enable-pprof": "false",
  "excluded-cidrs": "",
  "gobgp-admin-address": "127.0.0.1",
  "gobgp-admin-port": "50051",
  "hairpin-mode": "false",
  "health-addr": "",
  "health-port": "20244",
  "hostname-override": "",
  "injected-routes-sync-period": "1m",
  "iptables-sync-period": "5m",
  "ipvs-graceful-termination": "false",
  "ipvs-graceful-period": "30s",
  "ipvs-permit-all": "true",
  "ipvs-sync-period": "5m",
  "kubeconfig": "",
  "master": "",
  "loadbalancer-default-class": "true",
  "loadbalancer-ip-range": "",
  "loadbalancer-sync-period": "1m",
  "masquerade-all": "false",
  "metrics-addr": "",
  "metrics-path": "/metrics",
  "metrics-port": "0",
  "netpol-default-deny": "false",
  "nodeport-bindon-all-ip": "false",
  "nodes-full-mesh": "true",
  "override-nexthop": "false",
  "peer-router-ips": "",
  "peer-router-asns": "",
  "peer-router-ports": "",
  "peer-router-passwords": "",
  "peer-router-passwords-file": "",
  "peer-router-multihop-ttl": "0",
  "router-id": "",
  "routes-sync-period": "5m",
  "run-firewall": "true",
  "run-router": "true",
  "run-service-proxy": "true",
  "run-loadbalancer": "false",
  "runtime-endpoint": "",
  "service-cluster-ip-range": "10.96.0.0/12",
  "service-external-ip-range": "",
  "service-node-port-range": "30000-32767",
  "service-tcp-timeout": "0s",
  "service-tcpfin-timeout": "0s",
  "service-udp-timeout": "0s",
  "strict-external-ip-validation": "true",
  "use-nftables-for-netpol": "false",
  "v": "0",
  "version": "false",
  "help": "false",
};

const OWN = [
  "manifests",
  "config",
  "audit-period",
  "api-addr",
  "api-port",
  "log-level",
  "log-format",
];

/** The settings of flags that must be well. */
function settingsOf(...argv: string[]): Settings {
  const { settings, problems } = parseSettings({ argv, env: {} });
  assertEquals(problems, []);
  return settings;
}

function problemsOf(...argv: string[]): readonly string[] {
  return parseSettings({ argv, env: {} }).problems;
}

Deno.test("every kube-router flag is there with its default, and our own", () => {
  const ours = new Map(SETTINGS.map((each) => [each.name, each.default]));
  for (const [name, value] of Object.entries(KUBE_ROUTER)) {
    assertEquals([name, ours.get(name)], [name, value]);
  }
  for (const name of OWN) assert(ours.has(name), name);
  assertEquals(
    new Set(SETTINGS.map((each) => each.field)).size,
    SETTINGS.length,
  );
});

Deno.test("without input there are defaults and no problem", () => {
  const { settings, problems, origins } = parseSettings({ argv: [], env: {} });
  assertEquals(problems, []);
  assertEquals([...new Set(origins.values())], ["default"]);
  assertEquals(settings.bgpHoldTimeSeconds, 90);
  assertEquals(settings.ipvsSyncPeriodMs, 300_000);
  assertEquals<unknown>(settings.serviceClusterIpRanges, ["10.96.0.0/12"]);
  assertEquals(settings.serviceNodePortRange, { first: 30000, last: 32767 });
  assertEquals<unknown>(
    [settings.apiAddress, settings.apiPort, settings.healthPort],
    ["127.0.0.1", 20245, 20244],
  );
  assertEquals(settings.cniConfFile, "/etc/cni/net.d/10-kuberouter.conf");
});

Deno.test("flags are taken as kube-router takes them", () => {
  assert(settingsOf("--enable-ipv6").enableIpv6);
  assert(!settingsOf("--enable-cni=false").enableCni);
  assert(settingsOf("--enable-ipv6=T", "--enable-ipv4=0").enableIpv6);
  assertEquals(settingsOf("--bgp-port", "1179").bgpPort, 1179);
  assertEquals(settingsOf("--bgp-port=1", "--bgp-port=2").bgpPort, 2);
  assertEquals(settingsOf("--cluster-asn=0").clusterAsn, 64512);
  assertEquals(
    settingsOf("--cluster-asn=4200000000").clusterAsn,
    4_200_000_000,
  );
  assertEquals(
    settingsOf("--service-node-port-range=1:2").serviceNodePortRange,
    {
      first: 1,
      last: 2,
    },
  );
  assertEquals<unknown>(
    settingsOf(
      "--excluded-cidrs=10.0.0.1/8, 2001:db8::/32",
      "--excluded-cidrs=192.0.2.0/24",
    )
      .excludedCidrs,
    ["10.0.0.0/8", "2001:db8::/32", "192.0.2.0/24"],
  );
  assertEquals(settingsOf("--excluded-cidrs=").excludedCidrs, []);
  for (const argv of [["-v", "2"], ["-v=2"], ["-v2"], ["--v=2"]]) {
    const { verbosity, logLevel } = settingsOf(...argv);
    assertEquals([verbosity, logLevel], [2, "debug"]);
  }
  assertEquals(settingsOf("-v=2", "--log-level=info").logLevel, "info");
  assert(settingsOf("-h").help && settingsOf("-V").version);
  const peers = settingsOf(
    "--peer-router-ips=192.0.2.1,192.0.2.2",
    "--peer-router-asns=64513,64514",
    "--peer-router-passwords=c2VjcmV0,",
  );
  assertEquals(peers.peerRouterPasswords, ["secret", ""]);
});

Deno.test("each wrong value is one line with flag, value and mend", async (t) => {
  for (
    const [argv, ...parts] of [
      [["--bgp-holdtime=2s"], '--bgp-holdtime: "2s"', "from 3s", "or 0"],
      [["--bgp-holdtime=65536s"], '"65536s"', "18h12m15s"],
      [["--bgp-holdtime=3500ms"], '"3500ms"', "whole seconds"],
      [["--bgp-holdtime=90"], '"90"', "90s"],
      [["--bgp-graceful-restart-time=4096s"], '"4096s"', "1h8m15s"],
      [["--bgp-graceful-restart-deferral-time=19h"], '"19h"', "18h"],
      [["--ipvs-sync-period=0"], '"0"', "at least 1s"],
      [["--ipvs-sync-period=-5m"], '"-5m"', "not a duration"],
      [["--cluster-asn=65000000"], '"65000000"', "64512 to 65535"],
      [["--enable-cni=no"], '--enable-cni: "no"', "true or false"],
      [["--service-node-port-range=9-1"], '"9-1"', "30000-32767"],
      [["--service-node-port-range=0-70000"], '"0-70000"', "30000-32767"],
      [["--excluded-cidrs=10.0.0.0/8,x"], '"10.0.0.0/8,x"', "list of prefixes"],
      [["--excluded-cidrs=010.0.0.0/8"], '"010.0.0.0/8"', "list of prefixes"],
      [["--overlay-type=all"], '"all"', "subnet, full"],
      [["--overlay-encap-port=80"], '"80"', "1024"],
      [["--router-id=::1"], '"::1"', "generate"],
      [["--metrics-path=metrics"], '"metrics"', "start it with /"],
      [["--master=10.0.0.1"], '"10.0.0.1"', "https://"],
      [["--hostname-override=Node_1"], '"Node_1"', "lower-case"],
      [["--api-addr=localhost"], '"localhost"', "127.0.0.1"],
      [["--bfd-detection-multiplier=0"], '"0"', "from 1 to 255"],
      [["--clustr-asn=1"], "--clustr-asn", "did you mean --cluster-asn?"],
      [["--clustr-asn", "1"], "--clustr-asn", "did you mean --cluster-asn?"],
      [["--enable_cni"], "--enable_cni", "did you mean --enable-cni?"],
      [["-kubeconfig=x"], "-kubeconfig", "did you mean --kubeconfig?"],
      [["--quite-another"], "--quite-another", "fairway run --help"],
      [["--enable-cni", "false"], '"false"', "write --enable-cni=false"],
      [["run"], '"run"', "flags start with --"],
      [["--kubeconfig"], "--kubeconfig: has no value", "--kubeconfig=VALUE"],
      [["--kubeconfig", "--enable-cni"], "--kubeconfig: has no value"],
    ] as [string[], ...string[]][]
  ) {
    await t.step(argv.join(" "), () => {
      const problems = problemsOf(...argv);
      assertEquals(problems.length, 1);
      for (const part of parts) assertStringIncludes(problems[0] ?? "", part);
      assert(!problems[0]?.includes("\n"));
    });
  }
});

Deno.test("impossible combinations are problems", async (t) => {
  for (
    const [argv, ...parts] of [
      [["--enable-ipv4=false"], "--enable-ipv4", "--enable-ipv6", "switch"],
      [
        ["--manifests=x", "--kubeconfig=y"],
        "--manifests, --kubeconfig",
        '"x"',
        '"y"',
      ],
      [["--manifests=x", "--master=http://y"], "--manifests, --master"],
      [
        [
          "--run-firewall=false",
          "--run-router=false",
          "--run-service-proxy=false",
        ],
        "--run-firewall",
        "switch at least one on",
      ],
      [
        ["--peer-router-ips=192.0.2.1"],
        "--peer-router-asns: has 0 entries beside 1",
      ],
      [["--peer-router-asns=1"], "--peer-router-asns: has 1 entries beside 0"],
      [
        [
          "--peer-router-ips=192.0.2.1,192.0.2.2",
          "--peer-router-asns=1,2",
          "--peer-router-ports=179",
        ],
        "--peer-router-ports: has 1 entries beside 2",
      ],
      [
        [
          "--peer-router-ips=192.0.2.1",
          "--peer-router-asns=1",
          "--peer-router-passwords=YQ==,YQ==",
        ],
        "--peer-router-passwords: has 2 entries beside 1",
      ],
      [
        ["--peer-router-ips=192.0.2.1,192.0.2.1", "--peer-router-asns=1,1"],
        '"192.0.2.1" is listed twice',
      ],
      [
        ["--peer-router-ips=2001:db8::1", "--peer-router-asns=1"],
        "--enable-ipv6",
      ],
      [["--service-cluster-ip-range="], "--service-cluster-ip-range"],
      [
        ["--service-cluster-ip-range=10.0.0.0/12,10.96.0.0/12"],
        '"10.0.0.0/12,10.96.0.0/12"',
        "one IPv4 and one IPv6",
      ],
      [["--run-loadbalancer"], "set --loadbalancer-ip-range"],
      [
        ["--run-loadbalancer", "--loadbalancer-ip-range=2001:db8::/64"],
        '"2001:db8::/64" is IPv6, which is off',
      ],
      [["--api-port=20244"], "--health-port, --api-port: both are 20244"],
      [["--bgp-port=20245"], "--api-port, --bgp-port"],
    ] as [string[], ...string[]][]
  ) {
    await t.step(argv.join(" "), () => {
      const problems = problemsOf(...argv);
      assertEquals(problems.length, 1);
      for (const part of parts) assertStringIncludes(problems[0] ?? "", part);
    });
  }
  assertEquals(
    problemsOf("--api-port=0", "--health-port=0", "--metrics-port=0"),
    [],
  );
  assertEquals(
    problemsOf("--health-addr=127.0.0.2", "--health-port=20245"),
    [],
  );
  assertEquals(
    problemsOf("--service-cluster-ip-range=10.96.0.0/12,fd00::/108"),
    [],
  );
});
