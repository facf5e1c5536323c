#!/bin/bash
# Process 1 of a guest: a user-mode-linux kernel whose root is the host's, read-only. Everything
# that is written here lands in a tmpfs or in the directory shared with the host.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
here=${0%/*}
. "$here/boot.env"

fail() { echo "guest: $*"; echo "$*" > "${SHARE:-/dev}/failed"; busybox poweroff -f; }

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /mnt && mkdir /mnt/share && mount -t hostfs none /mnt/share -o "$here" || fail "no shared directory"
export SHARE=/mnt/share
cd /mnt || fail "no /mnt"
for place in /run /tmp /var/log /var/tmp /etc/ppp /dev; do mount -t tmpfs tmpfs "$place"; done
mkdir /run/lock /run/pptp /dev/pts /dev/shm
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
mknod -m 666 /dev/tty c 5 0
mknod -m 666 /dev/ptmx c 5 2
mknod -m 600 /dev/ppp c 108 0
ln -s /proc/self/fd /dev/fd
mount -t devpts -o mode=620 devpts /dev/pts

# Modules do not load by themselves in this kernel, and lie where modprobe does not look.
mkdir -p /mnt/kernel/lib && ln -s /usr/lib/uml/modules /mnt/kernel/lib/modules
for module in ppp_async ppp_mppe gre $EXTRA_MODULES; do
    modprobe -d /mnt/kernel "$module" || fail "cannot load $module"
done

ip link set lo up
index=0
for address in $ADDRESSES; do
    ip link set "vec$index" mtu 1500 up && ip address add "$address" dev "vec$index" || fail "no vec$index"
    index=$((index + 1))
done
# Frames carry finished checksums only when nothing is left to a network card that is not there.
for device in /sys/class/net/vec*; do ethtool -K "${device##*/}" tx off sg off tso off gso off gro off 2>/dev/null; done

exec /bin/bash "$SHARE/agent.sh"
