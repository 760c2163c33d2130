#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a payload is at its first instruction: ids, capabilities, descriptors,
# signals, environment, limits, namespaces; the same for a container's first
# process and for one that is put beside it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

FIELDS='^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|SigBlk|SigIgn|Umask):'
read_status="grep -E '$FIELDS' /proc/self/status | tr -s '\\t ' ' '"

ROOT_STATUS='Umask: 0022
Uid: 0 0 0 0
Gid: 0 0 0 0
Groups: 0 
SigBlk: 0000000000000000
SigIgn: 0000000000000000
CapInh: 0000000000000000
CapPrm: 00000000800405fb
CapEff: 00000000800405fb
CapBnd: 00000000800405fb
CapAmb: 0000000000000000
NoNewPrivs: 0
Seccomp: 2'
APP_STATUS='Umask: 0022
Uid: 1000 1000 1000 1000
Gid: 1000 1000 1000 1000
Groups: 50 1000 1001 
SigBlk: 0000000000000000
SigIgn: 0000000000000000
CapInh: 0000000000000000
CapPrm: 0000000000000000
CapEff: 0000000000000000
CapBnd: 00000000800405fb
CapAmb: 0000000000000000
NoNewPrivs: 0
Seccomp: 2'
APP_GROUPS=$(berthctl run --rm --user app "$BUSYBOX" id -G | tr ' ' '\n' | sort -n | paste -sd' ')
APP_STATUS=${APP_STATUS/Groups: 50 1000 1001/Groups: $APP_GROUPS}
# A group of the image's that root is in is a group of root's.
ROOT_GROUPS=$(berthctl run --rm "$BUSYBOX" awk -F: '$4 ~ /(^|,)root(,|$)/ || $1 == "root" { print $3 }' /etc/group | sort -n | paste -sd' ')
ROOT_STATUS=${ROOT_STATUS/Groups: 0/Groups: $ROOT_GROUPS}

is "root's status" "$(berthctl run --rm "$BUSYBOX" sh -c "$read_status")" "$ROOT_STATUS"
is "a user's status" "$(berthctl run --rm --user app "$BUSYBOX" sh -c "$read_status")" "$APP_STATUS"
is "no_new_privs" "$(berthctl run --rm --no-new-privileges "$BUSYBOX" sh -c "$read_status")" "${ROOT_STATUS/NoNewPrivs: 0/NoNewPrivs: 1}"
is "a user with no_new_privs" "$(berthctl run --rm --user app --no-new-privileges "$BUSYBOX" sh -c "$read_status")" "${APP_STATUS/NoNewPrivs: 0/NoNewPrivs: 1}"
is "unconfined" "$(berthctl run --rm --seccomp-profile unconfined "$BUSYBOX" sh -c "$read_status")" "${ROOT_STATUS/Seccomp: 2/Seccomp: 0}"

hold plain
hold tracer --cap-add SYS_PTRACE
is "root's status beside it" "$(berthctl exec plain sh -c "$read_status")" "$ROOT_STATUS"
is "a user's status beside it" "$(berthctl exec --user app plain sh -c "$read_status")" "$APP_STATUS"
is "beside one that may trace" "$(berthctl exec --user app tracer sh -c "$read_status")" "${APP_STATUS/CapBnd: 00000000800405fb/CapBnd: 00000000800c05fb}"
is "its exit status" "$(berthctl exec tracer sh -c 'exit 23'; echo $?)" 23

# Descriptors of the shell: 0, 1 and 2.
# shellcheck disable=SC2016
is "descriptors" "$(berthctl run --rm "$BUSYBOX" sh -c 'ls /proc/1/fd; true' | paste -sd' ')" "0 1 2"
# shellcheck disable=SC2016
is "descriptors beside it" "$(berthctl exec plain sh -c 'ls /proc/$$/fd; true' | paste -sd' ')" "0 1 2"
# shellcheck disable=SC2016
is "descriptors beside one that may trace" "$(berthctl exec tracer sh -c 'ls /proc/$$/fd; true' | paste -sd' ')" "0 1 2"

# Environment: nothing of the manager's, the daemon's or the caller's.
export SECRET_OF_CALLER=1
is "environment" "$(berthctl run --rm --hostname h -e A=b "$BUSYBOX" env | sort)" "A=b
HOME=/root
HOSTNAME=h
PATH=/bin:/usr/bin
container=berth"
is "a user's home" "$(berthctl run --rm --user app "$BUSYBOX" sh -c 'echo $HOME')" "$(berthctl run --rm "$BUSYBOX" awk -F: '$1 == "app" { print $6 }' /etc/passwd)"
is "HOME as asked" "$(berthctl run --rm -e HOME=/x "$BUSYBOX" sh -c 'echo $HOME')" /x
like "environment beside it" "$(berthctl exec -e B=c plain env)" '^B=c$'
unlike "environment beside it has nothing of the caller's" "$(berthctl exec plain env)" 'SECRET|NOTIFY|INVOCATION|JOURNAL|SERVICE|CREDENTIALS'

# Limits, umask, working directory.
is "--ulimit" "$(berthctl run --rm --ulimit nofile=123:456 "$BUSYBOX" sh -c 'ulimit -n; ulimit -Hn' | paste -sd' ')" "123 456"
is "--umask" "$(berthctl run --rm --umask 0077 "$BUSYBOX" sh -c umask)" 0077
is "a working directory that is missing is made" "$(berthctl run --rm -w /a/b/c "$BUSYBOX" pwd)" /a/b/c
is "--oom-score-adj" "$(berthctl run --rm --oom-score-adj 123 "$BUSYBOX" cat /proc/self/oom_score_adj)" 123

# Namespaces: its own, all but the user's; the other process is in the same.
pid=$(berthctl inspect --format '{{.State.Pid}}' plain)
for ns in mnt pid ipc uts cgroup net; do
        [ "$(readlink "/proc/$pid/ns/$ns")" != "$(readlink "/proc/1/ns/$ns")" ] || fail "own namespace $ns"
        is "exec joins $ns" "$(berthctl exec plain readlink "/proc/self/ns/$ns")" "$(readlink "/proc/$pid/ns/$ns")"
done
is "the cgroup is the root of what it sees" "$(berthctl exec plain sed -n 's/^0:://p' /proc/self/cgroup)" /
is "PID 1 is the payload" "$(berthctl run --rm "$BUSYBOX" sh -c 'echo $$')" 1
is "it leads a session" "$(berthctl run --rm "$BUSYBOX" awk '{ print $6 }' /proc/1/stat)" 1
is "nothing of ours runs with it" "$(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup berth-plain.service)/cgroup.procs")" "$pid"
