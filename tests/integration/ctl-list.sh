#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Lists of containers and images: columns, fields, filters, order; verbs on several containers at once.
# shellcheck source=tests/integration/lib.sh disable=SC2016 # the shells inside expand it
. "$(dirname -- "$0")/lib.sh"

load_image busybox
BUSYBOX=$(image busybox)
at_exit drop_containers

is "the heading is there without containers" "$(berthctl ps | tr -s ' ')" "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES"
is "and not with --noheading" "$(berthctl ps --noheading)" ""
is "an empty list is JSON too" "$(berthctl ps -a --format json | tr -d ' \n')" "[]"

first=$(berthctl run -d --name first --label tier=web "$BUSYBOX" sleep 1000)
second=$(berthctl create --name second --label tier=db "$BUSYBOX" echo 'one argument that is long')
third=$(berthctl run -d --name third "$BUSYBOX" sh -c 'exit 3')
berthctl wait third >/dev/null

like "a running one" "$(berthctl ps)" "^${first:0:12}  $BUSYBOX +sleep 1000 +([0-9]+ seconds?|Less than a second) ago +Up .* first$"
is "only that one runs" "$(berthctl ps -q)" "${first:0:12}"
like "one that was made" "$(berthctl ps -a)" "^${second:0:12} .* echo one argument\.\.\. .* Created .* second$"
like "one that has ended" "$(berthctl ps -a)" "^${third:0:12} .* Exited \(3\) .* ago .* third$"
is "-q --no-trunc" "$(berthctl ps -aq --no-trunc | sort)" "$(printf '%s\n' "$first" "$second" "$third" | sort)"
is "oldest first" "$(berthctl ps -a --format '{{.Names}}' | xargs)" "first second third"
is "--sort names" "$(berthctl ps -a --sort names --format '{{.Names}}' | xargs)" "first second third"
is "--sort status" "$(berthctl ps -a --sort status --format '{{.State}}' | xargs)" "created exited running"
is "-l" "$(berthctl ps -l --format '{{.Names}}')" third
is "-n" "$(berthctl ps -n 2 --format '{{.Names}}' | sort | xargs)" "second third"
is "--filter name" "$(berthctl ps -a --filter name=sec -q)" "${second:0:12}"
is "--filter status" "$(berthctl ps -a --filter status=exited -q)" "${third:0:12}"
is "--filter label" "$(berthctl ps -a --filter label=tier=web -q)" "${first:0:12}"
is "of one key any" "$(berthctl ps -a -f status=exited -f status=created --format '{{.Names}}' | xargs)" "second third"
is "of two keys all" "$(berthctl ps -a -f status=exited -f name=first -q)" ""
is "fields" "$(berthctl ps -a -f name=third --format '{{.ExitCode}} {{.State}} {{.Image}} {{.ID}}')" "3 exited $BUSYBOX ${third:0:12}"
is "labels" "$(berthctl ps --format '{{index .Labels "tier"}} {{.Labels}}')" "web $(berthctl ps --format '{{.Labels}}')"
like "a table of one's own" "$(berthctl ps -a --format 'table {{.Names}}\t{{.State}}' | tr -s ' ')" '^NAMES STATE$'
is "JSON" "$(berthctl ps -a --format json | python3 -c 'import json,sys; print([(c["Names"], c["State"], c["ExitCode"]) for c in json.load(sys.stdin)])')" \
        "[(['first'], 'running', 0), (['second'], 'created', 0), (['third'], 'exited', 3)]"
is "container ls is ps" "$(berthctl container ls -q)" "$(berthctl ps -q)"

is "inspect of two" "$(berthctl inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}}' first third)" $'first running 0\nthird exited 3'
is "inspect is an array" "$(berthctl inspect first third | python3 -c 'import json,sys; print([c["Id"] for c in json.load(sys.stdin)])')" "['$first', '$third']"
is "by prefix of the ID" "$(berthctl inspect -f '{{.Name}}' "${second:0:10}")" second
is "of an image too" "$(berthctl inspect -f '{{index .RepoTags 0}}' "$BUSYBOX")" "$BUSYBOX"
is "one that is missing does not stop the others" "$(berthctl inspect -f '{{.Name}}' nosuch first 2>/dev/null; echo $?)" $'first\n125'

is "start of several" "$(berthctl start second third | xargs)" "second third"
is "stop: who is missing is told, the others stop" "$(berthctl stop -t 0 nosuch first 2>"$TMP/err"; echo $?)" $'first\n125'
like "with an error" "$(cat "$TMP/err")" '^Error: .*nosuch'
is "--ignore" "$(berthctl stop -t 0 --ignore nosuch first 2>&1; echo $?)" $'first\n0'
is "wait of several" "$(berthctl wait first third | xargs)" "137 3"
fails_with 125 'not running|does not run' berthctl kill third
is "rm --filter" "$(berthctl rm --filter status=exited | wc -l)" 3
is "rm -a of nothing" "$(berthctl rm -a; echo $?)" 0
fails_with 125 'There is no container' berthctl rm -l

berthctl create --name pruned "$BUSYBOX" true >/dev/null
is "prune asks" "$(echo n | berthctl container prune >/dev/null; berthctl ps -aq | wc -l)" 1
is "prune -f does not" "$(berthctl container prune -f >/dev/null; berthctl ps -aq | wc -l)" 0

like "images" "$(berthctl images)" "^localhost/berth-test/busybox +latest +[0-9a-f]{12} +.* ago +[0-9.]+ MB$"
like "heading" "$(berthctl images | tr -s ' ')" '^REPOSITORY TAG IMAGE ID CREATED SIZE$'
is "images -q is the ID" "$(berthctl images -q --no-trunc "$BUSYBOX")" "sha256:$(berthctl inspect -f '{{.Id}}' "$BUSYBOX")"
like "--digests" "$(berthctl images --digests)" 'sha256:[0-9a-f]{64}'
is "image JSON" "$(berthctl images --format json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["Names"])')" "['$BUSYBOX']"
ok "tag" berthctl tag "$BUSYBOX" other:v1
is "two names, one image" "$(berthctl images -q | sort -u | wc -l) $(berthctl images --format '{{.Repository}}:{{.Tag}}' | sort | xargs)" "1 $BUSYBOX localhost/other:v1"
like "rmi of a name untags" "$(berthctl rmi other:v1)" '^Untagged: localhost/other:v1$'
ok "image exists" berthctl image exists "$BUSYBOX"

like "completion knows verbs" "$(berthctl __complete st)" '^start'$'\t'
like "and containers" "$(berthctl create --name completed "$BUSYBOX" true >/dev/null; berthctl __complete rm comp)" '^completed'$'\t'
like "and images" "$(berthctl __complete run --rm localhost/b)" "^$BUSYBOX"
