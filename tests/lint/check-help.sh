#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: check-help.sh BERTHCTL MAN-PAGE
#
# Every command has help of at most 100 columns on its standard output and says
# nothing else; wrong usage is told on the standard error with exit status 125;
# the manual page knows every command and every option.
set -uo pipefail

CTL=$1 PAGE=$2
FAILED=0 CHECKED=0

complain() {
        echo "$*"
        FAILED=$((FAILED + 1))
}

# Help: status 0, no errors, no wide line, no blank at the end of one.
check_help() {
        local out err wide
        CHECKED=$((CHECKED + 1))
        err=$({ out=$("$CTL" "$@"); } 2>&1) || complain "$* ends with status $?"
        out=$("$CTL" "$@")
        [ -z "$err" ] || complain "$* writes errors: $err"
        [[ $out == "Usage: berthctl "* ]] || complain "$* does not begin with the usage"
        wide=$(grep -E '.{101}' <<<"$out") && complain "$*: wider than 100 columns: $wide"
        grep -nE ' $' <<<"$out" && complain "$*: blanks at the end of a line"
        return 0
}

check_wrong() {
        local out err status
        CHECKED=$((CHECKED + 1))
        out=$("$CTL" "$@" 2>/dev/null </dev/null)
        status=$?
        err=$("$CTL" "$@" 2>&1 >/dev/null </dev/null)
        [ "$status" = 125 ] || complain "$*: status $status instead of 125"
        [ -z "$out" ] || complain "$*: writes to the standard output"
        [[ $err == "Error: "* ]] || complain "$*: no line \"Error: ...\""
}

candidates() {
        "$CTL" __complete "$@" | cut -f1
}

# The page's source with every option as "--option".
page_text() {
        sed -e 's/Fl -/--/g' -e 's/ , -\([a-z]\)/ , --\1/g' "$PAGE" | tr ' \n' '  '
}

check_page() {
        local word=$1
        CHECKED=$((CHECKED + 1))
        [[ "$TEXT" =~ (^|[^a-z-])$word([^a-z-]|$) ]] || complain "the manual page does not know $word"
}

check_command() {
        local flag
        check_help "$@" --help
        check_help help "$@"
        check_wrong "$@" --no-such-option
        for flag in $(candidates "$@" --); do
                check_page "$flag"
        done
}

TEXT=$(page_text)

check_help --help
check_wrong frobnicate
check_wrong --no-such-option
for command in $(candidates ''); do
        case $command in
        container | image | quadlet)
                check_help "$command" --help
                check_wrong "$command" frobnicate
                for below in $(candidates "$command" ''); do
                        check_command "$command" "$below"
                done
                ;;
        *)
                check_command "$command"
                check_page "Cm $command"
                ;;
        esac
done

[ "$CHECKED" -gt 100 ] || complain "only $CHECKED checks were made"
echo "$CHECKED checks, $FAILED failed"
[ "$FAILED" = 0 ]
