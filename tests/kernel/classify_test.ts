/** Real messages of nft 1.0.6, iproute2 6.1, ipvsadm 1.31, procps 4.0 and conntrack 1.4.7. */

import { assert, assertEquals } from "@std/assert";
import type { ErrorCode } from "../../lib/base/errors.ts";
import { missingTool } from "../../lib/kernel/classify.ts";
import { classifyIp } from "../../lib/kernel/classify_ip.ts";
import { classifyIpvs } from "../../lib/kernel/classify_ipvs.ts";
import { classifyNft, isNftMissing } from "../../lib/kernel/classify_nft.ts";
import { classifySysctl } from "../../lib/kernel/classify_sysctl.ts";
import { conntrackError } from "../../lib/kernel/conntrack.ts";

const NFT: readonly (readonly [
  string,
  readonly (readonly [number | undefined, ErrorCode])[],
])[] = [
  [
    "/dev/stdin:4:1-8: Error: Could not process rule: File exists\n10.0.0.1 : drop,\n^^^^^^^^\n",
    [[3, "kernel.exists"]],
  ],
  [
    "/dev/stdin:4:1-8: Error: Could not process rule: No such file or directory\n10.0.0.8 : goto nochain,\n^^^^^^^^\n",
    [[3, "kernel.not_found"]],
  ],
  [
    "/dev/stdin:1:40-43: Error: No such file or directory; did you mean set ‘ss’ in table inet ‘fairway’?\nadd rule inet fairway forward ip saddr @nos accept\n",
    [[0, "kernel.not_found"]],
  ],
  [
    "/dev/stdin:1:27-33: Error: Could not process rule: Device or resource busy\ndelete chain inet fairway a/b.c-d\n                          ^^^^^^^\n",
    [[0, "kernel.busy"]],
  ],
  [
    "/dev/stdin:2:2-12: Error: interval overlaps with an existing one\n 10.0.3.0/24\n ^^^^^^^^^^^\n",
    [[1, "kernel.exists"]],
  ],
  [
    "/dev/stdin:2:2-12: Error: element does not exist\n 40.0.0.0/24\n ^^^^^^^^^^^\n",
    [[1, "kernel.not_found"]],
  ],
  [
    '/dev/stdin:2:1-9: Error: Could not process rule: Invalid argument\n"udp" . 5,\n^^^^^^^^^\n',
    [[1, "kernel.invalid"]],
  ],
  [
    "/dev/stdin:1:1-86: Error: Could not process rule: Operation not supported\nadd chain inet fairway forward { type filter hook forward priority 10; policy drop; }\n",
    [[0, "kernel.unsupported"]],
  ],
  [
    "/dev/stdin:1:55-55: Error: syntax error, unexpected newline\nadd rule inet fairway forward ip saddr 1.2.3.4 acceptt\n",
    [[0, "kernel.invalid"]],
  ],
  [
    "/dev/stdin:2:2-11: Error: Could not resolve hostname: Name or service not known\n 10.0.0.300\n ^^^^^^^^^^\n",
    [[1, "kernel.invalid"]],
  ],
  [
    "/dev/stdin:2:40-42: Error: unknown datatype foo\ncreate set inet fairway nosuch2 { type foo; }\n                                       ^^^\n" +
    "/dev/stdin:3:31-31: Error: syntax error, unexpected newline\nadd rule inet fairway x1 bogus\n                              ^\n",
    [[1, "kernel.invalid"], [2, "kernel.invalid"]],
  ],
  [
    "/dev/stdin:1:1-17: Error: Could not process rule: Operation not permitted\nadd table inet x\n^^^^^^^^^^^^^^^^^\n",
    [[0, "permission.denied"]],
  ],
  [
    "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed: Operation not permitted\n",
    [[undefined, "permission.denied"]],
  ],
  [
    "netlink: Error: cache initialization failed: Invalid argument\n",
    [[undefined, "kernel.unsupported"]],
  ],
  ["", [[undefined, "tool.failed"]]],
];

Deno.test("nft's words become codes and lines", () => {
  for (const [stderr, expected] of NFT) {
    assertEquals(
      classifyNft(stderr).map(({ line, error }) => [line, error.code]),
      expected.map(([line, code]) => [line, code]),
      stderr,
    );
  }
});

Deno.test("nft's quotation of a long line is cut", () => {
  const long = "x".repeat(5_000);
  const [{ error }] = classifyNft(
    `/dev/stdin:1:1-9: Error: syntax error, unexpected ${long}\n${long}\n`,
  );
  assert(error.message.length < 600, String(error.message.length));
  assert(error.stderr.length < 300);
});

Deno.test("nft's missing table is told from other failures", () => {
  assert(
    isNftMissing(
      "Error: No such file or directory\nlist table inet fairway\n                ^^^^^^^\n",
    ),
  );
  assert(!isNftMissing("Error: Could not process rule: Invalid argument\n"));
  assert(
    !isNftMissing(
      "netlink: Error: cache initialization failed: No such file or directory\n",
    ),
  );
});

