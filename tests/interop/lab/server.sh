# The server under test in namespace pns, with wan_s and lan_s: ours, or Debian's pptpd in a guest.

readonly USER_NAME=alice PASSWORD=wonderland-7
readonly LISTEN_S=30

# server_start pns BINARY CONFIG | server_start pptpd [pppd option...]
server_start() {
    local kind=$1
    shift
    echo "$kind" > "$(state)/server"
    case $kind in
        pns) start_pns "$@" ;;
        pptpd)
            guest_boot server pns "$SERVER_ADDRESS/24 $INSIDE_GATEWAY/24" wan_s lan_s
            [ $# -gt 0 ] || set -- require-mppe-128
            guest_exec server 30 "serve_pptpd $USER_NAME $PASSWORD $(printf '%q ' "$@")" ||
                die "pptpd did not start"
            ;;
        *) die "no such server: $kind (pns or pptpd)" ;;
    esac
}

# PNS sees a /run of its own, so that the admin socket of a fixed configuration is this lab's.
start_pns() {
    local binary config pid deadline=$((SECONDS + LISTEN_S))
    binary=$(realpath "$1") config=$(realpath "$2")
    mkdir -p "$(state)/run/pns"
    PNS_RUN=$(state)/run setsid ip netns exec "$(namespace pns)" unshare -m /bin/bash -c '
        mount --make-rprivate / && mount --bind "$PNS_RUN" /run && exec "$@"' pns \
        "$binary" run --config "$config" < /dev/null > "$(server_log)" 2>&1 &
    pid=$!
    echo "$pid" > "$(state)/server.pid"
    until inside pns ss -Hltn sport = :1723 | grep -q .; do
        if [ ! -d "/proc/$pid" ] || [ $SECONDS -ge $deadline ]; then
            tail -n 40 "$(server_log)" >&2
            die "pns did not listen on TCP/1723"
        fi
        sleep 0.1
    done
}

server_log() { echo "$(state)/server.log"; }
server_socket() { echo "$(state)/run/pns/admin.sock"; }

# server_stop [SIGNAL]: waits until it has gone; prints its exit code when we are its parent.
server_stop() {
    local pid deadline=$((SECONDS + 20))
    if [ "$(cat "$(state)/server")" = pptpd ]; then
        guest_stop server
        return
    fi
    read -r pid < "$(state)/server.pid"
    kill -"${1:-TERM}" "$pid" 2>/dev/null || true
    while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || { kill -KILL "$pid"; die "pns did not end within 20 s of SIG${1:-TERM}"; }
        sleep 0.05
    done
}
