#!/bin/sh
# Shows Fairway at work: a two-node cluster with a BGP router and a shop, built
# from network namespaces; in a virtual machine when this kernel has no IPVS.
# Installs what is missing. --check shows every claim and exits.
set -eu
cd "$(dirname "$0")/.."
. deploy/tools.sh
install_lab_tools
install_deno
exec deno run --quiet -A tests/lab/demo/main.ts "$@"
