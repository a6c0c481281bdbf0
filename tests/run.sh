#!/bin/sh
# Every check and every test: form and types, the tests on this host (as root,
# with its network namespaces), then those that need a kernel with IPVS, in the
# lab's virtual machine. Installs what is missing first. Ends with
# "N passed, M failed" alone on the last line.
set -u
cd "$(dirname "$0")/.." || exit 1
NO_COLOR=1
export NO_COLOR

. deploy/tools.sh
if ! { install_lab_tools && install_test_tools && install_deno; }; then
  echo "a tool that the tests use could not be installed"
  echo "0 passed, 1 failed"
  exit 1
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
ignored=0

# check NAME COMMAND…: one passed or failed.
check() {
  name=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    echo "$name ... ok"
    passed=$((passed + 1))
  else
    cat "$work/output"
    echo "$name ... FAILED: $*"
    failed=$((failed + 1))
  fi
}

# suite NAME COMMAND…: counts what a run of deno test says at its end. A run that
# says nothing, or fails without a failed test, is a failure itself.
suite() {
  name=$1
  shift
  echo "== $name"
  started=$(date +%s)
  { "$@" 2>&1; echo $? >"$work/code"; } | tee "$work/output"
  code=$(cat "$work/code")
  summary=$(grep -E '^(ok|FAILED) \| [0-9]+ passed' "$work/output" | tail -n 1)
  ok=$(number "$summary" passed)
  bad=$(number "$summary" failed)
  if [ "$code" != 0 ] && [ "$bad" = 0 ]; then
    echo "$name: exit code $code"
    bad=1
  fi
  if [ -z "$summary" ] && [ "$bad" = 0 ]; then
    echo "$name: no summary"
    bad=1
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  ignored=$((ignored + $(number "$summary" ignored)))
  echo "== $name: $ok passed, $bad failed, $(($(date +%s) - started)) s"
}

# number SUMMARY WORD: the number before the word, or 0.
number() {
  found=$(echo "$1" | sed -n "s/.* \([0-9][0-9]*\) $2.*/\1/p")
  echo "${found:-0}"
}

check "format" deno fmt --check
check "lint" deno lint
check "types" deno check main.ts lib routes tests

machine=$(find tests -name '*_vm_test.ts' | sort | tr '\n' ',')
suite "on this host" timeout -k 30 900 deno test -A --no-check --ignore="${machine%,}"
suite "in the virtual machine" timeout -k 30 1300 deno run -A tests/lab/vm/test.ts
check "demo" sh deploy/demo.sh --check

if [ "$ignored" != 0 ]; then
  echo "$ignored left out; what was needed is named above"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
