#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The image worker by itself, on a store of its own: killed at many points, on disks
# that are too small, several at a time; a store that lost objects; the tree of an
# image against what umoci unpacks; its memory. BERTH_PULL names another worker.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

PULL=${BERTH_PULL:-/usr/lib/berth/berth-pull}
[ -x "$PULL" ] || skip_all "there is no $PULL"
# Hard links need a disk that the images are on too.
DIR=$(mktemp -d "${BERTH_TEST_DISK:-/var/tmp}/berth-image-worker.XXXXXX")
at_exit rm -rf "$DIR"
STORE=$DIR/store

# The result alone.
pull() {
        "$PULL" --state-dir "$STORE" "$@" | tail -n1
}

# Names, kinds, sizes, modes, owners and links of all that is in the store.
state() {
        (cd "$STORE" && find . -path ./ostree/repo/tmp/cache -prune -o -printf '%P %y %s %n %m %U:%G\n' | sort)
}

image_id() {
        jq -r '.Result.Images[0].Id' <<<"$1"
}

# Loading the small image, and after it the odd one, are the two states that the
# store may be in.
first=$(pull load <"$IMAGES/busybox.oci.tar")
like "load answers with ID and names" "$first" '"Images":\[{"Id":"[0-9a-f]{64}","Names":\["localhost/berth-test/busybox:latest"\],"Digest":"sha256:[0-9a-f]{64}"}\]}}'
before=$(state)
cp -a "$STORE" "$DIR/base"
again() {
        rm -rf "$STORE"
        cp -a "$DIR/base" "$STORE"
}
odd=$(pull load <"$IMAGES/odd.oci.tar")
after=$(state)
is "loading again changes nothing" "$(pull load <"$IMAGES/odd.oci.tar" >/dev/null; state)" "$after"
ok "the objects are whole" ostree fsck --quiet --repo="$STORE/ostree/repo"
mv "$STORE/images/$(image_id "$odd")" "$STORE/images/.$(image_id "$odd").rm"
ok "remove" pull remove "$(image_id "$odd")"
is "and the store is as before" "$(state)" "$before"
like "remove takes IDs only" "$(pull remove ../images 2>&1)" 'InvalidArgument'

# Killed at a system call that touches files: nothing, or all, is there after a
# sweep, and the next load succeeds.
killed_at() {
        local call=$1 n=$2 now
        again
        strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:signal=SIGKILL:when=$n" \
                "$PULL" --state-dir "$STORE" load <"$IMAGES/odd.oci.tar" >/dev/null 2>&1
        pull sweep >/dev/null || echo "$call $n: sweep failed"
        now=$(state)
        [ "$now" = "$before" ] || [ "$now" = "$after" ] || echo "$call $n: neither before nor after"
        pull load <"$IMAGES/odd.oci.tar" >/dev/null || echo "$call $n: load failed"
        [ "$(state)" = "$after" ] || echo "$call $n: another load made something else"
}

sweep_kills() {
        local call count n
        for call in mkdirat linkat symlinkat renameat renameat2 unlinkat fchmod write syncfs; do
                again
                strace -f -qq -o "$DIR/trace" -e trace="$call" "$PULL" --state-dir "$STORE" load <"$IMAGES/odd.oci.tar" >/dev/null
                count=$(grep -c "$call(" "$DIR/trace")
                for ((n = 1; n <= count; n += count / 6 + 1)); do
                        killed_at "$call" "$n"
                done
        done 2>/dev/null
}

if command -v strace >/dev/null; then
        is "killed at any point, the store is as before or complete" "$(sweep_kills)" ""
else
        skip "killed at any point" "strace is not installed"
fi
again

# Every size of disk: an error that says so, and nothing left behind.
full_disks() {
        local size before output
        STORE=$DIR/small/store
        mkdir "$DIR/small"
        for size in 300 700 1100 1500 1900 2150 2300 2400 2500 2600 2700 3000; do
                mount -t tmpfs -o size="${size}k",mode=700 tmpfs "$DIR/small" || return
                pull load <"$IMAGES/busybox.oci.tar" >/dev/null
                before=$([ ! -d "$STORE" ] || state)
                if ! output=$(pull load <"$IMAGES/odd.oci.tar"); then
                        grep -q NoSpace <<<"$output" || echo "$size: $output"
                        [ "$(state)" = "$before" ] || echo "$size: something is left"
                fi
                umount "$DIR/small"
        done
}
is "on a disk of any size, the store is as before or complete" "$(full_disks 2>&1)" ""

