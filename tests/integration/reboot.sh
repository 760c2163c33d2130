#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a reboot and power cuts leave: restart policies and Quadlet files start with the system, the others are exited,
# --rm is gone; nothing that was acknowledged is lost, and nothing is there by half.
# Needs: boots
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

[ "$(cat /run/lab/boots 2>/dev/null)" = 1 ] || skip_all "the lab does not boot twice here; tests/run --vm reboot does"

KEPT=/var/lib/lab-disk/reboot
BUSYBOX=$(image busybox)
CUTS=3

state() {
        berthctl inspect --format '{{.State.Status}}' "$1" 2>&1
}

is_running() {
        [ "$(state "$1")" = running ]
}

before_reboot() {
        mkdir -p "$KEPT" /etc/containers/systemd
        load_image busybox
        local policy
        for policy in no always unless-stopped on-failure; do
                berthctl run -d --name "$policy" --restart "$policy" "$BUSYBOX" sleep 100000 >/dev/null
        done
        berthctl run -d --name stopped --restart unless-stopped "$BUSYBOX" sleep 100000 >/dev/null
        berthctl stop -t 0 stopped >/dev/null
        berthctl run -d --name temporary --rm "$BUSYBOX" sleep 100000 >/dev/null
        printf 'berth:1000000:1000000\n' | tee /etc/subuid >/etc/subgid
        berthctl run -d --name mapped --userns auto --restart always "$BUSYBOX" sleep 100000 >/dev/null
        berthctl exec mapped sh -c 'echo kept >/root/file'
        cat >/etc/containers/systemd/quadlet.container <<FILE
[Container]
Image=$BUSYBOX
Exec=sleep 100000
[Install]
WantedBy=multi-user.target
FILE
        berthctl ps -a --no-trunc --format '{{.ID}} {{.Names}}' | grep -v temporary | sort >"$KEPT/containers"
        is "six run" "$(berthctl ps -q | wc -l)" 6
        next_boot again
}

after_reboot() {
        ok "the system is up" wait_until 120 systemctl is-system-running --wait
        local name
        for name in always unless-stopped mapped; do
                ok "$name: it has started with the system" wait_until 60 is_running "$name"
        done
        ok "so has the service of the .container file" wait_until 60 systemctl is-active quadlet.service
        is "its container is there" "$(state systemd-quadlet)" running
        is "one without a policy is exited" "$(state no)" exited
        is "on-failure too: it was stopped in order" "$(state on-failure)" exited
        is "what was stopped stays so" "$(state stopped)" exited
        like "--rm is gone" "$(state temporary)" '[Nn]o (such )?container'
        is "files are as they were" "$(berthctl exec mapped sh -c 'cat /root/file; stat -c %u /root/file' | paste -sd' ')" "kept 0"
        is "all others are there" "$(berthctl ps -a --no-trunc --format '{{.ID}} {{.Names}}' | grep -v systemd-quadlet | sort)" "$(cat "$KEPT/containers")"
        ok "start again" berthctl start no
        cut_under_load
}

# Acknowledged is what berthctl has ended with 0 for; then its name is on the disk.
note() {
        echo "$2" >>"$KEPT/$1"
        sync "$KEPT/$1"
}

forget() {
        : >"$KEPT/$1"
        sync "$KEPT/$1"
}

create_load() {
        local i id
        for i in $(seq 1000); do
                id=$(berthctl create --name "cut$PHASE-$1-$i" "$BUSYBOX" sleep 1000) && note created "$id cut$PHASE-$1-$i"
        done
}

load_load() {
        local i
        for i in $(seq 1000); do
                berthctl tag "$BUSYBOX" "localhost/cut:$PHASE-$i" && note tagged "localhost/cut:$PHASE-$i"
                berthctl load -q -i "$IMAGES/busybox-app.oci.tar" >/dev/null && note loaded "$(image busybox-app)"
                [ $((i % 2)) = 0 ] || { forget loaded && berthctl rmi "$(image busybox-app)" >/dev/null; }
        done
}

run_load() {
        local i
        for i in $(seq 1000); do
                berthctl run --rm --name "short$PHASE-$i" "$BUSYBOX" sh -c 'echo x >/file' >/dev/null
                berthctl rm "cut$PHASE-a-$i" >/dev/null 2>&1 && note removed "cut$PHASE-a-$i"
        done
}

cut_under_load() {
        : >"$KEPT/loaded"
        create_load a &
        create_load b &
        load_load &
        run_load &
        sleep $((4 + RANDOM % 8)).$((RANDOM % 10))
        next_boot cut
} >/dev/null 2>&1

after_cut() {
        ok "cut $((PHASE - 2)): the daemon is up" wait_until 120 berthctl ps
        local name half=0 dir
        touch "$KEPT/created" "$KEPT/tagged" "$KEPT/removed"
        berthctl ps -a --no-trunc --format '{{.ID}} {{.Names}}' | sort >"$TMP/all"
        # One whose removal was under way may be gone although nobody was told.
        sort "$KEPT/created" | comm -23 - "$TMP/all" | grep -vwFf "$KEPT/removed" >"$TMP/lost"
        diag "$(wc -l <"$KEPT/created") were created, $(wc -l <"$KEPT/removed") removed, $(grep -c ' cut' "$TMP/all") are there"
        ok "some were made" test -s "$KEPT/created"
        ok "no container that was acknowledged is lost" test "$(wc -l <"$TMP/lost")" -le 1
        is "none that was removed is back" "$(grep -cwFf "$KEPT/removed" "$TMP/all")" 0
        is "no tag is lost" "$(while read -r name; do berthctl image exists "$name" || echo "$name"; done <"$KEPT/tagged")" ""
        is "no image is lost" "$(while read -r name; do berthctl image exists "$name" || echo "$name"; done <"$KEPT/loaded")" ""
        ok "nothing is left by half" wait_until 60 sh -c '! ls -d /var/lib/berth/containers/.* /var/lib/berth/images/.* 2>/dev/null | grep -vE "/\.{1,2}$"'
        for dir in /var/lib/berth/containers/*; do
                if [ ! -s "$dir/container.json" ] || [ ! -s "$dir/config.json" ]; then half=$((half + 1)); fi
        done
        is "each container is whole" "$half" 0
        is "nothing is damaged" "$(ls /var/lib/berth/damaged 2>/dev/null)" ""
        like "all that is stored is as it should be" "$(/usr/lib/berth/berth-pull check 2>&1)" '"Problems": ?\[\]'
        ok "the objects are whole" ostree fsck --quiet --repo=/var/lib/berth/ostree/repo
        ok "an image is as it was" berthctl run --rm "$BUSYBOX" sh -c 'test "$(cat /etc/berth-test-version)" = 3.0'
        ok "policies have started theirs" wait_until 60 is_running always
        for name in $(awk '$2 ~ /^cut/ { print $2 }' "$TMP/all" | tail -n 2); do
                ok "$name starts" berthctl start "$name"
        done
        berthctl ps -a --format '{{.Names}}' | grep '^cut' | xargs -r berthctl rm -f -t 0 >/dev/null
        rm -f "$KEPT/created" "$KEPT/removed"
        [ "$PHASE" -ge $((2 + CUTS)) ] || cut_under_load
}

case $PHASE in
1) before_reboot ;;
2) after_reboot ;;
*) after_cut ;;
esac
