#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Nothing that an image says about itself is an instruction: a container of an image whose
# labels and annotations have every key that engines give a meaning, and every text of our
# own programs that looks like a key, is the same as one of the image without them.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

at_exit berthctl rmi -a -f
at_exit drop_containers

# Every word of our programs that could be a key, and those of others.
{
        cat /usr/lib/berth/berth* /usr/bin/berthctl | grep -aoE '(io|org|com|run|dev|net)\.[a-z0-9][a-zA-Z0-9._/-]{3,80}'
        printf '%s\n' io.podman.annotations.privileged io.podman.annotations.autoremove io.podman.annotations.init \
                io.podman.annotations.seccomp io.podman.annotations.label io.podman.annotations.volumes-from io.podman.annotations.userns \
                io.containers.capabilities io.containers.autoupdate io.containers.type PODMAN_SYSTEMD_UNIT PODMAN_USERNS_ANNOTATION \
                run.oci.keep_original_groups run.oci.seccomp.receiver run.oci.mount_context_type run.oci.hooks.stdout run.oci.systemd.subgroup \
                run.oci.handler run.oci.delegate-cgroup run.oci.pidfd_receiver run.oci.systemd.force_cgroup_v1 \
                org.systemd.property.MemoryMax org.systemd.property.DeviceAllow org.systemd.property.CollectMode \
                org.systemd.property.ExecStartPre org.criu.config io.kubernetes.cri-o.Devices io.kubernetes.cri-o.userns-mode \
                io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel cpu-load-balancing.crio.io seccomp-profile.kubernetes.cri-o.io \
                com.docker.network.bridge.name com.docker.compose.project io.balena.private.migrate \
                io.containerd.runc.v2.group containerd.io/restart.status nerdctl/mounts devices.io/device cdi.k8s.io/x
} | sort -u >"$TMP/keys"
ok "there are keys ($(wc -l <"$TMP/keys"))" test "$(wc -l <"$TMP/keys")" -ge 40

# The small image again, plain and with all of that in each place that can hold it.
python3 - "$IMAGES/busybox.oci.tar" "$TMP" <<'END'
import hashlib, io, json, sys, tarfile

VALUES = ["true", "privileged", "SYS_ADMIN", "/dev/mem", "'infinity'", "host", "[{\"path\":\"/bin/sh\"}]", "/etc/shadow:/x"]
source, directory = sys.argv[1:]
keys = open(directory + "/keys", encoding="utf-8").read().split()
members = {}
with tarfile.open(source) as archive:
    for info in archive:
        if info.isfile():
            members[info.name.removeprefix("./")] = archive.extractfile(info).read()

def put(data):
    digest = hashlib.sha256(data).hexdigest()
    members["blobs/sha256/" + digest] = data
    return {"digest": "sha256:" + digest, "size": len(data)}

def blob(descriptor):
    return json.loads(members["blobs/sha256/" + descriptor["digest"][7:]])

def write(name, given):
    index = json.loads(members["index.json"])
    entry = index["manifests"][0]
    manifest = blob(entry)
    config = blob(manifest["config"])
    config["config"]["Labels"] = {**given, "which": name}
    manifest["config"].update(put(json.dumps(config).encode()))
    for holder in (manifest, manifest["config"], *manifest["layers"], index):
        if given:
            holder["annotations"] = given
    entry.update(put(json.dumps(manifest).encode()))
    entry["annotations"] = {**given, "org.opencontainers.image.ref.name": f"localhost/labels/{name}:1"}
    entry["annotations"].pop("io.containerd.image.name", None)
    index["manifests"] = [entry]
    with tarfile.open(f"{directory}/{name}.tar", "w") as archive:
        for member, data in {**members, "index.json": json.dumps(index).encode()}.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

write("plain", {})
write("labelled", {key: VALUES[i % len(VALUES)] for i, key in enumerate(keys)})
END
for which in plain labelled; do
        ok "load $which" berthctl load "$TMP/$which.tar"
done

# All that a container is, without the numbers that are its own.
seen() {
        berthctl run --name same --hostname same --network none "$@" sh -c '
                env | sort
                grep -E "^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)" /proc/self/status
                cut -d " " -f 4-6,8- /proc/self/mountinfo | sort
                cat /etc/hosts /etc/resolv.conf /etc/passwd
                ls -l /dev | tr -s " " | cut -d " " -f 1,3-4,10- | sort
                cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max 2>/dev/null' 2>&1
        for file in $(find /var/lib/berth/containers /run/systemd/system -name '*.service' -o -path '*/containers/*/config.json' | sort); do
                jq -S . "$file" 2>/dev/null || cat "$file"
        done
        berthctl rm -f same >/dev/null
}
normal() {
        sed -E -e 's/[0-9a-f]{64}/ID/g' -e 's/[0-9a-f]{12}/ID/g' -e "s/$1/IMAGE/g" \
                -e 's/20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' -e 's/berth-test\.[A-Za-z0-9]+/TEST/g' -e 's/[0-9]+:[0-9]+ /DEV /g'
}
# The container's own record of its labels is what they are for.
seen localhost/labels/plain:1 | normal plain | grep -vF '"which"' >"$TMP/plain.seen"
seen localhost/labels/labelled:1 | normal labelled >"$TMP/labelled.all"
grep -vF -f <(sed 's/.*/"&":/' "$TMP/keys"; echo '"which"') "$TMP/labelled.all" >"$TMP/labelled.seen"
ok "something was seen" grep -q CapEff "$TMP/plain.seen"
is "the container is the same" "$(diff "$TMP/plain.seen" "$TMP/labelled.seen")" ""
ok "it runs" berthctl run -d --name unit --network none localhost/labels/labelled:1 sleep 1000
like "its unit is there" "$(systemctl cat berth-unit.service)" 'ExecStart='
is "no unit holds one of the keys" "$(systemctl cat berth-unit.service | grep -cF -f <(grep -vE '^(io|org)\.(berth|freedesktop)' "$TMP/keys"))" 0
like "inspect shows them" "$(berthctl inspect localhost/labels/labelled:1)" 'org\.systemd\.property\.MemoryMax'
