#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers with user namespaces of their own: who they are on the host, what they may do, what they leave on disk,
# and that no two have the same IDs.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
load_image busybox-app
BUSYBOX=$(image busybox)
APP=$(image busybox-app)
at_exit drop_containers

# The files of the machine are put back.
for file in /etc/subuid /etc/subgid; do
        [ ! -e "$file" ] || cp -p "$file" "$TMP/${file##*/}"
        at_exit sh -c "if [ -e '$TMP/${file##*/}' ]; then cp -p '$TMP/${file##*/}' '$file'; else rm -f '$file'; fi"
done
ranges() {
        printf '%s\n' "$@" | tee /etc/subuid >/etc/subgid
}

ranges 'alice:100000:65536'
fails_with 125 'berth:2147483648:1073741824.*/etc/subuid' berthctl run --rm --userns auto "$BUSYBOX" true
ranges 'alice:100000:65536' 'containers:300000:65536'
like "without a range of Berth's that of containers serves" "$(berthctl run --rm --userns auto "$BUSYBOX" cat /proc/self/uid_map)" '^ *0 +300000 +2001$'
ranges 'alice:100000:65536' 'berth:1000000:1000000' 'berth:100000:65536' 'bob:1000000:10'
is "what is another's is not taken" "$(berthctl run --rm --userns auto "$BUSYBOX" awk '{ print $2 }' /proc/self/uid_map)" 1000010
ranges 'alice:100000:65536' 'berth:1000000:1000000'

is "as many as the image needs" "$(berthctl run --rm --userns auto "$BUSYBOX" awk '{ print $3 }' /proc/self/gid_map)" 2001
is "or the user" "$(berthctl run --rm --userns auto --user 5000 "$BUSYBOX" sh -c 'awk "{ print \$3 }" /proc/self/uid_map; id -u' | paste -sd' ')" "5001 5000"
is "or as many as are asked for" "$(berthctl run --rm --userns auto:size=70000 "$BUSYBOX" awk '{ print $3 }' /proc/self/uid_map)" 70000
is "with parts that are given" "$(berthctl run --rm --userns auto:size=2500,uidmapping=5:4000:2 "$BUSYBOX" awk '{ print $1, $2, $3 }' /proc/self/uid_map | sort -n | paste -sd,)" "0 1000000 5,5 4000 2,7 1000005 2493"
fails_with 125 'size=' berthctl run --rm --userns auto --user 70000 "$BUSYBOX" true
fails_with 125 'no 2000000 IDs' berthctl run --rm --userns auto:size=2000000 "$BUSYBOX" true

hold one --userns auto
hold two --userns auto
start_of() {
        berthctl exec "$1" awk '{ print $2; exit }' /proc/self/uid_map
}
pid_of() {
        berthctl inspect --format '{{.State.Pid}}' "$1"
}
is "two have different ranges" "$(start_of one) $(start_of two)" "1000000 1002001"
is "on the host root is not root" "$(awk '/^Uid/ { print $2 }' "/proc/$(pid_of one)/status")" 1000000
is "inside it is" "$(berthctl exec one id -u)" 0
is "inspect shows the IDs" "$(berthctl inspect --format '{{.HostConfig.UsernsMode}} {{index .HostConfig.IDMappings.UidMap 0}}' two)" "private 0:1002001:2001"
is "an exec as a user is that user" "$(berthctl exec --user app one id -un)" app
berthctl exec --user app one sleep 47 &
wait_until 10 pgrep -f '^sleep 47'
is "and on the host the one of the range" "$(awk '/^Uid/ { print $2 }' "/proc/$(pgrep -nf '^sleep 47')/status")" 1001000
kill %% 2>/dev/null
wait

is "owners in the image are the image's" "$(berthctl exec one stat -c '%u:%g' / /etc/passwd /home/app | paste -sd' ')" "0:0 0:0 1000:1000"
berthctl exec one sh -c 'echo x >/root/new; touch /home/app/other; chown 1000:1000 /home/app/other; echo changed >>/etc/passwd; mkdir -p /deep/a/b; chown -R 5:5 /deep' || fail "it writes"
UPPER=/var/lib/berth/containers/$(berthctl inspect --format '{{.Id}}' one)/upper
is "what it writes has the image's owners on disk" "$(stat -c '%u:%g' "$UPPER/root/new" "$UPPER/home/app/other" "$UPPER/etc/passwd" "$UPPER/deep/a/b" | paste -sd' ')" "0:0 1000:1000 0:0 5:5"
is "the image is as it was" "$(berthctl run --rm "$BUSYBOX" grep -c changed /etc/passwd)" 0
is "its files of the host are root's" "$(berthctl exec one stat -c %u /etc/hosts /etc/hostname | paste -sd' ')" "0 0"
ok "devices work" berthctl exec one sh -c 'echo x >/dev/null; head -c 1 /dev/zero >/dev/null; head -c1 /dev/urandom >/dev/null; test -c /dev/tty'
is "sysfs and procfs are there and mounted by it" "$(berthctl exec one sh -c 'ls /sys/class >/dev/null && cat /proc/sys/kernel/hostname && mount | grep -c "^mqueue"')" "$(berthctl inspect --format '{{.Config.Hostname}}' one)"$'\n1'
is "control groups are read-only" "$(berthctl exec one sh -c 'mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; echo tried')" tried

