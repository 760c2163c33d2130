#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A full disk and a read-only state directory: a clear error, nothing half made,
# and things work again when the cause is gone.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

# Below what is mounted here may be a mount of the lab's.
OURS=0
at_exit unmount

small_disk() {
        systemctl stop berthd.service
        mount -t tmpfs -o size="$1",mode=700 tmpfs /var/lib/berth
        OURS=1
}

unmount() {
        [ "$OURS" = 1 ] || return 0
        systemctl stop berthd.service
        umount /var/lib/berth
        OURS=0
}

visible() {
        find /var/lib/berth -mindepth 1 -maxdepth 3 \( -path '*/ostree' -prune -o -print \) | sort
}

small_disk 48m
berthctl images >/dev/null
before=$(visible)
fails_with 125 'space' berthctl load "$IMAGES/debian.oci.tar"
is "no image is there" "$(berthctl images -q)" ""
is "nothing half made is left" "$(visible)" "$before"
is "the objects that were written are gone again" "$([ "$(df --output=pcent /var/lib/berth | tail -n1 | tr -dc 0-9)" -lt 20 ] && echo yes)" yes
ok "a small image still fits" berthctl load "$IMAGES/busybox.oci.tar"
is "and runs" "$(berthctl run --rm "$BUSYBOX" echo works)" works
dd if=/dev/zero of=/var/lib/berth/filler bs=64k >/dev/null 2>&1
fails_with 125 'space' berthctl create --name none "$BUSYBOX" true
is "no container is there" "$(berthctl ps -aq)" ""
ok "rmi works on a full disk" berthctl rmi "$BUSYBOX"
rm -f /var/lib/berth/filler
unmount

hold before
systemctl stop berthd.service
mount --bind /var/lib/berth /var/lib/berth
OURS=1
mount -o remount,bind,ro /var/lib/berth
is "queries work on a read-only state directory" "$(berthctl ps --format '{{.Names}}')" before
fails_with 125 '[Rr]ead-only' berthctl create --name none "$BUSYBOX" true
fails_with 125 '[Rr]ead-only' berthctl load "$IMAGES/nginx.oci.tar"
is "the container runs on" "$(systemctl is-active berth-before.service)" active
unmount
is "afterwards all is as before" "$(berthctl ps -a --format '{{.Names}}')" before
ok "and changes work" berthctl rm -f before
