# Namespaces and wires. Names carry the process that owns the lab, so that labs can run side by side
# and a dead run's remains can be told from a living one's.
#
#   [c1] c1 == c1b [br0 in ns wan] wan_b == wan_s [ns pns] lan_s == lan_h [ns host]
#                              wan_b2 == wan_s [ns pns2] lan_s == lan_h [ns host2], if asked for

readonly STATE_ROOT=/run/pns-lab
readonly PREFIX=pns-lab
readonly WAN_NETWORK=198.51.100 SERVER_ADDRESS=198.51.100.1
readonly INSIDE_HOST=192.168.99.2 INSIDE_GATEWAY=192.168.99.1 INSIDE_NETWORK=192.168.99.0/24
readonly BEHIND_NETWORK=172.16.0
readonly SITE_HOST=192.168.98.2 SITE_GATEWAY=192.168.98.1
readonly POOL_NETWORK=10.77.0.0/24

say() { printf '%s\n' "$*" >&2; }
die() { say "lab: $*"; exit 1; }

state() { echo "$STATE_ROOT/$PNS_LAB_ID"; }
# Of the server in namespace pns, or of the second one.
place() { echo "${PNS_LAB_PLACE:-pns}"; }
server_state() { if [ "$(place)" = pns ]; then state; else echo "$(state)/$(place)"; fi; }
namespace() { echo "$PREFIX-$PNS_LAB_ID-$1"; }
# ip netns exec replaces itself by the command, so its process id is the command's.
inside() { local name=$1; shift; ip netns exec "$(namespace "$name")" "$@"; }
start_time() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }

# Frames must carry finished checksums and fit the MTU: nothing on a veth completes them later.
no_offloads() {
    ip netns exec "$1" ethtool -K "$2" tx off rx off sg off tso off gso off gro off > /dev/null 2>&1 || true
}

# Nobody in a lab speaks IPv6 on an Ethernet, so no capture has its neighbour discovery in it.
add_namespace() {
    ip netns add "$(namespace "$1")"
    inside "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip -n "$(namespace "$1")" link set lo up
}

# wire NS_A NAME_A NS_B NAME_B: a veth made inside the namespaces; the host never sees it.
wire() {
    local queues=${LAB_QUEUES:-1} counts
    counts="numtxqueues $queues numrxqueues $queues"
    # shellcheck disable=SC2086
    ip link add "$2" netns "$1" mtu 1500 $counts type veth peer name "$4" netns "$3" mtu 1500 $counts
    no_offloads "$1" "$2"
    no_offloads "$3" "$4"
    ip -n "$1" link set "$2" up
    ip -n "$3" link set "$4" up
}

lab_up() {
    local owner=$1 number=0 ns
    lab_sweep
    mkdir -p "$STATE_ROOT"
    until mkdir "$STATE_ROOT/$owner-$number" 2>/dev/null; do
        number=$((number + 1))
        [ $number -lt 1000 ] || die "cannot make a directory in $STATE_ROOT"
    done
    PNS_LAB_ID=$owner-$number
    echo "$owner $(start_time "$owner")" > "$(state)/owner"
    trap 'lab_down' ERR
    for ns in wan pns host; do
        add_namespace $ns
    done
    # The bridge has no address, floods what it has not learnt and keeps its mouth shut.
    ip -n "$(namespace wan)" link add br0 mtu 1500 type bridge stp_state 0 mcast_snooping 0
    ip -n "$(namespace wan)" link set br0 up
    wire "$(namespace wan)" wan_b "$(namespace pns)" wan_s
    ip -n "$(namespace wan)" link set wan_b master br0
    wire "$(namespace pns)" lan_s "$(namespace host)" lan_h
    ip -n "$(namespace host)" address add "$INSIDE_HOST/24" dev lan_h
    ip -n "$(namespace host)" route add default via "$INSIDE_GATEWAY"
    trap - ERR
    watch_owner "$owner"
    echo "$PNS_LAB_ID"
}

# A second place for a server, pns2, with a network of its own behind it, on the same wire.
site_up() {
    local ns
    for ns in pns2 host2; do
        add_namespace $ns
    done
    wire "$(namespace wan)" wan_b2 "$(namespace pns2)" wan_s
    ip -n "$(namespace wan)" link set wan_b2 master br0
    wire "$(namespace pns2)" lan_s "$(namespace host2)" lan_h
    ip -n "$(namespace host2)" address add "$SITE_HOST/24" dev lan_h
    ip -n "$(namespace host2)" route add default via "$SITE_GATEWAY"
}

# However the owner ends, even by SIGKILL, the lab goes.
watch_owner() {
    setsid /bin/bash -c 'tail --pid="$1" -f /dev/null; exec "$2" down' watch "$1" "$LAB/lab" \
        < /dev/null > /dev/null 2>&1 &
    echo $! > "$(state)/watch.pid"
}

lab_down() {
    local ns left tries pid
    [ -n "${PNS_LAB_ID:-}" ] || return 0
    # Whatever has already gone, the rest must go too.
    set +e
    trap - ERR
    for tries in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        left=
        for ns in $(lab_namespaces "$PNS_LAB_ID"); do
            for pid in $(ip netns pids "$ns" 2>/dev/null); do
                left=1
                # A guest or a server that has not gone by then gets no further say.
                if [ "$tries" -ge 15 ]; then kill -KILL "$pid"; elif [ "$tries" = 1 ]; then kill -TERM "$pid"; fi
            done 2>/dev/null
        done
        [ -n "$left" ] || break
        sleep 0.1
    done
    for ns in $(lab_namespaces "$PNS_LAB_ID"); do ip netns delete "$ns" 2>/dev/null; done
    pid=
    read -r pid 2>/dev/null < "$(state)/watch.pid"
    [ -z "$pid" ] || [ "$pid" = $$ ] || kill -TERM -- "-$pid" 2>/dev/null
    rm -rf "$(state)"
    rmdir "$STATE_ROOT" 2>/dev/null
    return 0
}

lab_namespaces() { ip netns list | awk -v lab="$PREFIX-$1-" 'index($1, lab) == 1 { print $1 }'; }

# What runs left behind whose owner is gone.
lab_sweep() {
    local id owner started
    for id in $( { ls "$STATE_ROOT" 2>/dev/null; ip netns list | awk '{ print $1 }' |
        sed -n "s/^$PREFIX-\([0-9]*-[0-9]*\)-[a-z0-9]*\$/\1/p"; } | sort -u); do
        owner=${id%%-*} started=
        read -r _ started 2>/dev/null < "$STATE_ROOT/$id/owner" || true
        if [ -d "/proc/$owner" ] && [ "$(start_time "$owner")" = "${started:-$(start_time "$owner")}" ]; then
            continue
        fi
        ( PNS_LAB_ID=$id; lab_down )
    done
}
