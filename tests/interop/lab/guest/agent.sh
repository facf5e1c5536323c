#!/bin/bash
# Runs what the host puts into $SHARE/cmd, each command on its own, until told to stop.
# A command NAME leaves its output in out/NAME.log and its exit code in out/NAME.rc.
. "$SHARE/boot.env"
set +m
mkfifo "/tmp/agent-tick.$$" && exec 3<> "/tmp/agent-tick.$$" && rm "/tmp/agent-tick.$$"
exec 0< /dev/null

run_command() {
    local script=$1 name=$2 limit
    read -r limit < "$script"
    timeout -k 2 "${limit#\# timeout }" /bin/bash -c '. "$SHARE/functions.sh"; . "$1"' command "$script" \
        > "$SHARE/out/$name.log" 2>&1 3>&-
    echo $? > "$SHARE/out/$name.rc.part"
    mv "$SHARE/out/$name.rc.part" "$SHARE/out/$name.rc"
}

shopt -s nullglob
echo ready > "$SHARE/ready"
while [ ! -e "$SHARE/stop" ]; do
    for script in "$SHARE"/cmd/*.sh; do
        name=${script##*/}
        mv "$script" "$SHARE/cmd/$name.taken" && run_command "$SHARE/cmd/$name.taken" "${name%.sh}" &
        # The next look must not find the same file again.
        while [ -e "$script" ]; do read -t 0.01 -u 3; done
    done
    read -t 0.03 -u 3
done
[ $$ = 1 ] && busybox poweroff -f
