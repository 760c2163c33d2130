#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Roots that try to make the executor write elsewhere: what lies in a container's
# writable layer before the start is a stranger's. The canary and the host's
# mounts stay as they are; errors name what is wrong.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers
CANARY=$TMP/canary
mkdir "$CANARY"
echo alive >"$CANARY/file"
mkdir "$CANARY/dir"

# trap_container NAME [CREATE OPTION...] -- COMMAND...; the trap is laid in $UPPER.
make() {
        local options=() id
        NAME=$1
        shift
        while [ "$1" != -- ]; do
                options+=("$1")
                shift
        done
        shift
        id=$(berthctl create --name "$NAME" --network none "${options[@]}" "$BUSYBOX" "$@") || return
        UPPER=/var/lib/berth/containers/$id/upper
}

# The status and last line of the container's run.
outcome() {
        local status=0
        berthctl start -a "$NAME" >"$TMP/out" 2>&1 </dev/null || status=$?
        echo "$status $(tail -n 1 "$TMP/out")"
}

canary_before=$(find "$TMP/canary" -printf '%p %y %m %n %s %T@\n' | sort)
mounts_before=$(cut -d' ' -f3- /proc/1/mountinfo)
pattern_before=$(cat /proc/sys/kernel/core_pattern)
executor_before=$(sha256sum /usr/lib/berth/*)

for place in proc dev sys; do
        make "link-$place" -- true
        ln -s "$CANARY" "$UPPER/$place"
        like "/$place is a symlink: refused" "$(outcome)" "^125 .*/$place"
done
make file-dev -- true
rm -rf "${UPPER:?}/dev"
echo >"$UPPER/dev"
like "/dev is a file: refused" "$(outcome)" '^125 .*/dev'

make null -- sh -c 'ls -l /dev/null | cut -c1; cat /proc/keys /proc/timer_list; echo x >/proc/timer_list; echo end'
mkdir -p "$UPPER/dev"
ln -s /proc/sys/kernel/core_pattern "$UPPER/dev/null"
is "the root's own /dev is not used" "$(outcome)" "0 end"

for fd in 0 3 4 5 6 7 9 255; do
        make "cwd-$fd" -w "/proc/self/fd/$fd" -- true
        like "working directory /proc/self/fd/$fd: refused" "$(outcome)" '^125 .*working directory'
done
make cwd-root -w /proc/1/root -- true
like "working directory /proc/1/root: refused" "$(outcome)" '^125 .*working directory'
make cwd-link -w /w -- true
ln -s /proc/self/fd/4 "$UPPER/w"
like "working directory by a link to a descriptor: refused" "$(outcome)" '^125 .*working directory'
make cwd-up -w /w -- pwd
ln -s "../../../../../../..$CANARY" "$UPPER/w"
mkdir -p "$UPPER$CANARY"
is "a link upwards ends in the root" "$(outcome)" "0 $CANARY"

for target in /proc /proc/self/attr /proc/sys /proc/1 /proc/self/fd /sys/../proc/sys; do
        if berthctl create --name "on-proc" --tmpfs "$target" "$BUSYBOX" true >/dev/null 2>&1; then
                NAME=on-proc
                like "a mount on $target: refused" "$(outcome)" '^125 '
                berthctl rm -f on-proc >/dev/null
        else
                pass "a mount on $target: refused"
        fi
done
make through-proc --tmpfs /link/sys -- true
ln -s /proc "$UPPER/link"
like "a mount on /proc/sys through a link: refused" "$(outcome)" '^125 .*/link/sys'
make link-out -v "$CANARY:/link/new" -- cat /link/new/file
ln -s "../../../../../../..$CANARY" "$UPPER/link"
mkdir -p "$UPPER$CANARY"
is "a target through a link upwards is made in the root" "$(outcome)" "0 alive"
is "there and nowhere else" "$(ls "$UPPER$CANARY")" new
make resolv -- sh -c 'readlink /etc/hosts; cat /etc/hosts | grep -c localhost'
mkdir -p "$UPPER/etc"
ln -s ../run/nowhere/hosts "$UPPER/etc/hosts"
is "a file is mounted where a link to nothing points" "$(outcome)" "0 2"
make loop -- true
mkdir -p "$UPPER/etc"
ln -s hosts "$UPPER/etc/hosts"
like "a link to itself: refused" "$(outcome)" '^125 .*/etc/hosts'
make fifo -- true
mkdir -p "$UPPER/etc"
mkfifo "$UPPER/etc/hosts"
is "a FIFO as target does not hang" "$(outcome)" "0 "

for file in passwd group; do
        make "fifo-$file" --user "app:staff" -- true
        mkdir -p "$UPPER/etc"
        mkfifo "$UPPER/etc/$file"
        like "/etc/$file is a FIFO: refused" "$(outcome)" "^125 .*/etc/$file"
        make "link-$file" --user "app:staff" -- true
        mkdir -p "$UPPER/etc"
        ln -s "/host-$file" "$UPPER/etc/$file"
        like "/etc/$file is a symlink: it stays in the root" "$(outcome)" '^125 .*has no (user|group)'
        make "big-$file" --user "app:staff" -- true
        mkdir -p "$UPPER/etc"
        truncate -s 1048577 "$UPPER/etc/$file"
        like "/etc/$file is larger than 1 MiB: refused" "$(outcome)" "^125 .*/etc/$file"
done

# What the exec finds: interpreters that are not there, that are no programs, that are ourselves.
make interpreter -- /script
printf '#!/not/there\n' >"$UPPER/script"
chmod 755 "$UPPER/script"
like "an interpreter that is missing" "$(outcome)" '^127 .*/script'
make garbage -- /script
printf 'garbage' >"$UPPER/script"
chmod 755 "$UPPER/script"
like "no program" "$(outcome)" '^126 .*/script.*format'

# The executor's file cannot be opened for writing from inside, by whatever name it is run.
writer='for i in $(seq 300); do for f in /proc/[0-9]*/exe; do true >>$f && echo WROTE $f; done; done 2>/dev/null'
make self -- sh -c "$writer"
printf '#!/proc/self/exe features\n' >"$UPPER/script"
chmod 755 "$UPPER/script"
berthctl start "$NAME" >/dev/null
for i in $(seq 15); do
        berthctl exec "$NAME" /proc/self/exe features >/dev/null 2>&1
        berthctl exec "$NAME" /script >/dev/null 2>&1
done
berthctl wait "$NAME" >/dev/null
unlike "no executable of ours was opened for writing" "$(berthctl logs "$NAME" 2>&1)" WROTE
is "our programs are as before" "$(sha256sum /usr/lib/berth/*)" "$executor_before"

drop_containers
is "the canary is as before" "$(find "$TMP/canary" -printf '%p %y %m %n %s %T@\n' | sort)" "$canary_before"
is "the host's core pattern is as before" "$(cat /proc/sys/kernel/core_pattern)" "$pattern_before"
is "the host's mounts are as before" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$mounts_before"
is "nothing of the containers is left" "$(find /var/lib/berth/containers /run/berth/exec -mindepth 1 2>/dev/null)" ""
