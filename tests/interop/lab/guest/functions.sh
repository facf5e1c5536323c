#!/bin/bash
# What commands in a guest may use. A call is named by $CALL, so that one guest can hold several:
# $CALL.log (pppd's debug log), $CALL.up (interface, our address, the server's), $CALL.exit (pppd's
# exit code), all in $SHARE.
. "$SHARE/boot.env"
export CALL=${CALL:-call}

# ppp_files USER PASSWORD: pppd reads its secrets here, and tells us here when IPCP is up.
ppp_files() {
    printf '"%s" * "%s" *\n' "$1" "$2" > /etc/ppp/chap-secrets
    cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
    chmod 600 /etc/ppp/*-secrets
    : > /etc/ppp/options
    cat > /etc/ppp/ip-up <<'UP'
#!/bin/bash
# interface, tty, speed, local address, remote address, ipparam (the name of the call)
[ "$6" ] || exit 0
echo "$1 $4 $5" > "/mnt/share/$6.up.part"
mv "/mnt/share/$6.up.part" "/mnt/share/$6.up"
UP
    chmod 755 /etc/ppp/ip-up
}

# dial USER PASSWORD [pppd option...]: 0 once IPCP is up, else pppd's exit code (99: neither in 30 s).
# GRE is pptp-linux's, with $PPTP_OPTIONS; $DIALLER=kernel leaves it to the kernel (a guest of that kind).
dial() {
    local user=$1 password=$2 waited=0 channel
    shift 2
    channel=(pty "exec pptp $SERVER --nolaunchpppd $PPTP_OPTIONS")
    [ "${DIALLER:-}" != kernel ] || channel=(plugin "$SHARE/kernel_pptp.so" pptp_server "$SERVER")
    ppp_files "$user" "$password"
    rm -f "$SHARE/$CALL".{up,exit,log}
    setsid /bin/bash -c '
        { echo $BASHPID > "/run/$CALL.pid"; "$@"; echo $? > "$SHARE/$CALL.exit.part"; } 2>&1 |
            while IFS= read -r line; do printf "%s\n" "$line" >> "$SHARE/$CALL.log"; done
        mv "$SHARE/$CALL.exit.part" "$SHARE/$CALL.exit"' dial \
        pppd "${channel[@]}" noauth user "$user" ipparam "$CALL" \
        nodetach debug dump logfd 2 noipdefault nodefaultroute noipv6 lcp-echo-interval 0 mtu 1400 mru 1400 \
        nodeflate nobsdcomp novj noaccomp nopcomp linkname "$CALL" "$@" < /dev/null > /dev/null 2>&1 &
    while [ ! -e "$SHARE/$CALL.up" ]; do
        [ -e "$SHARE/$CALL.exit" ] && return "$(cat "$SHARE/$CALL.exit")"
        [ $((waited += 1)) -le 600 ] || return 99
        sleep 0.05
    done
    read -r interface _ _ < "$SHARE/$CALL.up"
    ip route replace "$INSIDE" dev "$interface"
    ip route replace "$POOL" dev "$interface"
}

# hangup: the call ends as a user ends it; prints pppd's exit code.
hangup() {
    local waited=0
    kill -TERM "$(head -n 1 "/run/ppp-$CALL.pid")"
    while [ ! -e "$SHARE/$CALL.exit" ]; do
        [ $((waited += 1)) -le 200 ] || return 99
        sleep 0.05
    done
    cat "$SHARE/$CALL.exit"
}

# lose PERCENT: so many packets never leave, and so much GRE never arrives (a guest of kind `filter`).
# What a filter drops on its way out would be an error to its sender; what the queue drops is not.
lose() {
    tc qdisc add dev vec0 root netem loss "$1%" limit 10000 &&
        iptables-legacy -A INPUT -p gre -m statistic --mode random --probability "$(printf '0.%02d' "$1")" -j DROP
}

# masquerade: what comes in by vec1 leaves by vec0 with our address, PPTP with the kernel's helper.
masquerade() {
    sysctl -qw net.ipv4.ip_forward=1
    iptables-legacy -t raw -A PREROUTING -i vec1 -p tcp --dport 1723 -j CT --helper pptp &&
        iptables-legacy -t nat -A POSTROUTING -o vec0 -j MASQUERADE
}

# The reference server: Debian's pptpd with the kernel's own PPP.
serve_pptpd() {
    ppp_files "$1" "$2"
    shift 2
    printf '%s\n' name pns lock require-mschap-v2 refuse-pap refuse-chap refuse-mschap nodeflate nobsdcomp \
        novj debug dump noipv6 mtu 1400 mru 1400 lcp-echo-interval 30 lcp-echo-failure 4 logfile /tmp/server.log "$@" \
        > /etc/ppp/options.pptpd
    printf '%s\n' "option /etc/ppp/options.pptpd" "localip 10.77.0.1" "remoteip 10.77.0.100-199" > /tmp/pptpd.conf
    sysctl -qw net.ipv4.ip_forward=1
    setsid pptpd -f -c /tmp/pptpd.conf < /dev/null > /tmp/pptpd.log 2>&1 &
    echo $! > /run/reference.pid
    local waited=0
    until ss -Hltn sport = :1723 | grep -q .; do
        [ $((waited += 1)) -le 100 ] || return 99
        sleep 0.1
    done
}
