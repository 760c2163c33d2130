#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bundles that attack the executor by paths and mounts. The letters are those of the catalogue of faults: B1 targets
# that are swapped, B2 directories that are made, B3 files of the manager's own, B5 options, B6 sources that are
# swapped, B7 mounts that leak, B8 lookups under load, B9 long paths.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=tests/integration/bundle.bash
. "$(dirname -- "$0")/bundle.bash"

[ "$(uname -m)" = x86_64 ] || skip_all "knows the numbers of system calls of x86-64 only"
ROUNDS=${BERTH_RACE_ROUNDS:-60}
load_image debian
at_exit drop_containers
make_canary
up="../../../../../../../..$CANARY"

# A container that swaps two names of a volume until it is removed.
swapper() {
        berthctl run -d --name "$1" --network none -v "$2:/v" "$(image debian)" perl -e \
                'while (1) { syscall(316, -100, "/v/a", -100, "/v/b", 2) == 0 or die "renameat2: $!\n"; }' >/dev/null
}

# B1, B2: the volume is one that another container can write, too.
mkdir -p "$TMP/v/a/sub" "$TMP/source"
echo inside >"$TMP/source/file"
ln -s "$up" "$TMP/v/b"
make_bundle "$TMP/b1" ".mounts += [{destination: \"/v\", type: \"bind\", source: \"$TMP/v\", options: [\"rbind\"]},
        {destination: \"/v/a/sub\", type: \"tmpfs\", source: \"tmpfs\"},
        {destination: \"/v/a/new/deep\", type: \"bind\", source: \"$TMP/source\", options: [\"bind\"]},
        {destination: \"/v/a/newfile\", type: \"bind\", source: \"$TMP/source/file\", options: [\"bind\"]}]" \
        '.process.cwd = "/v/a/work"' '.linux.devices = [{path: "/v/a/null", type: "c", major: 1, minor: 3}]' \
        '.linux.maskedPaths += ["/v/a/sub"]' '.linux.readonlyPaths += ["/v/a"]'
swapper swap1 "$TMP/v"
started=0
for ((i = 0; i < ROUNDS; i++)); do
        out=$(run_bundle "$TMP/b1")
        case $out in
        *"= 0") started=$((started + 1)) ;;
        *) echo "$out" >>"$TMP/errors" ;;
        esac
done
berthctl rm -f swap1 >/dev/null
diag "$started of $ROUNDS started"
unlike "B1: each failure says why" "$(grep -v '^= ' "$TMP/errors" | sort -u)" '^berth-exec: *$'
canary_is_alive "B1, B2: swapped targets"

# B2: no path string of the root's is made, owned or moded by itself.
make_bundle "$TMP/b2" '.process.cwd = "/made/by/us"' ".mounts += [{destination: \"/also/made\", type: \"bind\", source: \"$TMP/source\", options: [\"bind\"]}]" \
        '.linux.devices = [{path: "/deep/down/null", type: "c", major: 1, minor: 3, uid: 5, gid: 6}]'
strace -f -o "$TMP/trace" -e trace=mkdir,chown,lchown,chmod,symlink,mknod,link,rename,mount,fchownat,fchmodat,mkdirat,mknodat \
        "$OCI_EXEC" --root "$TMP/oci" --cgroup-manager=disabled run --bundle "$TMP/b2" b2 >/dev/null 2>&1 </dev/null
ok "B2: the trace has the calls" grep -q 'mkdirat(' "$TMP/trace"
is "B2: calls with a path of the root's" "$(grep -E '"[^"]*(/also|/made|/deep|rootfs)' "$TMP/trace" | grep -v 'execve')" ""

# B3: what the manager itself puts into the root.
for link in etc etc/mtab etc/hosts run dev/shm tmp; do
        make_bundle "$TMP/b3" ".mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$TMP/source/file\", options: [\"bind\"]},
                {destination: \"/run/secrets/x\", type: \"bind\", source: \"$TMP/source/file\", options: [\"bind\"]},
                {destination: \"/dev/shm\", type: \"tmpfs\", source: \"shm\", options: [\"mode=1777\"]}]" \
                '.mounts |= map(select(.destination != "/dev" and .destination != "/dev/pts"))'
        rm -rf "$TMP/b3/rootfs/${link%%/*}"
        mkdir -p "$TMP/b3/rootfs/$(dirname "$link")"
        ln -s "$up" "$TMP/b3/rootfs/$link"
        run_bundle "$TMP/b3" >/dev/null
        rm -rf "$TMP/b3"
done
canary_is_alive "B3: links where files go"

# B5: options are words that are known, or values of one option.
for option in 'size=1m,mode=7' 'mode=../..' $'size=1m\nexec' 'nosuchoption' 'context=../../x' 'uid=-1' 'upperdir=/etc'; do
        make_bundle "$TMP/b5" ".mounts += [{destination: \"/t\", type: \"tmpfs\", source: \"tmpfs\", options: [$(jq -n --arg o "$option" '$o')]}]"
        unlike "B5: the option ${option@Q} of a tmpfs: refused" "$(run_bundle "$TMP/b5")" '= 0'
done
for option in 'nosuchoption' 'idmap=../..' 'idmap=uids=0-0-1' 'ridmap=uids=0-0-4294967295;gids=0-0-1'; do
        make_bundle "$TMP/b5" ".mounts += [{destination: \"/t\", type: \"bind\", source: \"$TMP/source\", options: [\"bind\", \"$option\"]}]"
        unlike "B5: the option $option of a bind: refused" "$(run_bundle "$TMP/b5")" '= 0'
done
for type in overlay/x ../tmpfs ''; do
        make_bundle "$TMP/b5" ".mounts += [{destination: \"/t\", type: \"$type\", source: \"x\"}]"
        unlike "B5: the type ${type@Q}: refused" "$(run_bundle "$TMP/b5")" '= 0'
done

# B6: the payload's own volume becomes the source of the next start's bind.
mkdir -p "$TMP/w/a"
echo inside >"$TMP/w/a/file"
ln -s "$up" "$TMP/w/b"
make_bundle "$TMP/b6" ".mounts += [{destination: \"/s\", type: \"bind\", source: \"$TMP/w/a\", options: [\"bind\", \"src-nofollow\", \"ro\"]}]" \
        '.process.args = ["cat", "/s/file"]'
swapper swap2 "$TMP/w"
wrong=0
for ((i = 0; i < ROUNDS; i++)); do
        case $(run_bundle "$TMP/b6") in
        inside*"= 0" | *"= 1") ;;
        *) wrong=$((wrong + 1)) ;;
        esac
done
berthctl rm -f swap2 >/dev/null
is "B6: starts that saw another source" "$wrong" 0

# B7: many mounts, some of a shared tree, and lives that end in every way.
mkdir -p "$TMP/shared"
mount -t tmpfs shared "$TMP/shared"
mount --make-shared "$TMP/shared"
before=$(cut -d' ' -f3- /proc/1/mountinfo)
mounts=$(jq -n --arg s "$TMP/shared" '[range(50) | {destination: "/m/\(.)", type: "bind", source: $s, options: ["rbind", "rshared"]}]
        + [range(50) | {destination: "/t/\(.)", type: "tmpfs", source: "tmpfs"}]')
make_bundle "$TMP/b7" ".mounts += $mounts" '.linux.rootfsPropagation = "rshared"' '.process.args = ["sleep", "100"]'
for i in 1 2 3 4 5 6; do
        oci create --bundle "$TMP/b7" "b7-$i" </dev/null >/dev/null 2>&1
        [ $((i % 2)) = 0 ] || oci start "b7-$i"
        oci kill "b7-$i" KILL
        oci delete -f "b7-$i"
done
run_bundle "$TMP/b7" >/dev/null &
wait_until 10 bash -c 'pgrep -x sleep' && pkill -x -KILL sleep
wait $!
is "B7: the host's mounts are as before 7 lives of 100 mounts" "$(cut -d' ' -f3- /proc/1/mountinfo)" "$before"
umount "$TMP/shared"

# B8: somebody renames all the time; nobody who has nothing to do with it fails.
mkdir -p "$TMP/x/a" "$TMP/x/b"
swapper swap3 "$TMP/x"
make_bundle "$TMP/b8" ".mounts += [range(8) | {destination: \"/m/\\(.)\", type: \"bind\", source: \"$TMP/source\", options: [\"bind\"]}]"
failed=0
for ((i = 0; i < ROUNDS; i++)); do
        [ "$(run_bundle "$TMP/b8")" = "= 0" ] || failed=$((failed + 1))
done
berthctl rm -f swap3 >/dev/null
is "B8: starts that failed while others rename" "$failed" 0

# B9: as deep as a path goes.
make_bundle "$TMP/b9" '.process.capabilities |= with_entries(.value += ["CAP_SYS_ADMIN"])' \
        "$(sh_args 'n=$(head -c 200 /dev/zero | tr "\0" x 2>/dev/null || echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx)
                cd /tmp; i=0; while mkdir $n && mount -t tmpfs tmpfs $n && cd $n; do i=$((i + 1)); [ $i -lt 100 ] || break; done 2>/tmp/e; echo made $i; sleep 100')"
oci run --detach --bundle "$TMP/b9" b9 </dev/null >"$TMP/b9.log" 2>&1
ok "B9: nested mounts are there" wait_until 20 grep -q '^made' "$TMP/b9.log"
diag "$(cat "$TMP/b9.log")"
ok "B9: the container is killed" oci kill b9 KILL
ok "B9: and removed" oci delete -f b9
long=$(printf '/%0200d' $(seq 1 25) | tr -d '\n')
make_bundle "$TMP/b9long" ".mounts += [{destination: \"$long\", type: \"tmpfs\", source: \"tmpfs\"}]"
like "B9: a target longer than any path: refused" "$(run_bundle "$TMP/b9long")" 'longer|too long'
ok "B9: systemd is well" systemctl daemon-reload
canary_is_alive "in the end"
