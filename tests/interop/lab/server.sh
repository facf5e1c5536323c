# The server under test in namespace pns, with wan_s and lan_s: ours, or Debian's pptpd in a guest.

readonly USER_NAME=alice PASSWORD=wonderland-7
readonly LISTEN_S=30

# site_start BINARY CONFIG: a second PNS, at a place of its own.
site_start() {
    PNS_LAB_PLACE=pns2
    site_up
    start_pns "$@"
}

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
    local binary deadline=$((SECONDS + LISTEN_S))
    binary=$(realpath "$1")
    mkdir -p "$(server_state)/run/pns" "$(server_state)/run/lab" "$(server_state)/etc"
    rm -f "$(server_state)"/server.{pid,exit,log}
    # PNS does not read a users file that everybody can, as those of a working copy are.
    install -m 640 "$2" "$(server_state)/etc/pns.toml"
    install -m 640 -t "$(server_state)/etc" "$(dirname "$2")"/*users*.toml
    find "$(dirname "$2")" -maxdepth 1 '(' -name '*password' -o -name '*.secret' ')' \
        -exec install -m 640 -t "$(server_state)/etc" {} +
    PNS_STATE=$(server_state) setsid ip netns exec "$(namespace "$(place)")" unshare -m /bin/bash -c '
        mount --make-rprivate / && mount --bind "$PNS_STATE" "$PNS_STATE/run/lab" &&
            mount --rbind "$PNS_STATE/run" /run && cd / || exit 1
        "$@" &
        echo $! > /run/lab/server.pid
        wait $!
        echo $? > /run/lab/server.exit' pns \
        "$binary" run --config /run/lab/etc/pns.toml < /dev/null > "$(server_log)" 2>&1 &
    until inside "$(place)" ss -Hltn sport = :1723 | grep -q .; do
        if [ -e "$(server_state)/server.exit" ] || [ $SECONDS -ge $deadline ]; then
            tail -n 40 "$(server_log)" >&2
            die "pns did not listen on TCP/1723"
        fi
        sleep 0.1
    done
}

server_log() { echo "$(server_state)/server.log"; }
server_socket() { echo "$(server_state)/run/pns/admin.sock"; }

# server_stop [SIGNAL]: waits until it has gone; its exit code, or 124 when it had to be killed.
server_stop() {
    local pid deadline=$((SECONDS + 20))
    if [ "$(cat "$(state)/server")" = pptpd ]; then
        guest_stop server
        rm -rf "$(guest_share server)"
        return
    fi
    read -r pid < "$(state)/server.pid"
    kill -"${1:-TERM}" "$pid" 2>/dev/null || true
    until [ -s "$(state)/server.exit" ]; do
        if [ $SECONDS -ge $deadline ]; then
            say "lab: pns did not end within 20 s of SIG${1:-TERM}"
            kill -KILL "$pid"
            return 124
        fi
        sleep 0.05
    done
    return "$(cat "$(state)/server.exit")"
}
