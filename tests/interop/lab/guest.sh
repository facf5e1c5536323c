# Guests: a client (or the reference server) with a kernel that has PPP. Where this machine's own
# kernel has it, a client is a plain network namespace; the commands are the same.

readonly READY_S=60

# What the kernel of a guest has besides PPP, by its kind.
guest_modules() {
    case $1 in
        plain) ;;
        kernel) echo pppox pptp ;;
        filter) echo iptable_filter xt_statistic sch_netem ;;
        bench) echo pppox pptp veth ;;
        nat) echo xt_tcpudp iptable_raw iptable_nat xt_CT xt_MASQUERADE nf_conntrack_pptp nf_nat_pptp ;;
        *) die "no kind of guest: $1 (plain, kernel, filter, bench or nat)" ;;
    esac
}

guest_share() { echo "$(state)/guest-$1"; }

# guest_prepare NAME ADDRESSES: the directory that host and guest share.
guest_prepare() {
    local share
    share=$(guest_share "$1")
    [ ! -e "$share" ] || die "$1 is there already"
    mkdir -p "$share/cmd" "$share/out"
    cp "$LAB"/guest/*.sh "$share"
    chmod 755 "$share/boot.sh"
    if [ "${GUEST_KIND:-plain}" = kernel ]; then
        gcc -shared -fPIC -O2 -Wall -o "$share/kernel_pptp.so" "$LAB/guest/kernel_pptp.c" ||
            die "no plugin for pppd: run packaging/install-dependencies.sh test"
    fi
    printf '%s=%q\n' ADDRESSES "$2" SERVER "$SERVER_ADDRESS" INSIDE "$INSIDE_NETWORK" POOL "$POOL_NETWORK" \
        EXTRA_MODULES "$(guest_modules "${GUEST_KIND:-plain}")" PPTP_OPTIONS "${PPTP_OPTIONS:-}" > "$share/boot.env"
}

# guest_boot NAME NAMESPACE ADDRESSES INTERFACE...: one vecN a network interface, in that order.
guest_boot() {
    local name=$1 ns=$2 addresses=$3 share vectors=() interface
    shift 3
    guest_prepare "$name" "$addresses"
    share=$(guest_share "$name")
    for interface in "$@"; do
        vectors+=("vec${#vectors[@]}:transport=raw,ifname=$interface,depth=128,gro=0")
    done
    [ -x "$(command -v linux.uml)" ] || die "linux.uml is missing: run packaging/install-dependencies.sh test"
    setsid ip netns exec "$(namespace "$ns")" linux.uml mem=256M root=/dev/root rootfstype=hostfs rootflags=/ ro \
        init="$share/boot.sh" con0=null,fd:1 con=null uml_dir="$share/uml/" "${vectors[@]}" \
        < /dev/null > "$share/console.log" 2>&1 &
    echo $! > "$share/pid"
    guest_wait_ready "$name"
}

guest_wait_ready() {
    local share deadline=$((SECONDS + READY_S))
    share=$(guest_share "$1")
    until [ -e "$share/ready" ]; do
        if [ -e "$share/failed" ] || ! guest_alive "$1" || [ $SECONDS -ge $deadline ]; then
            tail -n 20 "$share/console.log" >&2
            die "guest $1 did not boot: $(cat "$share/failed" 2>/dev/null || echo 'see above')"
        fi
        sleep 0.05
    done
}

guest_alive() {
    local pid
    read -r pid < "$(guest_share "$1")/pid"
    case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in '' | Z*) return 1 ;; esac
}

# client_start NAME LAST_OCTET: a client at 198.51.100.LAST_OCTET on a wire of its own.
# GUEST_KIND says what its kernel has (guest_modules); LAB_CLIENT=guest|namespace decides instead of
# /dev/ppp.
client_start() {
    local name=$1 address=$WAN_NETWORK.$2/24 own
    local kind=${LAB_CLIENT:-guest}
    [ -n "${LAB_CLIENT:-}" ] || [ -n "${GUEST_KIND:-}" ] || [ ! -c /dev/ppp ] || kind=namespace
    if [ "$kind" = namespace ]; then
        own=$(namespace "$name")
        add_namespace "$name"
        wire "$own" wan_c "$(namespace wan)" "${name}b"
        ip -n "$own" address add "$address" dev wan_c
        ip -n "$(namespace wan)" link set "${name}b" master br0
        guest_prepare "$name" "$address"
        # A mount namespace of its own keeps this machine's /etc/ppp and /run as they are.
        SHARE=$(guest_share "$name") setsid ip netns exec "$own" unshare -m /bin/bash -c '
            mount -t tmpfs tmpfs /mnt && mkdir /mnt/share && mount --bind "$SHARE" /mnt/share || exit 1
            for place in /etc/ppp /run; do mount -t tmpfs tmpfs "$place" || exit 1; done
            mkdir /run/lock /run/pptp
            export SHARE=/mnt/share
            exec /bin/bash "$SHARE/agent.sh"' \
            < /dev/null > "$(guest_share "$name")/console.log" 2>&1 &
        echo $! > "$(guest_share "$name")/pid"
        guest_wait_ready "$name"
    else
        wire "$(namespace wan)" "$name" "$(namespace wan)" "${name}b"
        ip -n "$(namespace wan)" link set "${name}b" master br0
        guest_boot "$name" wan "$address" "$name"
    fi
}

# nat_start NAME LAST_OCTET: a router at 198.51.100.LAST_OCTET with a network of its own behind it.
nat_start() {
    local wan
    wan=$(namespace wan)
    ip -n "$wan" link add br1 mtu 1500 type bridge stp_state 0 mcast_snooping 0
    ip -n "$wan" link set br1 up
    wire "$wan" "$1" "$wan" "${1}b"
    ip -n "$wan" link set "${1}b" master br0
    wire "$wan" "${1}i" "$wan" "${1}ib"
    ip -n "$wan" link set "${1}ib" master br1
    GUEST_KIND=nat guest_boot "$1" wan "$WAN_NETWORK.$2/24 $BEHIND_NETWORK.1/24" "$1" "${1}i"
    guest_exec "$1" 20 masquerade || die "$1 does not masquerade"
}

# behind_start NAME LAST_OCTET: a client at 172.16.0.LAST_OCTET, behind the router.
behind_start() {
    wire "$(namespace wan)" "$1" "$(namespace wan)" "${1}b"
    ip -n "$(namespace wan)" link set "${1}b" master br1
    guest_boot "$1" wan "$BEHIND_NETWORK.$2/24" "$1"
    guest_exec "$1" 20 "ip route add $SERVER_ADDRESS via $BEHIND_NETWORK.1" || die "$1 has no route"
}

# guest_exec NAME LIMIT_S SCRIPT: runs it there, prints what it printed, ends with its exit code.
guest_exec() {
    local name=$1 limit=$2 script=$3 share job deadline
    share=$(guest_share "$name")
    [ -d "$share" ] || die "no guest $name"
    job=$(date +%s%N)-$$
    printf '# timeout %s\n%s\n' "$limit" "$script" > "$share/cmd/$job.part"
    mv "$share/cmd/$job.part" "$share/cmd/$job.sh"
    # A guest's clock can run slower than ours when the machine is busy.
    deadline=$((SECONDS + limit * 2 + 15))
    until [ -e "$share/out/$job.rc" ]; do
        guest_alive "$name" || { say "lab: guest $name is gone"; return 98; }
        [ $SECONDS -lt $deadline ] || { say "lab: guest $name does not answer"; return 97; }
        sleep 0.03
    done
    cat "$share/out/$job.log"
    return "$(cat "$share/out/$job.rc")"
}

# guest_stop NAME [KILL]: by its own shutdown, or at once with no goodbye to anyone.
guest_stop() {
    local name=$1 share pid deadline=$((SECONDS + 5))
    share=$(guest_share "$name")
    read -r pid < "$share/pid"
    if [ "${2:-}" != KILL ]; then
        touch "$share/stop"
        while guest_alive "$name" && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
    fi
    kill -KILL -- "-$pid" 2>/dev/null || true
    for pid in $(ip netns pids "$(namespace "$name")" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
    while guest_alive "$name"; do sleep 0.02; done
}
