#!/bin/bash
# Installs with apt-get what is missing, and does nothing (quickly) when nothing is.
#   install-dependencies.sh [build] [test] [reference]     default: build
set -euo pipefail

# Build: DPDK 22.11 with headers, what bindgen needs, DPDK's own tools, and OpenSSL for the
# benchmark harness to compare with.
build=(gcc make pkg-config libssl-dev libdpdk-dev dpdk-dev clang libclang-dev)
# Test and lab: a client kernel with PPP, real clients, wires, and eyes.
test=(user-mode-linux kmod busybox-static iproute2 ethtool procps iputils-ping ppp pptp-linux
    iperf3 tcpdump tshark python3 python3-scapy ppp-dev iptables freeradius freeradius-utils)
# The server that ours is compared with.
reference=(pptpd)

wanted=()
for set in "${@:-build}"; do
    case $set in
        build) wanted+=("${build[@]}") ;;
        test) wanted+=("${test[@]}") ;;
        reference) wanted+=("${reference[@]}") ;;
        *) echo "usage: ${0##*/} [build] [test] [reference]" >&2; exit 2 ;;
    esac
done

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get > /dev/null; then
    echo "missing: ${missing[*]} (no apt-get here: install them by this system's own means)" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "missing: ${missing[*]}" >&2
    echo "run as root: $0 $*" >&2
    exit 1
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
trap 'rm -f "$log"' EXIT
# Tools are wanted, not daemons: pptpd would take TCP/1723 on this machine.
if [ ! -e $policy ]; then
    trap 'rm -f "$log" $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod 755 $policy
fi
options=(-qq -o DPkg::Lock::Timeout=300)
if ! { apt-get "${options[@]}" update &&
    apt-get "${options[@]}" install -y --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
    tail -n 30 "$log" >&2
    echo "could not install: ${missing[*]}" >&2
    exit 1
fi
