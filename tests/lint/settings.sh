#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: settings.sh BERTHCTL MAN-PAGE
#
# The manual page has every setting of the table, with key, property, type, flag, default, unit key and example as the
# table has them, and no other.
set -euo pipefail

CTL=$1 PAGE=$2
FAILED=0
COUNT=0

complain() {
        echo "$*"
        FAILED=1
}

escape() {
        local s=${1//\\/\\e}
        printf '%s' "${s//-/\\-}"
}

property_line() {
        local line
        line="Property \\fB$name\\fR ($(escape "$signature"))"
        [ -z "$flag" ] || line+=", flag \\fB\\-\\-$(escape "$flag")\\fR"
        [ -z "$letter" ] || line+=" or \\fB\\-$letter\\fR"
        [ -z "$default" ] || line+=", default \\fB$(escape "$default")\\fR"
        [ -z "$unit" ] || line+=", unit key \\fB$unit=\\fR"
        printf '%s.\n' "$line"
}

example_line() {
        local text="$key=$example"
        [ -n "$key" ] || text="--$flag $example"
        [ -n "$key" ] || [ "$signature" != b ] || text="--$flag"
        printf 'Example: \\fB%s\\fR\n' "$(escape "$text")"
}

has_line() {
        grep -qxF -- "$1" "$PAGE" || complain "$PAGE: $name: this line is missing: $1"
}

# A letter that no value has separates the columns, since blanks and empty columns must survive.
FORMAT='{{.Name}}|{{.Quadlet}}|{{.Flag}}|{{.Letter}}|{{.Signature}}|{{.Default}}|{{.Unit}}|{{.Example}}'
TABLE=$("$CTL" settings --noheading --format "$FORMAT")
while IFS='|' read -r name key flag letter signature default unit example; do
        [ -n "$name" ] || continue
        COUNT=$((COUNT + 1))
        has_line "$(property_line)"
        has_line "$(example_line)"
        if [ -n "$key" ]; then has_line "\\fB$key=\\fR"; else has_line "\\fB$name\\fR"; fi
done <<<"$TABLE"

[ "$COUNT" -gt 0 ] || complain "found no settings"
[ "$(grep -c '^Property ' "$PAGE")" = "$COUNT" ] || complain "$PAGE has a setting that is not in the table"
echo "$COUNT settings"
exit "$FAILED"
