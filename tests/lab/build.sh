# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What tests/run and tests/try share: packages, builds, the choice of the place.
# The caller sets TOP, the root of the source tree.

CACHE=${BERTH_TEST_CACHE:-/var/cache/berth-tests}
[ -n "${BERTH_TEST_CACHE:-}" ] || [ "$(id -u)" = 0 ] || CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/berth-tests
export BERTH_TEST_CACHE=$CACHE
# Several checkouts on one machine do not share a build directory.
BUILDS=$CACHE/build-$(printf '%s' "$TOP" | cksum | cut -d' ' -f1)
# What one run installs and shares with its lab; several may run at once.
RUN=''

say() {
        printf '\n== %s\n' "$*"
}

packages_of() {
        awk -v groups=" $* " '!/^#/ && index(groups, " " $1 " ") { print $2 }' "$TOP/tests/lab/packages"
}

missing_packages() {
        local package
        for package in $(packages_of "$@"); do
                [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
        done
}

# Installs what is missing of the groups; the package lists of a new machine may
# be empty or old, so they are fetched only when that is needed.
install_packages() {
        local missing
        command -v dpkg-query >/dev/null || { echo "this machine is not a Debian: packages are not looked at" >&2; return 0; }
        mapfile -t missing < <(missing_packages "$@")
        [ "${#missing[@]}" -gt 0 ] || return 0
        if [ "$(id -u)" != 0 ]; then
                echo "missing packages, and only root can install them: ${missing[*]}" >&2
                return 1
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends "${missing[@]}" && return 0
        apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"
}

# build_tree NAME COMPILER [MESON OPTION...]: compiles into $BUILDS/NAME, which is
# made anew when the options changed. A subshell, so that its lock ends with it.
build_tree() (
        local compiler=$2 dir=$BUILDS/$1 lock
        shift 2
        mkdir -p "$BUILDS"
        exec {lock}>"$dir.lock"
        flock "$lock"
        if [ "$(cat "$dir.options" 2>/dev/null)" != "$compiler $*" ]; then
                rm -rf "$dir"
        fi
        echo "$compiler $*" >"$dir.options"
        [ -e "$dir/build.ninja" ] || CC=$compiler meson setup "$@" "$dir" "$TOP" || return
        meson compile -C "$dir"
)

# The run's directory is locked while the run lives; what an earlier one left is removed.
need_run() {
        local old
        [ -z "$RUN" ] || return 0
        for old in "$BUILDS"/run.??????; do
                ! [ -f "$old/lock" ] || ! flock -n "$old/lock" true || rm -rf "$old"
        done
        RUN=$(mktemp -d "$BUILDS/run.XXXXXX")
        chmod 0755 "$RUN"
        exec {RUN_LOCK}>"$RUN/lock"
        flock "$RUN_LOCK"
}

end_run() {
        [ -z "$RUN" ] || rm -rf "$RUN"
        RUN=''
}

# The tree that is laid over the lab's root.
install_tree() {
        need_run
        DESTDIR=$RUN/tree meson install -C "$BUILDS/$1" --no-rebuild --quiet
}

# What the lab sees as /share: the tests and the images, whatever root it boots.
fill_share() {
        need_run
        mkdir -p "$RUN/share/images" "$RUN/share/logs"
        cp -a "$TOP/tests" "$RUN/share/tests" || return
        cp -al "$CACHE/images/." "$RUN/share/images/" 2>/dev/null || cp -a "$CACHE/images/." "$RUN/share/images/"
}

# Prints the lab that works here, or on standard error why none does.
choose_place() {
        local place why='' one
        for place in sandbox vm; do
                # Only who needs the VM pays for its packages.
                [ "$place" != vm ] || [ "$(id -u)" != 0 ] || install_packages vm >&2 || true
                if one=$("$TOP/tests/lab/$place" --check 2>&1); then
                        echo "$place"
                        return 0
                fi
                why+=$one$'\n'
        done
        printf 'No real systemd can be had here:\n%s' "$why" >&2
        return 1
}

# in_place PLACE [LAB OPTION...] COMMAND...: runs it where systemd is PID 1.
in_place() {
        local place=$1
        shift
        "$TOP/tests/lab/$place" --overlay "$RUN/tree" --share "$RUN/share" "$@" {RUN_LOCK}>&-
}

# The machine's own systemd, only when the user asked for it.
install_on_host() {
        [ "$(id -u)" = 0 ] || { echo "--host must be root" >&2; return 1; }
        [ -d /run/systemd/system ] || { echo "--host: PID 1 of this machine is not systemd" >&2; return 1; }
        if [ -n "$(ls -A /var/lib/berth 2>/dev/null)" ]; then
                echo "--host: /var/lib/berth is in use; the tests would remove what it holds" >&2
                return 1
        fi
        meson install -C "$BUILDS/$1" --no-rebuild --quiet || return
        systemctl daemon-reload || return
        systemctl reload dbus.service || systemctl reload dbus-broker.service
}

remove_from_host() {
        systemctl stop berthd.service 2>/dev/null || true
        ninja -C "$BUILDS/$1" uninstall >/dev/null
        systemctl daemon-reload
}