mkdir "$TMP/volume"
echo secret >"$TMP/volume/secret"
chmod 0600 "$TMP/volume/secret"
is "root's files of a volume are nobody's" "$(berthctl run --rm --userns auto -v "$TMP/volume:/v" "$BUSYBOX" sh -c 'stat -c %u /v/secret; cat /v/secret 2>&1 | grep -c denied' | paste -sd' ')" "65534 1"
is "with idmap they are root's" "$(berthctl run --rm --userns auto -v "$TMP/volume:/v:idmap" "$BUSYBOX" sh -c 'stat -c %u /v/secret; cat /v/secret; touch /v/made; chown 1000 /v/made' | paste -sd' ')" "0 secret"
is "and what is made there has its owner on disk" "$(stat -c %u "$TMP/volume/made")" 1000
cp "$(command -v id)" "$TMP/volume/id" && chmod 4755 "$TMP/volume/id"
like "a set-id program of a volume makes nobody root" "$(berthctl run --rm --userns auto --user app -v "$TMP/volume:/v" "$BUSYBOX" sh -c 'grep -c " /v .*nosuid" /proc/mounts')" 1

# It may send signals to nobody but its own, and trace nobody.
hold victim
is "another container is out of its reach" "$(berthctl run --rm --userns auto --network host "$BUSYBOX" sh -c "kill -9 $(pid_of victim) 2>/dev/null && echo killed; ls /proc/$(pid_of victim) 2>/dev/null; echo tried")" tried
like "with the host's network it boots too" "$(berthctl run --rm --userns auto --network host "$BUSYBOX" ls /sys/class/net)" lo

is "an image's own user" "$(berthctl run --rm --userns auto --entrypoint id "$APP" -u)" 1000
is "keep-id is another namespace with the same IDs" "$(berthctl run --rm --userns keep-id "$BUSYBOX" awk '{ print $1, $2, $3 }' /proc/self/uid_map)" "0 0 4294967295"
is "keep-id may name a user" "$(berthctl run --rm --userns keep-id:uid=1000,gid=50 "$BUSYBOX" id -u -g 2>/dev/null || berthctl run --rm --userns keep-id:uid=1000,gid=50 "$BUSYBOX" sh -c 'echo $(id -u) $(id -g)')" "1000 50"
is "nomap maps none of the machine's" "$(berthctl run --rm --userns nomap "$BUSYBOX" awk '{ print ($2 >= 1000000), $3 }' /proc/self/uid_map)" "1 65536"
is "host is none" "$(berthctl run --rm --userns host "$BUSYBOX" readlink /proc/self/ns/user)" "$(readlink /proc/self/ns/user)"
is "numbers" "$(berthctl run --rm --uidmap 0:200000:1000 --uidmap 1000:300000:2000 "$BUSYBOX" awk '{ print $1, $2, $3 }' /proc/self/gid_map | paste -sd,)" "0 200000 1000,1000 300000 2000"
is "the ranges of a name" "$(berthctl run --rm --subuidname alice "$BUSYBOX" awk '{ print $1, $2, $3 }' /proc/self/uid_map)" "0 100000 65536"
fails_with 125 'two parts overlap' berthctl run --rm --uidmap 0:200000:10 --uidmap 5:300000:10 "$BUSYBOX" true
fails_with 125 'stands alone' berthctl run --rm --userns auto --uidmap 0:200000:10 "$BUSYBOX" true
fails_with 125 'last ID' berthctl run --rm --uidmap 0:4294967290:10 "$BUSYBOX" true
fails_with 125 'not among the container' berthctl run --rm --uidmap 1:200000:10 "$BUSYBOX" true

is "an init of ours runs there" "$(berthctl run --rm --userns auto --init "$BUSYBOX" readlink /proc/1/exe)" /run/podman-init
is "read-only too" "$(berthctl run --rm --userns auto --read-only "$BUSYBOX" sh -c 'touch /x 2>/dev/null; touch /tmp/x && echo tmp')" tmp
ok "stop and start" sh -c 'berthctl stop -t 1 one && berthctl start one'
is "the range is still its own" "$(start_of one)" 1000000
is "with what it wrote" "$(berthctl exec one stat -c %u /root/new /home/app/other | paste -sd' ')" "0 1000"
berthctl rm -f -t 0 one >/dev/null
is "its files are gone" "$(ls -d "$UPPER" 2>/dev/null)" ""
is "and its range is free" "$(berthctl run --rm --userns auto "$BUSYBOX" awk '{ print $2 }' /proc/self/uid_map)" 1000000

# Many: pairwise disjoint, and none that somebody else has.
for i in $(seq 40); do
        berthctl create --name "many$i" --userns auto "$BUSYBOX" true >/dev/null &
        [ $((i % 8)) != 0 ] || wait
done
wait
for kind in UidMap GidMap; do
        berthctl inspect --format "{{index .HostConfig.IDMappings.$kind 0}}" $(seq -f many%g 40) two
done | sort -t: -k2 -n | awk -F: '$2 < 1000000 || $2 + $3 > 2000000 { bad = 1 } END { exit bad }' || fail "ranges are in Berth's"
is "none of 41 containers has an ID of another" "$(berthctl inspect --format "{{index .HostConfig.IDMappings.UidMap 0}}" $(seq -f many%g 40) two | sort -t: -k2 -n | awk -F: '$2 < end { bad++ } { end = $2 + $3 } END { print NR, bad + 0 }')" "41 0"
systemctl kill -s KILL berthd.service
wait_until 10 berthctl ps
is "a daemon that was killed remembers them" "$(berthctl create --userns auto --name after "$BUSYBOX" true >/dev/null; berthctl inspect --format "{{index .HostConfig.IDMappings.UidMap 0}}" $(seq -f many%g 40) two after | sort -t: -k2 -n | awk -F: '$2 < end { bad++ } { end = $2 + $3 } END { print NR, bad + 0 }')" "42 0"
