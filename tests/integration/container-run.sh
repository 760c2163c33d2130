#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Foreground runs: descriptors, exit status, signals; and what a setting does to
# the payload.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

run() {
        berthctl run --rm "$@"
}

for status in 0 1 42 125 126 127 255; do
        run "$BUSYBOX" sh -c "exit $status" </dev/null
        is "exit status $status" $? "$status"
done
run "$BUSYBOX" sh -c 'kill -9 $$' </dev/null
is "PID 1 cannot kill itself, and goes on" $? 0
fails_with 127 'not found' run "$BUSYBOX" /no/such/command
fails_with 127 'not found' run "$BUSYBOX" nosuchcommand
fails_with 126 'not executable|[Pp]ermission' run "$BUSYBOX" /etc/passwd
fails_with 125 'no.*user.*nobodyhere|nobodyhere' run --user nobodyhere "$BUSYBOX" true

is "standard output" "$(run "$BUSYBOX" echo out 2>/dev/null)" out
is "standard error" "$(run "$BUSYBOX" sh -c 'echo err >&2' 2>&1 >/dev/null)" err
is "standard input" "$(printf 'a\nb\n' | run -i "$BUSYBOX" cat)" $'a\nb'
is "bytes pass as they are" "$(head -c 300000 /dev/urandom | tee "$TMP/in" | run -i "$BUSYBOX" cat | sha256sum)" "$(sha256sum <"$TMP/in")"

# A signal to berthctl reaches the payload.
berthctl run --rm --name proxy "$BUSYBOX" sh -c 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$TMP/proxy" 2>&1 &
ok "the payload is ready" wait_until 10 grep -q ready "$TMP/proxy"
kill -TERM $!
wait $!
is "SIGTERM is passed on, and the status comes back" "$?, $(tail -n 1 "$TMP/proxy")" "9, got"

ok "nothing of a --rm container is left" wait_until 5 eval '[ -z "$(berthctl ps -aq; find /var/lib/berth/containers /run/berth/start -mindepth 1)" ]'
ok "a name can be used again at once" bash -c "for i in 1 2 3 4 5; do berthctl run --rm --name same $BUSYBOX true || exit 1; done"

