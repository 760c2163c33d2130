# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Helpers of the integration tests. A test is a script tests/integration/NAME.sh
# that begins with
#
#       . "$(dirname -- "$0")/lib.sh"
#
# and runs as root on a machine whose PID 1 is systemd and where Berth is
# installed. It prints TAP; the plan ("1..N") comes last and by itself, so that a
# script that ends early is noticed. By hand, from the top of the source tree:
#
#       meson install -C build --destdir /tmp/tree
#       tests/lab/sandbox --overlay /tmp/tree tests/integration/all NAME
#
# Tests:  ok TEXT COMMAND...               the command succeeds
#         is TEXT GOT EXPECTED             equal strings
#         like TEXT GOT REGEX              extended regular expression, any line
#         unlike TEXT GOT REGEX
#         fails_with STATUS REGEX COMMAND...  exit status and message, both exact
#         pass TEXT / fail TEXT [WHY] / skip TEXT REASON / skip_all REASON
# Help:   wait_until SECONDS COMMAND...    instead of sleep
#         at_exit COMMAND...               last one first, also when interrupted
#         snapshot                         prints the state on disk and in systemd
#         load_image NAME                  load images/NAME.oci.tar, once
#         image NAME                       prints its name for berthctl
#         hold NAME [RUN OPTION...]        a running busybox container
#         next_boot again|cut              reboots in order, or as by a power cut, and
#                                          calls the script again with the next
#                                          $PHASE; for tests with "# Needs: boots"

set -uo pipefail

IMAGES=${BERTH_IMAGES:-/share/images}
[ -d "$IMAGES" ] || IMAGES=${BERTH_TEST_CACHE:-/var/cache/berth-tests}/images
TMP=$(mktemp -d /tmp/berth-test.XXXXXX)

TAP_COUNT=0
TAP_FAILED=0
TAP_AT_EXIT=()

PHASE=${BERTH_TEST_PHASE:-1}
PROGRESS=${BERTH_TEST_LOGS:-}/progress
if [ "$PHASE" -gt 1 ]; then
        read -r _ _ TAP_COUNT TAP_FAILED _ <"$PROGRESS"
fi

next_boot() {
        local name=${0##*/}
        trap - EXIT
        rm -rf "$TMP"
        echo "${name%.sh} $((PHASE + 1)) $TAP_COUNT $TAP_FAILED $BERTH_TEST_TOTALS" >"$PROGRESS"
        sync "$PROGRESS" "${PROGRESS%/*}/${name%.sh}.log"
        exec /run/lab/vm-init "$1"
}

diag() {
        local line
        while IFS= read -r line; do
                echo "# $line"
        done <<<"$*"
}

pass() {
        TAP_COUNT=$((TAP_COUNT + 1))
        echo "ok $TAP_COUNT - $1"
}

fail() {
        TAP_COUNT=$((TAP_COUNT + 1))
        TAP_FAILED=$((TAP_FAILED + 1))
        echo "not ok $TAP_COUNT - $1"
        diag "${0##*/}, line ${BASH_LINENO[-2]}"
        [ $# -lt 2 ] || diag "$(head -n 25 <<<"$2")"
}

skip() {
        TAP_COUNT=$((TAP_COUNT + 1))
        echo "ok $TAP_COUNT - $1 # SKIP $2"
}

skip_all() {
        echo "1..0 # SKIP $1"
        TAP_COUNT=-1
        exit 0
}

ok() {
        local text=$1 output status=0
        shift
        output=$("$@" 2>&1) || status=$?
        if [ "$status" = 0 ]; then
                pass "$text"
        else
                fail "$text" "$* ended with status $status:"$'\n'"$output"
        fi
}

is() {
        if [ "$2" = "$3" ]; then
                pass "$1"
        else
                fail "$1" "     got: $2"$'\n'"expected: $3"
        fi
}

like() {
        if grep -qE -- "$3" <<<"$2"; then
                pass "$1"
        else
                fail "$1" "         got: $2"$'\n'"no match for: $3"
        fi
}

unlike() {
        if grep -qE -- "$3" <<<"$2"; then
                fail "$1" "          got: $2"$'\n'"unwanted match: $3"
        else
                pass "$1"
        fi
}

# The text of the test is the command itself: what fails, and how, is the test.
fails_with() {
        local expected=$1 regex=$2 output status=0
        shift 2
        output=$("$@" 2>&1 </dev/null) || status=$?
        if [ "$status" != "$expected" ]; then
                fail "${*@Q}: exit status $expected" "status $status, output: $output"
        elif ! grep -qE -- "$regex" <<<"$output"; then
                fail "${*@Q}: says $regex" "output: $output"
        else
                pass "${*@Q}: exit status $expected, says $regex"
        fi
}

wait_until() {
        local deadline=$((SECONDS + $1))
        shift
        until "$@" >/dev/null 2>&1; do
                [ "$SECONDS" -lt "$deadline" ] || return 1
                sleep 0.05
        done
}

at_exit() {
        TAP_AT_EXIT+=("${*@Q}")
}

# What a failed or interrupted operation must leave as it was: the names, kinds
# and sizes below the state directories, the units, the mounts. Lock files and
# OSTree's own cache come and go.
snapshot() {
        local dir
        for dir in /var/lib/berth /run/berth; do
                [ -d "$dir" ] || continue
                # OSTree keeps its temporary directory, and the 256 directories of objects.
                find "$dir" -mindepth 1 \( -path '*/repo/tmp' -o -name '*.lock' -o -name '.lock' \) -prune -o \
                        -path '*/repo/objects/??' -o \( -type f -printf '%p %y %m %s\n' -o -printf '%p %y %m %l\n' \)
        done | sort
        systemctl list-units --all --plain --no-legend 'berth-*' | awk '!/berth-lab/ { print $1, $3, $4 }'
        grep -c berth /proc/self/mountinfo || true
}

unchanged() {
        local text=$1 before=$2 after
        after=$(snapshot)
        if [ "$before" = "$after" ]; then
                pass "$text"
        else
                fail "$text" "$(diff <(echo "$before") <(echo "$after") || true)"
        fi
}

image() {
        echo "localhost/berth-test/$1:latest"
}

load_image() {
        local output
        berthctl inspect "$(image "$1")" >/dev/null 2>&1 && return 0
        output=$(berthctl load "$IMAGES/$1.oci.tar" 2>&1) && return 0
        fail "load the image $1" "$output"
        exit 1
}

hold() {
        local name=$1
        shift
        berthctl run -d --name "$name" --network none "$@" "$(image busybox)" sleep 1000000 >/dev/null
}

drop_containers() {
        local names
        mapfile -t names < <(berthctl ps -a -q 2>/dev/null)
        [ "${#names[@]}" = 0 ] || berthctl rm -f "${names[@]}" >/dev/null 2>&1 || true
}

tap_end() {
        local status=$? i
        trap - EXIT
        for ((i = ${#TAP_AT_EXIT[@]} - 1; i >= 0; i--)); do
                eval "${TAP_AT_EXIT[i]}" >/dev/null 2>&1 || true
        done
        rm -rf "$TMP"
        if [ "$TAP_COUNT" -ge 0 ]; then
                echo "1..$TAP_COUNT"
                # A script that was ended by an error has not made all of its tests.
                [ "$status" = 0 ] || diag "the script ended with status $status"
                [ "$status" != 0 ] || [ "$TAP_FAILED" = 0 ] || status=1
        fi
        exit "$status"
}

trap tap_end EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