# Several at a time.
together() {
        local pids=() i image
        for i in 1 2 3; do
                for image in busybox odd nginx; do
                        pull load <"$IMAGES/$image.oci.tar" >/dev/null &
                        pids+=($!)
                done
                pull sweep >/dev/null &
                pids+=($!)
        done
        for i in "${pids[@]}"; do
                wait "$i" || echo "one failed"
        done
        find "$STORE/images" -mindepth 1 -maxdepth 1 -name '.*'
        find "$STORE/images" -mindepth 1 -maxdepth 1 | wc -l
}
rm -rf "$STORE"
is "nine loads and three sweeps at a time" "$(together)" 3
ok "the objects are whole" ostree fsck --quiet --repo="$STORE/ostree/repo"

# Limits that are set.
again
like "an image of more bytes than is allowed" "$(pull load --bytes-max=1000000 <"$IMAGES/nginx.oci.tar")" 'Error.Limit.*more bytes than the setting'
like "or more entries" "$(pull load --entries-max=100 <"$IMAGES/nginx.oci.tar")" 'Error.Limit.*more entries than the setting'
is "is refused, and nothing is left" "$(state)" "$before"

# What is lost comes back with an archive that has it.
again
find "$STORE/ostree/repo/objects" -name '*.file' -o -name '*.dirtree' | sort | awk 'NR % 3 == 0' | xargs rm
like "load into a store that lost objects" "$(pull load <"$IMAGES/odd.oci.tar" 2>&1)" '"Images"'
unlike "no object is missing for it" "$(ostree fsck --repo="$STORE/ostree/repo" 2>&1)" 'missing'

# Against another unpacker.
compare() {
        local name=$1 archive=$2 loaded
        rm -rf "$STORE" "$DIR/layout" "$DIR/bundle"
        loaded=$(pull load <"$archive")
        skopeo copy --quiet "docker-archive:$archive" "oci:$DIR/layout:x"
        umoci unpack --image "$DIR/layout:x" "$DIR/bundle" >/dev/null 2>&1
        is "the tree of $name is the one that umoci makes" \
                "$("$TOOLS/compare-trees" "$DIR/bundle/rootfs" "$STORE/images/$(image_id "$loaded")/rootfs" 2>/dev/null || echo differs)" ""
}
TOOLS=$(dirname -- "$0")/../images
if ! command -v umoci >/dev/null || ! command -v skopeo >/dev/null; then
        skip "trees against another unpacker's" "umoci or skopeo is not installed"
else
        compare odd "$IMAGES/odd.docker.tar"
        compare nginx "$IMAGES/nginx.docker.tar"
        "$TOOLS/hard-layers" "$DIR/hard.tar"
        compare "hard layers" "$DIR/hard.tar"
        ok "a sparse file stays sparse" test "$(du -k "$STORE"/images/*/rootfs/sparse | cut -f1)" -lt 100
        ok "the objects are whole" ostree fsck --quiet --repo="$STORE/ostree/repo"
fi

# Two images that have nothing in common but Debian's packages: what is equal in all
# things is one file.
twice() {
        python3 - "$@" <<'END'
import hashlib, os, stat, sys

def files(root):
    for directory, _, names in os.walk(os.fsencode(root)):
        for name in names:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            if stat.S_ISREG(st.st_mode) and st.st_size > 0:
                digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
                yield (digest, st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns), st.st_ino

first, second = (dict(files(root)) for root in sys.argv[1:])
common = first.keys() & second.keys()
print(sum(first[key] != second[key] for key in common), "of", "many" if len(common) > 1000 else len(common))
END
}
rm -rf "$STORE"
nginx=$(pull load <"$IMAGES/nginx.docker.tar")
debian=$(pull load <"$IMAGES/debian.docker.tar")
is "files of packages that two images have are stored once" \
        "$(twice "$STORE/images/$(image_id "$nginx")/rootfs" "$STORE/images/$(image_id "$debian")/rootfs")" "0 of many"

# A layer of 300 MB, half of it one file.
big_archive() {
        python3 - "$1" <<'END'
import hashlib, io, json, os, sys, tarfile

def add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))

buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as layer:
    add(layer, "large", os.urandom(150 << 20))
    for i in range(20000):
        add(layer, f"small/{i % 100}/{i}", os.urandom(7500))
layer = buffer.getvalue()
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
    "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
with tarfile.open(sys.argv[1], "w") as archive:
    add(archive, "layer.tar", layer)
    add(archive, "config.json", config)
    add(archive, "manifest.json", json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode())
END
}
peak_memory() {
        python3 - "$PULL" "$STORE" "$1" <<'END'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "--state-dir", sys.argv[2], "load"], stdin=open(sys.argv[3]), stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
}
if command -v python3 >/dev/null; then
        rm -rf "$STORE"
        big_archive "$DIR/big.tar"
        peak=$(peak_memory "$DIR/big.tar")
        ok "the worker needs at most 64 MiB for a layer of 300 MB (${peak:-?} KiB)" test "${peak:-99999}" -le 65536
else
        skip "the worker's memory" "python3 is not installed"
fi
