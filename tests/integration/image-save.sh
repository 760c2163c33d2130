#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images out of the store and in again, by the worker itself on stores of its own: every
# form and compression, several at a time, read by skopeo, umoci and podman, always with
# the same image ID and tree; what cannot be written; imports and differences, compared
# with podman's. BERTH_PULL names another worker.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

PULL=${BERTH_PULL:-/usr/lib/berth/berth-pull}
[ -x "$PULL" ] || skip_all "there is no $PULL"
DIR=$(mktemp -d "${BERTH_TEST_DISK:-$TMP}/image-save.XXXXXX")
at_exit rm -rf "$DIR"
STORE=$DIR/store
ELSEWHERE=$DIR/elsewhere

pull() {
        "$PULL" --state-dir "$STORE" "$@"
}

# The last line is the result.
load() {
        local store=$1
        shift
        "$PULL" --state-dir "$store" load "$@" | tail -n 1
}

export_to() {
        local out=$1
        shift
        # fd 0 is where it goes.
        if [ -d "$out" ]; then
                pull export "$@" 0<"$out" | tail -n 1
        else
                pull export "$@" 0>"$out" | tail -n 1
        fi
}

id_of() {
        jq -r '.Result.Images[0].Id' <<<"$1"
}

xattrs() {
        python3 -c '
import os
for top, dirs, files in os.walk("."):
    for name in sorted(dirs + files):
        path = os.path.join(top, name)
        for key in sorted(os.listxattr(path, follow_symlinks=False)):
            if key.startswith("user."):
                print(path, key, os.getxattr(path, key, follow_symlinks=False))' | sort
}

tree() {
        (
                cd "$1" || exit 1
                find . -printf '%P %y %m %U:%G %l %T@\n' | sort
                find . -type f -print0 | sort -z | xargs -0 -r sha256sum
                xattrs
                getcap -r . 2>/dev/null | sort
        )
}

state() {
        (cd "$STORE" && find . -path ./ostree/repo/tmp/cache -prune -o -printf '%P %y %s %n %m %U:%G\n' | sort)
}

# Podman takes no longer name than 50 characters for its run-time directory.
podman_() {
        podman --root "$DIR/podman" --runroot "$TMP/podman" --storage-driver vfs --log-level error "$@"
}
PODMAN=$(command -v podman || true)
[ -z "$PODMAN" ] || podman_ info >/dev/null 2>&1 || PODMAN=''

declare -A IDS
for name in busybox odd busybox-app debian; do
        IDS[$name]=$(id_of "$(load "$STORE" <"$IMAGES/$name.oci.tar")")
        tree "$STORE/images/${IDS[$name]}/rootfs" >"$DIR/$name.tree"
done

# Every way out, and in again.
FORMS="oci-archive:gzip oci-archive:zstd oci-archive:none oci-dir:gzip oci-dir:zstd oci-dir:none docker-dir:gzip docker-dir:none docker-archive:none"
round_trip() {
        local name=$1 form format compression out result id=${IDS[$1]}
        for form in $FORMS; do
                format=${form%:*} compression=${form#*:}
                out=$DIR/out.$format.$compression
                rm -rf "$out" "$ELSEWHERE"
                [[ $format = *-archive ]] || mkdir "$out"
                result=$(export_to "$out" --format="$format" --compress="$compression" "$id=localhost/x:1" "$id=localhost/y:2")
                [ "$(id_of "$result")" = "$id" ] || echo "$form: $result"
                result=$(load "$ELSEWHERE" <"$out")
                [ "$(id_of "$result")" = "$id" ] || echo "$form, loaded: $result"
                [[ $format = docker-dir ]] || [ "$(jq -c '.Result.Images[0].Names' <<<"$result")" = '["localhost/x:1","localhost/y:2"]' ] ||
                        echo "$form, names: $result"
                tree "$ELSEWHERE/images/$id/rootfs" | cmp -s - "$DIR/$name.tree" || echo "$form: another tree"
                read_by_others "$format" "$out" "$id"
        done
}

# Which name skopeo wants for it.
skopeo_name() {
        case $1 in
        oci-dir) echo "oci:$2:localhost/x:1" ;;
        docker-dir) echo "dir:$2" ;;
        *) echo "$1:$2:localhost/x:1" ;;
        esac
}

