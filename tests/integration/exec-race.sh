#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Containers that work against a start that is going on: one swaps parts of a path
# under which another one's mounts go, one traces every process that comes into
# it. Neither the host's files nor its mounts change, no descriptor of the host is
# seen, and nothing with more privileges than the container's.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

ROUNDS=${BERTH_RACE_ROUNDS:-60}

load_image debian
load_image busybox
DEBIAN=$(image debian)
BUSYBOX=$(image busybox)
at_exit drop_containers

# Swaps two names without a moment in between: renameat2() with RENAME_EXCHANGE.
[ "$(uname -m)" = x86_64 ] || skip_all "knows the numbers of system calls of x86-64 only"
# shellcheck disable=SC2016 # perl's
swap='my ($x, $y) = ("/v/a", "/v/b"); while (1) { syscall(316, -100, $x, -100, $y, 2) == 0 or die "renameat2: $!\n"; }'

CANARY=$TMP/canary
mkdir -p "$CANARY" "$TMP/v/a/sub"
echo alive >"$CANARY/file"
ln -s "../../../../../../../..$CANARY" "$TMP/v/b"
canary_before=$(find "$CANARY" -printf '%p %y %m %n %s %T@\n' | sort)
mounts_before=$(cut -d' ' -f3- /proc/1/mountinfo)

berthctl run -d --name swapper --network none -v "$TMP/v:/v" "$DEBIAN" perl -e "$swap" >/dev/null
started=0
for ((i = 0; i < ROUNDS; i++)); do
        berthctl run --rm --network none -v "$TMP/v:/v" --tmpfs "/v/a/sub:size=1m" -v "$CANARY:/v/a/new$i:ro" -w "/v/a/work$i" "$BUSYBOX" true </dev/null >/dev/null 2>>"$TMP/errors" &&
                started=$((started + 1))
done
berthctl rm -f swapper >/dev/null
ok "the swapping container was alive until the end" test -d "$TMP/v/a" -o -d "$TMP/v/b"
diag "$started of $ROUNDS started"
is "the canary is as before" "$(find "$CANARY" -printf '%p %y %m %n %s %T@\n' | sort)" "$canary_before"
is "the host's mounts are as before" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$mounts_before"
unlike "each failure names what failed" "$(grep '^Error' "$TMP/errors")" '^Error:? *$'
diag "$(grep -o '^Error: [A-Za-z ]*' "$TMP/errors" | sort | uniq -c)"
is "nothing of the containers is left" "$(ls -A /var/lib/berth/containers)" ""

# The tracer looks at each new process: what it has open, where its root is, what it may do.
# shellcheck disable=SC2016 # perl's
trace='
$| = 1; my %seen; print "ready\n";
while (1) {
        opendir(my $proc, "/proc"); my @pids = grep { /^\d+$/ && $_ > 1 && $_ != $$ } readdir $proc; closedir $proc;
        for my $pid (@pids) {
                ($seen{$pid} // 0) < 3 or next;
                syscall(101, 16, $pid + 0, 0, 0) == 0 or next;
                waitpid($pid, 0x40000000);
                $seen{$pid}++ or print "traced\n";
                for my $link (glob("/proc/$pid/fd/*"), "/proc/$pid/cwd", "/proc/$pid/root") {
                        my $to = readlink($link) // next;
                        print "SAW $link $to\n" if $to =~ m{^/} && $to !~ m{^/$|^/dev/null$|^/proc/\d+/fd$|^/etc|^/usr|^/bin|^/lib};
                }
                print "ROOT\n" if -e "/proc/$pid/root/var/lib/berth" || -e "/proc/$pid/cwd/var/lib/berth";
                if (open(my $status, "<", "/proc/$pid/status")) {
                        while (<$status>) { print "POWER $1\n" if /^Cap(?:Eff|Prm|Bnd):\s+(\w+)/ && (hex($1) & ~0x800c05fb); }
                }
                syscall(101, 17, $pid + 0, 0, 0);
        }
}'
berthctl run -d --name tracer --network none --cap-add SYS_PTRACE "$DEBIAN" perl -e "$trace" >/dev/null
ok "the tracer is at work" wait_until 20 bash -c 'berthctl logs tracer | grep -q ready'
for ((i = 0; i < ROUNDS; i++)); do
        timeout 5 berthctl exec tracer /bin/true </dev/null >/dev/null 2>&1
done
journalctl --sync
berthctl logs tracer >"$TMP/trace" 2>&1
berthctl rm -f tracer >/dev/null
like "it has caught some" "$(cat "$TMP/trace")" '^traced'
diag "$(grep -c '^traced' "$TMP/trace") of $ROUNDS traced"
unlike "no descriptor, root or directory of the host was seen" "$(cat "$TMP/trace")" '^(SAW|ROOT)'
unlike "no process had more privileges than the container" "$(cat "$TMP/trace")" '^POWER'
