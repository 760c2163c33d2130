# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # the LAB_ variables are read by the scripts
# What tests/lab/sandbox and tests/lab/vm have in common: the options, the
# choice of a scratch directory, the rules that turn a developer's machine into
# a quiet test machine, and the words for what is missing.

LAB_NAME=${0##*/}

# Exit status 125 says "the lab failed", as opposed to any status of the command.
lab_die() {
        echo "$LAB_NAME: $*" >&2
        exit 125
}

lab_usage() {
        # The comment at the top of the script is its manual.
        sed -n '/^# Usage:/,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

lab_defaults() {
        LAB_ROOT=/
        LAB_OVERLAYS=()
        LAB_SHARE=
        LAB_SHELL=0
        LAB_CHECK=0
        LAB_BOOTS=0
        LAB_TIMEOUT=0
        LAB_COMMAND=()
}

lab_need_value() {
        [ "$1" -ge 2 ] || lab_die "option $2 needs a value"
}

lab_parse() {
        lab_defaults
        while [ $# -gt 0 ]; do
                case $1 in
                --root | --overlay | --share | --timeout)
                        lab_need_value $# "$1"
                        lab_set_option "$1" "$2"
                        shift 2
                        ;;
                --root=* | --overlay=* | --share=* | --timeout=*)
                        lab_set_option "${1%%=*}" "${1#*=}"
                        shift
                        ;;
                --shell) LAB_SHELL=1; shift ;;
                --check) LAB_CHECK=1; shift ;;
                --boots) LAB_BOOTS=1; shift ;;
                -h | --help) lab_usage; exit 0 ;;
                --) shift; break ;;
                -*) lab_die "unknown option $1 (see --help)" ;;
                *) break ;;
                esac
        done
        LAB_COMMAND=("$@")
        [ $# -gt 0 ] || [ "$LAB_SHELL" = 1 ] || [ "$LAB_CHECK" = 1 ] ||
                lab_die "no command given (see --help)"
        if [ $# -eq 0 ]; then
                LAB_COMMAND=(/bin/bash -l)
        fi
}

lab_set_option() {
        case $1 in
        --timeout)
                [[ $2 =~ ^[0-9]+$ ]] || lab_die "--timeout: '$2' is no number of seconds"
                LAB_TIMEOUT=$2
                return
                ;;
        esac
        [ -d "$2" ] || lab_die "$1: no directory '$2'"
        case $1 in
        --root)
                [[ "$2" != *[\\:,]* ]] || lab_die "--root: overlayfs cannot take a path with one of \\ : ,"
                LAB_ROOT=$(realpath -- "$2")
                ;;
        --overlay) LAB_OVERLAYS+=("$(realpath -- "$2")") ;;
        --share) LAB_SHARE=$(realpath -- "$2") ;;
        esac
}

# A directory on a file system that can be the writable layer of an overlay and
# hold container storage: overlayfs cannot be stacked on itself there. tmpfs is
# the last resort since it eats memory.
lab_scratch_base() {
        local pattern dir
        for pattern in 'ext*|xfs|btrfs|f2fs' 'tmpfs'; do
                for dir in "${BERTH_TEST_SCRATCH:-}" "${TMPDIR:-}" /var/tmp /var/cache /tmp /var/lib /home /root /dev/shm /run; do
                        if [ -n "$dir" ] && [ -d "$dir" ] && [ -w "$dir" ] && lab_fs_matches "$dir" "$pattern"; then
                                realpath -- "$dir"
                                return 0
                        fi
                done
        done
        return 1
}

lab_fs_matches() {
        local type
        type=$(stat -f -c %T -- "$1") || return 1
        [[ $type =~ ^(${2//\*/.*})$ ]]
}

# Units that would reach out of the lab (clock, kernel settings, devices) or
# that only cost time there.
lab_masked_units() {
        printf '%s\n' \
                apt-daily-upgrade.timer apt-daily.timer dpkg-db-backup.timer e2scrub_all.timer \
                fstrim.timer man-db.timer logrotate.timer \
                console-getty.service getty-static.service getty.target systemd-ask-password-console.path \
                systemd-ask-password-wall.path \
                dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
                sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
                kmod-static-nodes.service ldconfig.service networking.service e2scrub_reap.service \
                systemd-binfmt.service systemd-firstboot.service systemd-hwdb-update.service \
                systemd-initctl.socket systemd-journald-audit.socket systemd-machine-id-commit.service \
                systemd-modules-load.service systemd-networkd.service systemd-networkd.socket \
                systemd-pcrphase-sysinit.service systemd-pcrphase.service systemd-pstore.service \
                systemd-random-seed.service systemd-remount-fs.service systemd-repart.service \
                systemd-resolved.service systemd-sysctl.service systemd-timesyncd.service \
                systemd-tmpfiles-clean.timer systemd-udev-trigger.service systemd-udevd-control.socket \
                systemd-udevd-kernel.socket systemd-udevd.service systemd-update-done.service \
                systemd-update-utmp-runlevel.service systemd-update-utmp.service
}

# Makes the tree $1 (a private copy, never the machine's own) boot as a test
# machine: only what Debian itself and the overlays start, no disks to mount.
lab_quiet_root() {
        local root=$1 units=$1/etc/systemd/system unit
        mkdir -p "$units"
        rm -rf "$units"/*.wants "$units"/*.requires "$root"/etc/rc?.d "$root"/var/lib/systemd/linger
        # dbus-daemon is the bus of a fresh Debian; an installed dbus-broker takes
        # its name by an alias. BERTH_LAB_BUS=broker keeps it.
        if [ "${BERTH_LAB_BUS:-daemon}" = daemon ] && [ -x "$root/usr/bin/dbus-daemon" ]; then
                rm -f "$units/dbus.service"
        fi
        lab_masked_units | while read -r unit; do
                ln -sf /dev/null "$units/$unit"
        done
        ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
        rm -f "$root/etc/fstab" "$root/etc/crypttab" "$root/etc/machine-id" "$root/etc/hostname"
        tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
        echo "berth-lab" >"$root/etc/hostname"
        [ -s "$root/etc/hosts" ] || echo "127.0.0.1 localhost berth-lab" >"$root/etc/hosts"
}

# Lays the tree $2 over the root $1 as a package would: the directories and
# links that are there stay (/lib is a link on Debian), users, presets and the
# message catalog of the tree take effect.
lab_lay_over() {
        local root=$1 tree=$2 unit
        tar -C "$tree" -c . | tar -C "$root" -x --keep-directory-symlink --no-overwrite-dir
        if [ -d "$tree/usr/lib/sysusers.d" ]; then
                systemd-sysusers --root="$root" || echo "lab: sysusers failed" >&2
        fi
        if [ -d "$tree/usr/lib/systemd/catalog" ]; then
                journalctl --update-catalog --root="$root" || echo "lab: the catalog is broken" >&2
        fi
        # Either directory may be missing: then find fails, and that is right.
        { find "$tree/usr/lib/systemd/system" "$tree/lib/systemd/system" -maxdepth 1 -type f -printf '%f\n' 2>/dev/null || true; } |
                sort -u | while read -r unit; do
                        systemctl --quiet --root="$root" preset "$unit" || echo "lab: no preset for $unit" >&2
                done
}
