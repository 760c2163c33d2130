#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The surfaces of libpod that Berth has so far are on the bus of the running
# daemon; the events have their catalog texts; the option names of NewContainer are
# properties of the container.
# shellcheck source=tests/integration/lib.sh
. "$(dirname -- "$0")/lib.sh"

load_image busybox
at_exit drop_containers
hold surface
CONTAINER=/io/berth1/container/$(berthctl inspect --format '{{.Id}}' surface)
IMAGE=/io/berth1/image/$(berthctl inspect --format '{{.Id}}' "$(image busybox)")

# members_of INTERFACE PATH
members_of() {
        busctl introspect io.berth1 "$2" "io.berth1.$1" | sed -nE "s/^\.([A-Za-z]+) +(method|property|signal) .*/$1.\1/p"
}

{ members_of Runtime /io/berth1; members_of Container "$CONTAINER"; members_of Image "$IMAGE"; } | sort >"$TMP/have"
sort >"$TMP/want" <<'SURFACE'
Container.AutoRemove
Container.CGroupPath
Container.Command
Container.CreatedTime
Container.Entrypoint
Container.Exec
Container.ExitCode
Container.FinishedTime
Container.Groups
Container.Hostname
Container.ID
Container.Image
Container.Inspect
Container.Kill
Container.Labels
Container.LogDriver
Container.LogTag
Container.Name
Container.OOMKilled
Container.PID
Container.RawImageName
Container.Refresh
Container.RestartPolicy
Container.RestartRetries
Container.RestartWithTimeout
Container.SdNotifyMode
Container.ShmSize
Container.Start
Container.StartAndAttach
Container.StartedTime
Container.State
Container.Stdin
Container.Stop
Container.StopSignal
Container.StopTimeout
Container.StopWithTimeout
Container.StoppedByUser
Container.Sync
Container.Timezone
Container.Umask
Container.User
Container.Wait
Container.WorkingDir
Runtime.DefaultSeccompPath
Runtime.GetAllContainers
Runtime.GetContainer
Runtime.GetDiff
Runtime.GetRunningContainers
Runtime.HasContainer
Runtime.Import
Runtime.Info
Runtime.LoadAllImageFromArchive
Runtime.LoadImage
Runtime.LoadImageFromSingleImageArchive
Runtime.LookupContainer
Runtime.NewContainer
Runtime.OCIRuntimePath
Runtime.PruneContainers
Runtime.RemoveContainer
Runtime.RemoveImage
Runtime.RemoveImageFromStorage
Runtime.TmpDir
SURFACE
is "$(wc -l <"$TMP/want") surfaces of libpod are there" "$(comm -13 "$TMP/have" "$TMP/want" | paste -sd' ')" ""
is "each object has the standard interfaces" "$(for i in Properties Introspectable Peer; do busctl introspect io.berth1 "$CONTAINER" | grep -c "^org.freedesktop.DBus.$i "; done | paste -sd' ')" "1 1 1"
like "the object manager lists them" "$(busctl call io.berth1 /io/berth1 org.freedesktop.DBus.ObjectManager GetManagedObjects)" "$CONTAINER"

# Signals: an object appears, changes, goes.
busctl monitor --json=short io.berth1 >"$TMP/signals" 2>/dev/null &
monitor=$!
at_exit kill "$monitor"
sleep 0.5
berthctl run -d --name seen "$(image busybox)" sleep 1000 >/dev/null
berthctl kill seen >/dev/null
berthctl wait seen >/dev/null
berthctl rm seen >/dev/null
ok "InterfacesAdded" wait_until 5 grep -q '"member":"InterfacesAdded"' "$TMP/signals"
ok "PropertiesChanged" wait_until 5 grep -q '"member":"PropertiesChanged".*State' "$TMP/signals"
ok "InterfacesRemoved" wait_until 5 grep -q '"member":"InterfacesRemoved"' "$TMP/signals"
for event in create start kill died remove; do
        ok "Event $event" wait_until 5 grep -q "\"member\":\"Event\".*\"container\",\"$event\"" "$TMP/signals"
        ok "journal entry $event" wait_until 5 journalctl -q -n1 BERTH_EVENT="$event" CONTAINER_NAME=seen --grep .
done
like "with a catalog text" "$(journalctl -x -q -n 1 BERTH_EVENT=died CONTAINER_NAME=seen)" 'Subject: Container seen has ended'
