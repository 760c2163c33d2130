#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Docker with the executor as a runtime that the daemon is told of, unmodified: what its users see is the same as with
# runc, which comes with it, in the same run.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

for program in dockerd docker runc skopeo; do
        command -v "$program" >/dev/null || skip_all "$program is not installed"
done
[ -e "$IMAGES/busybox.oci.tar" ] || skip_all "there is no image"

mkdir -p /var/lib/docker "$TMP/data"
mount -t tmpfs tmpfs /var/lib/docker || skip_all "no file system for it"
at_exit umount -l /var/lib/docker
dockerd --add-runtime berth=/usr/lib/berth/berth-exec --iptables=false --ip6tables=false --bridge=none \
        --exec-opt native.cgroupdriver="${BERTH_TEST_DRIVER:-systemd}" >"$TMP/dockerd.log" 2>&1 &
at_exit eval "kill $!; wait $!"
wait_until 60 docker info || skip_all "dockerd does not start here: $(tail -n 1 "$TMP/dockerd.log")"
skopeo copy -q "oci-archive:$IMAGES/busybox.oci.tar" "docker-archive:$TMP/bb.tar:bb:latest" || exit 1
docker load -q -i "$TMP/bb.tar" >/dev/null || exit 1

# One line per step: what it printed and its status. Words that each runtime has for a failure are left out.
step() {
        local output status=0
        output=$("$@" 2>/dev/null </dev/null) || status=$?
        echo "${*:2}: $(tr -d '\r' <<<"$output" | tr '\n' '|') = $status"
}

transcript() {
        local name=c-$1 docker=(docker run --network none --runtime "$1") id
        step "${docker[@]}" --rm bb echo hello
        step "${docker[@]}" --rm bb sh -c 'exit 7'
        step "${docker[@]}" --rm bb sh -c 'kill -9 $$'
        step "${docker[@]}" --rm bb /none
        step "${docker[@]}" --rm bb none
        step "${docker[@]}" --rm bb /etc
        step "${docker[@]}" --rm --user 5:6 --cap-drop ALL bb sh -c 'id -u; id -g; grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status'
        step "${docker[@]}" --rm --security-opt no-new-privileges bb grep -E '^(Cap|NoNew)' /proc/self/status
        step "${docker[@]}" --rm --read-only --tmpfs /x bb sh -c 'touch /y; touch /x/y && echo made'
        step "${docker[@]}" --rm -v "$TMP/data:/d:ro" --hostname box bb sh -c 'hostname; touch /d/x; ls -d /d'
        step "${docker[@]}" --rm -t bb tty
        step "${docker[@]}" --rm --init bb sh -c '[ $$ -gt 1 ]'
        step "${docker[@]}" --rm --ulimit nofile=100:200 bb sh -c 'ulimit -n; ulimit -Hn'
        step "${docker[@]}" --rm --sysctl kernel.msgmax=9000 bb cat /proc/sys/kernel/msgmax
        step "${docker[@]}" --rm bb sh -c 'ls /dev | grep -v core | sort; ls /proc/self/fd'
        step "${docker[@]}" --rm bb sh -c 'mount | while read a b c d; do echo $c; done | sort'
        id=$("${docker[@]}" -d --name "$name" bb sh -c 'echo started; trap "exit 3" TERM; while :; do sleep 0.1; done')
        [ -n "$id" ] || echo "did not start"
        step docker exec "$name" sh -c 'id -u; exit 9'
        step docker exec -u 1000:1000 -w /tmp -e A=b "$name" sh -c 'id -u; pwd; echo $A'
        step docker exec "$name" /none | sed 's/none:.*=/none: =/'
        step docker exec -t "$name" tty
        step docker exec -d "$name" sh -c 'echo x >/made'
        wait_until 5 docker exec "$name" test -e /made
        step docker exec "$name" cat /made
        step docker pause "$name"
        step docker ps --filter "name=$name" --format '{{.State}}'
        step docker unpause "$name"
        step docker update --pids-limit 0 "$name"
        step docker logs "$name"
        step docker stop -t 5 "$name"
        step docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name"
        step docker start "$name"
        step docker inspect -f '{{.State.Status}}' "$name"
        step docker kill "$name"
        wait_until 5 bash -c "[ \"\$(docker inspect -f '{{.State.Running}}' $name)\" = false ]"
        step docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name"
        step docker rm "$name"
}

normal() {
        sed "s/--runtime $1/--runtime X/; s/c-$1/NAME/g"
}

transcript runc | normal runc >"$TMP/runc"
transcript berth | normal berth >"$TMP/berth"
if ! grep -q 'echo hello: hello| = 0' "$TMP/runc"; then
        # runc wants rights that a sandbox does not have; then what is known to be right is compared.
        skip "the same as with runc" "runc does not run here"
fi
while IFS= read -r line <&3 && IFS= read -r ours <&4; do
        is "${line%%: *}" "$ours" "$line"
done 3< <(grep -q 'echo hello: hello| = 0' "$TMP/runc" && cat "$TMP/runc") 4<"$TMP/berth"
like "run" "$(cat "$TMP/berth")" 'echo hello: hello\| = 0'
like "a status" "$(cat "$TMP/berth")" 'exit 7: \| = 7'
like "exec" "$(cat "$TMP/berth")" 'exit 9: 0\| = 9'
like "stop by signal" "$(cat "$TMP/berth")" 'exited 3\| = 0'
is "nothing is left of berth's" "$(find /run/docker/runtime-*/moby -mindepth 1 2>/dev/null)" ""