const IP: readonly (readonly [string, number | undefined, ErrorCode])[] = [
  [
    "Error: Unknown device type.\nCommand failed -:1\n",
    0,
    "kernel.unsupported",
  ],
  [
    'Object "bogus" is unknown, try "ip help".\nCommand failed -:2\n',
    1,
    "kernel.invalid",
  ],
  [
    "Error: ipv4: Address already assigned.\nCommand failed -:6\n",
    5,
    "kernel.exists",
  ],
  ['Cannot find device "nolink"\nCommand failed -:7\n', 6, "kernel.not_found"],
  ["RTNETLINK answers: File exists\nCommand failed -:10\n", 9, "kernel.exists"],
  [
    "Error: Nexthop has invalid gateway.\nCommand failed -:11\n",
    10,
    "kernel.invalid",
  ],
  [
    "RTNETLINK answers: No such process\nCommand failed -:30\n",
    29,
    "kernel.not_found",
  ],
  [
    "Error: FIB table does not exist.\nCommand failed -:31\n",
    30,
    "kernel.not_found",
  ],
  [
    "Error: Attribute failed policy validation.\nCommand failed -:35\n",
    34,
    "kernel.invalid",
  ],
  [
    'Error: any valid prefix is expected rather than "10.0.0.300/32".\n',
    undefined,
    "kernel.invalid",
  ],
  [
    "RTNETLINK answers: Operation not permitted\nCommand failed -:1\n",
    0,
    "permission.denied",
  ],
];

Deno.test("ip's words become codes and lines", () => {
  for (const [stderr, line, code] of IP) {
    const complaints = classifyIp(stderr);
    assertEquals(
      complaints.map((complaint) => [complaint.line, complaint.error.code]),
      [[line, code]],
      stderr,
    );
  }
  const all = IP.filter(([, line]) => line !== undefined).map(([text]) => text);
  assertEquals(classifyIp(all.join("")).length, all.length);
  assertEquals(classifyIp(""), []);
});

Deno.test("ip's unknown link type names the module from the line", () => {
  const [complaint] = classifyIp(
    "Error: Unknown device type.\nCommand failed -:1\n",
    ["link add name kube-dummy-if type dummy"],
  );
  assertEquals(
    complaint?.error.message,
    "the kernel has no dummy: modprobe dummy (on Debian the module is in the package " +
      "linux-image of the running kernel; cloud kernels leave some out)",
  );
});

const IPVS: readonly (readonly [string, ErrorCode])[] = [
  ["Service already exists", "kernel.exists"],
  ["Destination already exists", "kernel.exists"],
  ["Service not defined", "kernel.not_found"],
  ["No such service", "kernel.not_found"],
  ["No such destination", "kernel.not_found"],
  ["Scheduler or persistence engine not found", "kernel.unsupported"],
  [
    "Invalid operation.  Possibly wrong module version, address not unicast, ...",
    "kernel.invalid",
  ],
  ["illegal virtual server address[:port] specified", "tool.failed"],
  [
    "Can't initialize ipvs: Protocol not available\nAre you sure that IP Virtual Server is built in the kernel or as module?",
    "kernel.unsupported",
  ],
  [
    "modprobe: FATAL: Module ip_vs not found in directory /lib/modules/6.18.44\nCan't initialize ipvs: Protocol not available\nAre you sure that IP Virtual Server is built in the kernel or as module?",
    "kernel.unsupported",
  ],
  [
    "Can't initialize ipvs: Permission denied (you must be root)\nAre you sure that IP Virtual Server is built in the kernel or as module?",
    "permission.denied",
  ],
];

Deno.test("ipvsadm's words become codes", () => {
  for (const [stderr, code] of IPVS) {
    assertEquals(
      classifyIpvs(`${stderr}\n`).map(({ error }) => error.code),
      [code],
      stderr,
    );
  }
});

Deno.test("sysctl's words become codes and parameters", () => {
  const stderr =
    "sysctl: cannot stat /proc/sys/net/ipv4/nosuch: No such file or directory\n" +
    'sysctl: setting key "net.ipv4.conf.fw/100.rp_filter": Invalid argument\n' +
    'sysctl: permission denied on key "net.ipv4.ip_forward"\n';
  assertEquals(
    classifySysctl(stderr).map(({ path, error }) => [path, error.code]),
    [
      ["/proc/sys/net/ipv4/nosuch", "kernel.unsupported"],
      ["/proc/sys/net/ipv4/conf/fw.100/rp_filter", "kernel.invalid"],
      ["/proc/sys/net/ipv4/ip_forward", "permission.denied"],
    ],
  );
});

Deno.test("conntrack's words become codes", () => {
  const head = "conntrack v1.4.7 (conntrack-tools): ";
  for (
    const [stderr, code] of [
      [
        "Operation failed: sorry, you must be root or get CAP_NET_ADMIN capability to do this",
        "permission.denied",
      ],
      ["Can't open handler", "kernel.unsupported"],
      ["`bogus' unsupported protocol", "tool.failed"],
    ] as const
  ) {
    assertEquals(conntrackError({ stderr: `${head}${stderr}\n` }).code, code);
  }
});

Deno.test("a missing tool names its package and what is lost", () => {
  assertEquals(
    missingTool("nft").message,
    "nft is not installed: it is needed for NetworkPolicy and masquerade; apt install nftables",
  );
  assertEquals(
    missingTool("ipvsadm").message,
    "ipvsadm is not installed: it is needed for Services; apt install ipvsadm",
  );
});
