# Finds the tools that Fairway's lab and tests use, and installs what is missing:
# Debian packages with apt-get, Deno with npm. Sourced by deploy/demo.sh and
# tests/run.sh.

DENO_VERSION=2.9.6

# Where npm and Debian put programs; a PATH may lack them.
PATH=$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin
export PATH

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    echo "must be root to run: $*" >&2
    return 1
  fi
}

# Installs the packages named on lines "PATH-OR-COMMAND PACKAGE" of standard input
# whose path or command is missing.
install_missing() {
  missing=
  while read -r tool package; do
    [ -n "$tool" ] || continue
    case $tool in
      /*) [ -e "$tool" ] && continue ;;
      *) command -v "$tool" >/dev/null 2>&1 && continue ;;
    esac
    missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "installing$missing" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $missing >&2
  # The lab runs its own; nobody asked for the packages' services.
  for service in bird gobgpd; do
    case $missing in
      *"$service"*)
        if systemctl -q is-enabled "$service" 2>/dev/null; then
          as_root systemctl -q disable --now "$service"
        fi
        ;;
    esac
  done
}

# What the agent drives, the lab is made of, and the virtual machine needs.
install_lab_tools() {
  install_missing <<TOOLS
nft nftables
ipvsadm ipvsadm
ip iproute2
conntrack conntrack
sysctl procps
modprobe kmod
setpriv util-linux
bird bird2
/usr/lib/cni/bridge containernetworking-plugins
qemu-system-x86_64 qemu-system-x86
busybox busybox-static
TOOLS
}

# Further peers and tools that only the tests need.
install_test_tools() {
  install_missing <<TOOLS
gobgpd gobgpd
openssl openssl
ps procps
TOOLS
}

install_deno() {
  if command -v deno >/dev/null 2>&1 && deno_is_new_enough; then return 0; fi
  install_missing <<TOOLS
npm npm
TOOLS
  echo "installing Deno $DENO_VERSION" >&2
  as_root npm install --global --no-fund --no-audit "deno@$DENO_VERSION" >&2
}

deno_is_new_enough() {
  found=$(deno --version | sed -n '1s/^deno \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
  major=${found% *}
  minor=${found#* }
  [ "${major:-0}" -gt 2 ] || { [ "${major:-0}" = 2 ] && [ "${minor:-0}" -ge 9 ]; }
}