# Settings, seen from inside.
is "--env" "$(run -e A=1 -e 'B=x y' "$BUSYBOX" sh -c 'echo $A $B')" "1 x y"
is "the environment is built from nothing" "$(SECRET_OF_CALLER=1 run "$BUSYBOX" env | grep -cE 'SECRET|NOTIFY|LISTEN|INVOCATION|JOURNAL')" 0
is "--user by name" "$(run --user app "$BUSYBOX" id -u)" 1000
is "--user brings its groups" "$(run --user app "$BUSYBOX" id -Gn | tr ' ' '\n' | sort | paste -sd' ')" "app extra staff"
is "--user by number, with a group" "$(run --user 12345:54321 "$BUSYBOX" sh -c 'id -u; id -g' | paste -sd:)" 12345:54321
is "--workdir" "$(run -w /tmp "$BUSYBOX" pwd)" /tmp
is "--hostname" "$(run --hostname box "$BUSYBOX" hostname)" box
is "--read-only" "$(run --read-only "$BUSYBOX" sh -c 'touch /x 2>/dev/null; echo $?; touch /tmp/x; echo $?' | paste -sd' ')" "1 0"
mkdir "$TMP/volume"; echo hello >"$TMP/volume/file"
is "--volume" "$(run -v "$TMP/volume:/data" "$BUSYBOX" cat /data/file)" hello
is "--volume ro" "$(run -v "$TMP/volume:/data:ro" "$BUSYBOX" sh -c 'touch /data/x 2>/dev/null; echo $?')" 1
like "--tmpfs" "$(run --tmpfs /scratch:size=1m "$BUSYBOX" mount)" 'tmpfs on /scratch type tmpfs .*size=1024k'
is "--network none has only lo, and it is up" "$(run --network none "$BUSYBOX" sh -c 'ls /sys/class/net; ip link show lo | grep -q LOWER_UP && echo up' | paste -sd' ')" "lo up"
is "--network host is the host's" "$(run --network host "$BUSYBOX" readlink /proc/self/ns/net)" "$(readlink /proc/1/ns/net)"
is "capabilities by default" "$(run "$BUSYBOX" awk '/CapBnd/ { print $2 }' /proc/self/status)" 00000000800405fb
is "--cap-drop all --cap-add" "$(run --cap-drop all --cap-add chown "$BUSYBOX" awk '/CapBnd/ { print $2 }' /proc/self/status)" 0000000000000001
is "another user has none" "$(run --user app "$BUSYBOX" awk '/CapEff|CapPrm|CapInh|CapAmb/ { print $2 }' /proc/self/status | sort -u)" 0000000000000000
is "seccomp is on" "$(run "$BUSYBOX" awk '/^Seccomp:/ { print $2 }' /proc/self/status)" 2
is "seccomp can be off" "$(run --seccomp-profile unconfined "$BUSYBOX" awk '/^Seccomp:/ { print $2 }' /proc/self/status)" 0
is "--no-new-privileges" "$(run --no-new-privileges "$BUSYBOX" awk '/NoNewPrivs/ { print $2 }' /proc/self/status)" 1
is "--umask" "$(run --umask 0077 "$BUSYBOX" sh -c umask)" 0077
is "--ulimit" "$(run --ulimit nofile=100:200 "$BUSYBOX" sh -c 'ulimit -Sn; ulimit -Hn' | paste -sd:)" 100:200
is "--sysctl" "$(run --sysctl net.ipv4.ip_unprivileged_port_start=99 "$BUSYBOX" cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 99
like "--shm-size" "$(run --shm-size 1m "$BUSYBOX" mount)" 'on /dev/shm type tmpfs .*size=1024k'
is "--oom-score-adj" "$(run --oom-score-adj 500 "$BUSYBOX" cat /proc/self/oom_score_adj)" 500
is "--device" "$(run --device /dev/fuse "$BUSYBOX" ls /dev/fuse)" /dev/fuse
is "--entrypoint" "$(run --entrypoint /bin/echo "$BUSYBOX" a b)" "a b"
is "--group-add" "$(run --group-add staff "$BUSYBOX" id -Gn | tr ' ' '\n' | grep -c staff)" 1
if [ -e /usr/share/zoneinfo/Asia/Tokyo ]; then
        is "--tz" "$(run --tz Asia/Tokyo "$BUSYBOX" date +%Z)" JST
else
        skip "--tz" "no zoneinfo on this machine"
fi

# What a payload must not see or have.
is "no descriptor beyond the standard ones" "$(run "$BUSYBOX" sh -c 'ls -l /proc/self/fd | wc -l')" "$(run "$BUSYBOX" sh -c 'set -- 0 1 2 3; echo $(($# + 1))')"
is "it sees its own processes only" "$(run "$BUSYBOX" sh -c 'ls -d /proc/[0-9]* | wc -l | grep -qE "^[1-5]$" && echo few')" few
is "kernel memory is masked" "$(run "$BUSYBOX" sh -c 'head -c1 /proc/kcore 2>/dev/null | wc -c')" 0
is "/proc/sys is read-only" "$(run "$BUSYBOX" sh -c 'echo x 2>/dev/null >/proc/sys/kernel/hostname; echo $?')" 1
is "/sys is read-only" "$(run "$BUSYBOX" sh -c 'mount | grep -c "on /sys type sysfs (ro"')" 1
is "the cgroup tree is read-only" "$(run "$BUSYBOX" sh -c 'mkdir /sys/fs/cgroup/x 2>/dev/null; echo $?')" 1
is "what is written stays out of the image" "$(run "$BUSYBOX" sh -c 'echo bad >/etc/passwd'; run "$BUSYBOX" head -n1 /etc/passwd | cut -d: -f1)" root
is "mounts of containers do not show on the host" "$(grep -cE ' /(run/berth|var/lib/berth/containers)' /proc/self/mountinfo)" 0

fails_with 125 'did you mean.*stop-signal|--stop-signal' berthctl run --stop-singal TERM "$BUSYBOX" true
fails_with 125 'StopSignal' berthctl run --stop-signal SIGFOO "$BUSYBOX" true
fails_with 125 'AutoRemove' berthctl run --rm --restart always "$BUSYBOX" true
fails_with 125 '[Nn]o such image' berthctl run --rm nosuchimage true
fails_with 125 '[Nn]ame' berthctl run --rm --name 'a/b' "$BUSYBOX" true
is "no container was made by any of these" "$(berthctl ps -aq)" ""