read_by_others() {
        local format=$1 out=$2 id=$3
        if command -v skopeo >/dev/null; then
                [ "$(skopeo inspect --config --raw "$(skopeo_name "$format" "$out")" | sha256sum)" = "$id  -" ] ||
                        echo "$format: skopeo sees another configuration"
                skopeo copy --quiet "$(skopeo_name "$format" "$out")" "dir:$DIR/by-skopeo" || echo "$format: skopeo cannot copy it"
                rm -rf "$DIR/by-skopeo"
        fi
}

for name in busybox odd debian; do
        is "$name: out and in again, in each form" "$(round_trip "$name" 2>&1)" ""
done
is "nothing of it is left in the store" "$(find "$STORE/images" -maxdepth 1 -name '.*' -mindepth 1)" ""
before=$(state)

# The same bytes each time, through a pipe too.
id=${IDS[odd]}
export_to "$DIR/first" --format=oci-archive "$id" >/dev/null
export_to "$DIR/second" --format=oci-archive "$id" >/dev/null
ok "the same image is the same archive" cmp "$DIR/first" "$DIR/second"
pull export --format=oci-archive "$id" 0> >(cat >"$DIR/third") >/dev/null
wait_until 10 cmp "$DIR/first" "$DIR/third"
ok "a pipe gets the same" cmp "$DIR/first" "$DIR/third"

if command -v umoci >/dev/null; then
        rm -rf "$DIR/layout" "$DIR/bundle"
        mkdir "$DIR/layout"
        export_to "$DIR/layout" --format=oci-dir "$id=odd" >/dev/null
        ok "umoci unpacks it" umoci unpack --image "$DIR/layout:localhost/odd:latest" "$DIR/bundle"
        ok "and nothing in the layout is too much" umoci gc --layout "$DIR/layout"
fi

# Several images share what they have in common.
for form in oci-archive docker-archive; do
        out=$DIR/several.$form
        export_to "$out" --format=$form "${IDS[busybox]}=localhost/b:1" "${IDS[busybox]}=docker.io/library/b:2" "${IDS[busybox-app]}=localhost/app" \
                "${IDS[odd]}" >/dev/null
        rm -rf "$ELSEWHERE"
        is "several images in one $form" "$(load "$ELSEWHERE" <"$out" | jq -c '[.Result.Images[] | [.Id, .Names]] | sort')" \
                "$(jq -cn --arg b "${IDS[busybox]}" --arg a "${IDS[busybox-app]}" --arg o "${IDS[odd]}" \
                        '[[$b, ["localhost/b:1", "docker.io/library/b:2"]], [$a, ["localhost/app:latest"]], [$o, []]] | sort')"
        is "no layer is in it twice" "$(tar -tf "$out" | sort | uniq -d)" ""
done

