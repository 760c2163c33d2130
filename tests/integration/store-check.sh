#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bit rot: check finds a flipped bit in any file of the store, repairs what can be
# repaired, and an image that needs its layers again is whole after a load --force.
# BERTH_PULL names another worker, BERTH_FLIPS how many bits.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

PULL=${BERTH_PULL:-/usr/lib/berth/berth-pull}
[ -x "$PULL" ] || skip_all "there is no $PULL"
command -v python3 >/dev/null || skip_all "python3 is not installed"
TOOLS=$(dirname -- "$0")/../images
DIR=$(mktemp -d "${BERTH_TEST_DISK:-/var/tmp}/berth-store-check.XXXXXX")
at_exit rm -rf "$DIR"
STORE=$DIR/store

# The result alone.
pull() {
        "$PULL" --state-dir "$STORE" "$@" | tail -n1
}

# What a check finds, in one line; nothing when all is well.
problems() {
        pull check "$@" | jq -r '.Result | (.Problems + [.Images[].Problems[]]) | sort | join("; ")'
}
repairs() {
        pull check --repair | jq -r '[.Result.Images[].Repaired[]] | sort | join("; ")'
}

"$TOOLS/hard-layers" "$DIR/hard.tar"
pull load <"$IMAGES/busybox.oci.tar" >/dev/null
pull load <"$DIR/hard.tar" >/dev/null
IMAGE=$(dirname -- "$(dirname -- "$(ls -d "$STORE"/images/*/rootfs/capable)")")
ROOT=$IMAGE/rootfs
is "a good store has no problems" "$(problems)" ""
like "bits that flip are found" "$("$TOOLS/flip-bits" "$PULL" "$STORE" "${BERTH_FLIPS:-200}" 2>&1)" "^${BERTH_FLIPS:-200} of ${BERTH_FLIPS:-200} found in 9 kinds"

# One change at a time: what is found, and what a repair makes of it.
damage() {
        local text=$1 found=$2
        shift 2
        "$@"
        is "$text is found" "$(problems)" "$found"
        like "$text is repaired" "$(repairs)" "${found##*; }"
        is "and nothing is wrong then" "$(problems)" ""
}
add_attribute() {
        python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.x", b"y")' "$1"
}
replace() {
        cp -a --remove-destination "$1" "$DIR/copy"
        echo more >>"$DIR/copy"
        touch -r "$1" "$DIR/copy"
        mv "$DIR/copy" "$1"
}
damage "a file that is gone" "/d has another owner, mode, time or attributes; /d/other is not there" rm "$ROOT/d/other"
damage "a file in the place of another" "/ has another owner, mode, time or attributes; /fraction is not what the image has there" replace "$ROOT/fraction"
damage "a file too many" "/sticky has another owner, mode, time or attributes; /sticky/more is not of the image" touch "$ROOT/sticky/more"
damage "a directory's mode" "/sticky has another owner, mode, time or attributes" chmod 700 "$ROOT/sticky"
damage "a directory's time" "/sticky has another owner, mode, time or attributes" touch "$ROOT/sticky"
damage "a directory's attribute" "/sticky has another owner, mode, time or attributes" add_attribute "$ROOT/sticky"
damage "a directory that is gone" "/ has another owner, mode, time or attributes; /opaque is not there, or no directory" \
        rm -r "$ROOT/opaque"

# An object that has lost its name in the store is in the tree still.
rm "$(find "$STORE/ostree/repo/objects" -samefile "$ROOT/fraction")"
is "an object without a name is found" "$(problems)" "/fraction has lost its object in the store"
is "and has one again" "$(repairs)" "/fraction had lost its object in the store"
is "and nothing is wrong then" "$(problems)" ""

# What is damaged itself must come again.
rot() {
        touch -r "$1" "$DIR/times"
        printf X | dd of="$1" bs=1 seek=0 conv=notrunc status=none
        touch -r "$DIR/times" "$1"
}
rot "$ROOT/same-1"
like "a damaged object is found" "$(problems)" '^object .*\.file is damaged'
like "a repair takes it away" "$(problems --repair)" '/same-1 has lost its object'
like "the image needs it" "$(problems)" '/same-1 has lost its object'
like "load --force" "$(pull load --force <"$DIR/hard.tar")" '"Images"'
is "brings it back" "$(problems)" ""
is "with its content" "$(cat "$ROOT/same-1")" same
rm "$IMAGE/image.json" "$(find "$STORE/ostree/repo/objects" -name '*.dirtree' | sort | sed -n 3p)"
like "a record and a directory that are gone" "$(problems)" 'missing or damaged|image.json has changed'
pull check --repair >/dev/null
pull load --force <"$DIR/hard.tar" >/dev/null
pull load --force <"$IMAGES/busybox.oci.tar" >/dev/null
is "come back" "$(problems)" ""
ok "and the objects are whole" ostree fsck --quiet --repo="$STORE/ostree/repo"

mkdir "$STORE/images/.$(basename "$IMAGE").0123456789abcdef.tmp"
like "a leftover is found" "$(problems)" '^leftover images/'
pull check --repair >/dev/null
is "and removed" "$(problems)" ""
