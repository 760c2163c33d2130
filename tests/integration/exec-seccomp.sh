#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# System call filters: which profile counts, and that a compiled one is only
# taken from the cache when it is ours and fits.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers
CACHE=/var/cache/berth/seccomp

run() {
        berthctl run --rm --network none "$@" </dev/null
}

# "bad system calls" are told by mkdir here: busybox has no program for exotic ones.
profile() {
        printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":%d}]}\n' "$1" >"$TMP/profile.json"
}
try() {
        run --seccomp-profile "$TMP/profile.json" "$BUSYBOX" mkdir /x 2>&1
}

rm -rf "$CACHE"
is "the default profile" "$(run "$BUSYBOX" awk '/^Seccomp:/ { print $2 }' /proc/self/status)" 2
is "is compiled once" "$(find "$CACHE" -type f | wc -l)" 1
before=$(stat -c '%i %Y' "$CACHE"/*)
run "$BUSYBOX" true
is "and then taken from the cache" "$(stat -c '%i %Y' "$CACHE"/*)" "$before"
is "files and directory are root's alone" "$(stat -c '%U %a' "$CACHE" "$CACHE"/* | sort -u | paste -sd,)" "root 600,root 700"
run --cap-add SYS_TIME "$BUSYBOX" true
is "other capabilities have a filter of their own" "$(find "$CACHE" -type f | wc -l)" 2

profile 1
like "a profile of one's own" "$(try)" 'Operation not permitted'
profile 28
like "is read again when it has changed" "$(try)" 'No space left'
is "without the rule it works" "$(run --seccomp-profile unconfined "$BUSYBOX" sh -c 'mkdir /x && echo made')" made
like "exec has the container's profile" "$(
        berthctl run -d --name filtered --network none --seccomp-profile "$TMP/profile.json" "$BUSYBOX" sleep 1000 >/dev/null
        berthctl exec filtered mkdir /x 2>&1
        berthctl rm -f filtered >/dev/null)" 'No space left'
like "also beside one that may trace" "$(
        berthctl run -d --name filtered --cap-add SYS_PTRACE --network none --seccomp-profile "$TMP/profile.json" "$BUSYBOX" sleep 1000 >/dev/null
        berthctl exec filtered mkdir /x 2>&1
        berthctl rm -f filtered >/dev/null)" 'No space left'

# Files in the cache that are not ours, not whole, or of another profile: compiled anew.
spoil() {
        local text=$1
        shift
        profile 28
        rm -f "$CACHE"/*
        try >/dev/null
        for file in "$CACHE"/*; do
                "$@" "$file"
        done
        like "$text" "$(try)" 'No space left'
}
cut_short() { truncate -s -8 "$1"; }
make_longer() { printf 'xxxxxxxx' >>"$1"; }
make_empty() { : >"$1"; }
allow_all() {
        # The last instruction of each answer becomes "allow": only the owner may do that.
        perl -0pi -e 's/\x1c\x00\x05\x00/\x00\x00\xff\x7f/g' "$1"
        chown nobody "$1"
}
group_writable() {
        perl -0pi -e 's/\x1c\x00\x05\x00/\x00\x00\xff\x7f/g' "$1"
        chmod g+w "$1"
}
link_to() { mv "$1" "$TMP/moved"; perl -0pi -e 's/\x1c\x00\x05\x00/\x00\x00\xff\x7f/g' "$TMP/moved"; ln -s "$TMP/moved" "$1"; }
other_magic() { printf 'XXXXXXXX' | dd of="$1" conv=notrunc status=none; }
fifo() { rm "$1"; mkfifo "$1"; }
spoil "a file that was cut short" cut_short
spoil "a file that is too long" make_longer
spoil "an empty file" make_empty
spoil "somebody else's file" allow_all
spoil "a file that others may write" group_writable
spoil "a symlink" link_to
spoil "another kind of file" other_magic
spoil "a FIFO" fifo

echo '{"defaultAction":"SCMP_ACT_NOTHING"}' >"$TMP/profile.json"
fails_with 125 'SCMP_ACT_NOTHING' run --seccomp-profile "$TMP/profile.json" "$BUSYBOX" true
echo 'no json' >"$TMP/profile.json"
fails_with 125 'profile.json' run --seccomp-profile "$TMP/profile.json" "$BUSYBOX" true
fails_with 125 'missing.json' run --seccomp-profile "$TMP/missing.json" "$BUSYBOX" true
if [ -e /usr/share/containers/seccomp.json ]; then
        is "the distribution's profile" "$(run --seccomp-profile /usr/share/containers/seccomp.json "$BUSYBOX" awk '/^Seccomp:/ { print $2 }' /proc/self/status)" 2
else
        skip "the distribution's profile" "containers-common is not installed"
fi