if [ -n "$PODMAN" ]; then
        # An image is known by its ID, whoever has it.
        by_podman() {
                local form
                for form in docker-archive:none oci-archive:gzip oci-archive:zstd; do
                        podman_ rmi -a -f >/dev/null 2>&1
                        export_to "$DIR/for-podman" --format="${form%:*}" --compress="${form#*:}" "$id=localhost/odd:1" >/dev/null
                        podman_ load -q -i "$DIR/for-podman" >/dev/null || echo "$form: podman cannot load it"
                        [ "$(podman_ images -q --no-trunc)" = "sha256:$id" ] || echo "$form: podman calls it $(podman_ images --no-trunc)"
                done
        }
        is "podman loads it, with the same ID" "$(by_podman 2>&1)" ""
        # Of the odd image podman's own storage loses parts; between Docker's format and
        # OCI's it changes the configuration.
        from_podman() {
                local form id=${IDS[busybox-app]}
                for form in docker-archive docker-dir oci-archive oci-dir; do
                        podman_ rmi -a -f >/dev/null 2>&1
                        export_to "$DIR/for-podman" --format="${form%%-*}-archive" "$id=localhost/app:1" >/dev/null
                        podman_ load -q -i "$DIR/for-podman" >/dev/null
                        rm -rf "$ELSEWHERE" "$DIR/by-podman"
                        podman_ save -q --format "$form" -o "$DIR/by-podman" localhost/app:1 >/dev/null || echo "$form: podman cannot save it"
                        [ "$(id_of "$(load "$ELSEWHERE" <"$DIR/by-podman")")" = "$id" ] || echo "$form: another ID"
                        tree "$ELSEWHERE"/images/*/rootfs | cmp -s - "$DIR/busybox-app.tree" || echo "$form: another tree"
                done
        }
        is "what podman saves is the same again" "$(from_podman 2>&1)" ""
else
        skip "podman loads it" "podman is not installed or does not work here"
fi

# What cannot be.
refused() {
        local text=$1 expected=$2 status=0 output
        shift 2
        output=$("$@" 2>&1) || status=$?
        if [ "$status" = 1 ] && grep -qE -- "$expected" <<<"$output"; then
                pass "$text"
        else
                fail "$text" "status $status: $output"
        fi
}
into_null() { pull export "$@" 0>/dev/null; }
into_directory() { pull export "$@" 0<"$DIR"; }
none=$(printf '0%.0s' {1..64})
refused "no image" 'InvalidArgument.*No image' into_null
refused "what is no ID" 'InvalidArgument.*is not an image ID' into_null ../../etc
refused "an image that is not there" "NoSuchImage.*$none" into_null "$none"
refused "a name that is none" 'InvalidArgument.*is not an image name' into_null "$id=A B"
refused "a format that is none" 'InvalidArgument.*not a format' into_null --format=ova "$id"
refused "a compression that is none" 'InvalidArgument.*not a compression' into_null --compress=xz "$id"
refused "docker's archive compressed" 'InvalidArgument.*not compressed' into_null --compress=gzip "$id"
refused "an archive into a directory" 'InvalidArgument.*needs a file' into_directory --format=oci-archive "$id"
refused "a directory into a file" 'InvalidArgument.*needs a directory' into_null --format=oci-dir "$id"
read_only() { pull export "$id" 0</etc/passwd; }
refused "a file that is open for reading" 'InvalidArgument.*open for reading' read_only
two_dirs() { mkdir -p "$DIR/two" && pull export --format=docker-dir "$id" "${IDS[busybox]}" 0<"$DIR/two"; }
refused "two images in one dir:" 'InvalidArgument.*one image only' two_dirs
closed_pipe() { pull export "${IDS[debian]}" 0> >(true); }
refused "a reader that goes away" 'Broken pipe' closed_pipe
if mkdir "$DIR/small" && mount -t tmpfs -o size=200k tmpfs "$DIR/small" 2>/dev/null; then
        full() { pull export "$id" 0>"$DIR/small/x"; }
        refused "a disk that is full" 'NoSpace' full
        umount "$DIR/small"
else
        skip "a disk that is full" "nothing can be mounted here"
fi
# Links in a directory that somebody else prepared are not followed.
mkdir -p "$DIR/trap/blobs" "$DIR/outside"
ln -s "$DIR/outside" "$DIR/trap/blobs/sha256"
trap_() { pull export --format=oci-dir "$id" 0<"$DIR/trap"; }
refused "a directory that is a link" 'Cannot write' trap_
is "nothing was written behind it" "$(ls "$DIR/outside")" ""
rm -rf "$DIR/trap"
mkdir "$DIR/trap"
echo untouched >"$DIR/outside/file"
ln -s "$DIR/outside/file" "$DIR/trap/index.json"
ln "$DIR/outside/file" "$DIR/trap/oci-layout"
export_to "$DIR/trap" --format=oci-dir "$id" >/dev/null
is "files that are links are replaced" "$(cat "$DIR/outside/file")$(stat -c %F "$DIR/trap/index.json")" "untouchedregular file"
is "the store is as before" "$(diff <(echo "$before") <(state))" ""

# A store that lost a file says so, and does not write another image.
object=$(find "$STORE/ostree/repo/objects" -name '*.file' -size +100k | head -n 1)
mv "$object" "$DIR/lost"
damaged() { pull export --format=oci-archive "${IDS[debian]}" "${IDS[busybox]}" "$id" 0>/dev/null; }
refused "an object that is lost" 'StoreDamaged' damaged
head -c "$(stat -c %s "$DIR/lost")" /dev/urandom >"$object"
refused "an object that is another" 'StoreDamaged.*comes out as' damaged
rm "$object"
mv "$DIR/lost" "$object"

# Killed in between, nothing is in the store that was not.
if command -v strace >/dev/null; then
        for n in 1 5 20 60; do
                strace -f -qq -o /dev/null -e trace=write -e inject=write:signal=SIGKILL:when=$n \
                        "$PULL" --state-dir "$STORE" export --format=oci-archive --compress=none "$id" 0>/dev/null >/dev/null 2>&1
        done
        is "killed while it writes, the store is as before" "$(diff <(echo "$before") <(state))" ""
fi

# A layer whose stream has more than its files: a whiteout with content. It leaves as
# another stream, its image with another ID, and the same tree.
python3 - "$DIR/odd-layer.tar" <<'END'
import hashlib, io, json, sys, tarfile

def layer(*rows):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, data, more in rows:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime, info.mode = kind, len(data), 1600000000, 0o755
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()

layers = [
    layer(("d", tarfile.DIRTYPE, b"", {"mode": 0o1770, "uid": 5}), ("d/gone", tarfile.REGTYPE, b"x", {}), ("d/old", tarfile.REGTYPE, b"x", {}),
          ("keep", tarfile.REGTYPE, b"keep", {"uid": 70000, "mode": 0o4755}), ("link", tarfile.SYMTYPE, b"", {"linkname": "keep"})),
    layer(("d/.wh.gone", tarfile.REGTYPE, b"content", {}), ("new", tarfile.REGTYPE, b"n" * 100000, {"pax_headers": {"SCHILY.xattr.user.a": "b"}}),
          ("o/.wh..wh..opq", tarfile.REGTYPE, b"content", {}), ("größe", tarfile.REGTYPE, b"g", {}), ("n" * 200, tarfile.REGTYPE, b"long", {})),
]
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {
    "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers]}}).encode()
with tarfile.open(sys.argv[1], "w") as archive:
    rows = [(f"{i}.tar", data) for i, data in enumerate(layers)]
    rows += [("c.json", config), ("manifest.json", json.dumps([{"Config": "c.json", "Layers": ["0.tar", "1.tar"]}]).encode())]
    for name, data in rows:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
END
other=$(id_of "$(load "$STORE" <"$DIR/odd-layer.tar")")
result=$(pull export --format=oci-archive "$other=localhost/other:1" 0>"$DIR/other.tar" 2>"$DIR/said" | tail -n 1)
ok "a layer that cannot be made again: another ID" test "$(id_of "$result")" != "$other"
like "which is said" "$(cat "$DIR/said")" 'cannot be made again as it came'
rm -rf "$ELSEWHERE"
again=$(id_of "$(load "$ELSEWHERE" <"$DIR/other.tar")")
is "the ID is the one that was told" "$again" "$(id_of "$result")"
is "the tree is the same" "$(diff <(tree "$STORE/images/$other/rootfs") <(tree "$ELSEWHERE/images/$again/rootfs"))" ""
"$PULL" --state-dir "$ELSEWHERE" export --format=oci-archive "$again=localhost/other:1" 0>"$DIR/other2.tar" >/dev/null
ok "and from there on it is itself" cmp "$DIR/other.tar" "$DIR/other2.tar"

# Roots.
mkdir -p "$DIR/root/etc" "$DIR/root/bin"
echo content >"$DIR/root/etc/file"
ln -s file "$DIR/root/etc/link"
chmod 4755 "$DIR/root/bin"
find "$DIR/root" -depth -exec touch -h -d @1600000000 {} +
tar -C "$DIR/root" --sort=name -cf "$DIR/root.tar" .
gzip -k "$DIR/root.tar"
xz -k "$DIR/root.tar" 2>/dev/null
zstd -q -k "$DIR/root.tar" 2>/dev/null
bzip2 -k "$DIR/root.tar" 2>/dev/null
layers_of() {
        local file
        for file in "$DIR"/root.tar "$DIR"/root.tar.gz "$DIR"/root.tar.xz "$DIR"/root.tar.zst; do
                [ ! -e "$file" ] || jq -r '.rootfs.diff_ids[]' "$STORE/images/$(id_of "$(pull import <"$file" | tail -n 1)")/config.json"
        done | sort -u
}
is "a root in any compression is the same layer" "$(layers_of)" "sha256:$(sha256sum "$DIR/root.tar" | cut -d' ' -f1)"
imported=$(id_of "$(pull import 0< <(cat "$DIR/root.tar.gz") | tail -n 1)")
is "through a pipe, with the tree that it has" "$(diff <(tree "$DIR/root") <(tree "$STORE/images/$imported/rootfs"))" ""
# shellcheck disable=SC2034 # read by name
CHANGES=("CMD [\"/bin/sh\", \"-c\", \"a b\"]" "ENTRYPOINT /start" "ENV A=b" "ENV C=d" "EXPOSE 80" "EXPOSE 53/udp" "LABEL x=y" "USER app:staff"
        "WORKDIR /w" "VOLUME /data" "STOPSIGNAL SIGQUIT" "ONBUILD RUN x")
imported=$(id_of "$(pull import "${CHANGES[@]/#/--change=}" --message=why --platform=arm64/v8 --author=me <"$DIR/root.tar" | tail -n 1)")
config=$STORE/images/$imported/config.json
is "the description" "$(jq -c '[.architecture, .variant, .os, .author, .history[0].comment]' "$config")" '["arm64","v8","linux","me","why"]'
if [ -n "$PODMAN" ]; then
        by_podman=$(podman_ import -q "${CHANGES[@]/#/--change=}" "$DIR/root.tar" 2>&1 | tail -n 1)
        podman_ save -q --format oci-archive -o "$DIR/imported.tar" "${by_podman#sha256:}"
        rm -rf "$ELSEWHERE"
        theirs=$ELSEWHERE/images/$(id_of "$(load "$ELSEWHERE" <"$DIR/imported.tar")")/config.json
        # ONBUILD is no part of the OCI format; a signal podman writes as its number.
        is "the changes are what podman makes of them" "$(jq -cS '.config | del(.OnBuild) | .StopSignal = "3"' "$config")" "$(jq -cS .config "$theirs")"
else
        skip "the changes are what podman makes of them" "podman is not installed or does not work here"
fi
before=$(state)
refused "a change that is none" 'InvalidArgument.*RUN x' pull import --change="RUN x" <"$DIR/root.tar"
refused "a value that is none" 'InvalidArgument.*WORKDIR x' pull import --change="WORKDIR x" <"$DIR/root.tar"
refused "a port that is none" 'ExposedPorts' pull import --change="EXPOSE 70000" <"$DIR/root.tar"
refused "a platform that is none" 'InvalidArgument.*platform' pull import --platform=linux//x <"$DIR/root.tar"
refused "nothing" 'BadArchive.*empty' pull import </dev/null
refused "what is no archive" 'BadArchive.*tar stream' pull import <"$DIR/root/etc/file"
[ ! -e "$DIR/root.tar.bz2" ] || refused "a compression that is not read" 'BadArchive.*bzip2' pull import <"$DIR/root.tar.bz2"
head -c 700 "$DIR/root.tar.gz" | head -c 100 >"$DIR/cut.gz"
refused "a truncated root" 'BadArchive' pull import <"$DIR/cut.gz"
is "the store is as before" "$(diff <(echo "$before") <(state))" ""

# Differences.
changes() {
        pull diff "$@" | tail -n 1 | jq -r '.Result.Changes[] | .Kind + " " + .Path'
}
is "what an image's top layer does" "$(changes "${IDS[busybox]}")" "C /etc
A /etc/berth-test-version"
is "an image and itself" "$(changes "$id" "$id")" ""
forward=$(changes "${IDS[busybox]}" "$id")
backward=$(changes "$id" "${IDS[busybox]}")
is "the other way round it is the other way round" \
        "$(grep -E '^A' <<<"$forward" | grep -cE "^A /[^/]*$")" "$(grep -cE "^D /[^/]*$" <<<"$backward")"
if [ -n "$PODMAN" ]; then
        podman_ rmi -a -f >/dev/null 2>&1
        for name in busybox odd; do
                podman_ load -q -i "$IMAGES/$name.oci.tar" >/dev/null
        done
        is "of two images podman says the same" \
                "$(podman_ diff "${IDS[busybox]}" "$id" 2>&1 | sort -k 2)" "$(changes "${IDS[busybox]}" "$id" | sort -k 2)"
        is "of one podman says the same" "$(podman_ diff "$id" | sort -k 2)" "$(changes "$id" | sort -k 2)"
else
        skip "of two images podman says the same" "podman is not installed or does not work here"
fi
refused "the difference to what is not there" 'NoSuchImage' pull diff "$id" "$none"
refused "the difference of three" 'InvalidArgument' pull diff "$id" "$id" "$id"
