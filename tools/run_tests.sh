#!/usr/bin/env bash
#
# Creates the environments and runs the tests in them.
#
#   tools/run_tests.sh [ENVIRONMENT...]     default: py3 functional pep8
#
# Needs Python 3.11, git and the package registry. Prints the failures and
# a line "N passed, N failed"; the status is not zero after a failure.

set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

environments=("$@")
[ ${#environments[@]} -gt 0 ] || environments=(py3 functional pep8)

python=${PYTHON:-python3.11}
venv=.venv-tests

say() { printf '\n==> %s\n' "$*"; }

fail() {
    printf 'run_tests.sh: %s\n' "$*" >&2
    exit 1
}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    2> /dev/null; then
    fail "$python is missing or older than Python 3.11. Install it (Debian 12:" \
        "apt-get install python3.11 python3.11-venv), or set PYTHON to the" \
        "interpreter to use."
fi
command -v git > /dev/null || fail 'git is missing: install it.'

# Two of these scripts may run at the same time.
exec 9> "$venv.lock"
flock 9
if [ ! -x "$venv/bin/tox" ]; then
    say "Making $venv with tox"
    "$python" -m venv --clear "$venv" ||
        fail "cannot make a virtual environment (Debian: python3.11-venv)."
    # tox-uv creates an environment in seconds, as it unpacks packages once.
    "$venv/bin/python" -m pip install --quiet 'tox>=4.22' tox-uv ||
        fail 'cannot install tox: is the package registry reached?'
fi
flock --unlock 9
exec 9>&-
tox=$(pwd)/$venv/bin/tox

passed=0 failed=0 skipped=0

# The number of tests with the result $1, by the summaries of stestr in the
# log $2.
count() {
    awk -v line="^ - $1: [0-9]+\\r?$" '
        $0 ~ line { sub(/.*: /, ""); n += $0 }
        END { print n + 0 }' "$2"
}

# The failed tests in the log $1 of stestr, each with its traceback.
failed_tests() {
    awk '/^\{[0-9]+\}/ || /^Captured/ { shown = 0 }
        /\.\.\. (FAILED|UNEXPECTED SUCCESS)/ { shown = 1; any = 1 }
        /^Captured traceback/ { shown = 1 }
        shown
        END { exit !any }' "$1"
}

log=$(mktemp)
failures=$(mktemp)
trap 'rm -f "$log" "$failures"' EXIT

for environment in "${environments[@]}"; do
    say "tox -e $environment"
    started=$SECONDS
    "$tox" run --colored no -e "$environment" < /dev/null 2>&1 | tee "$log"
    status=$?
    here=$(($(count Failed "$log") + $(count 'Unexpected Success' "$log")))
    # An environment that fails without a failed test (for example, at its
    # creation), and one without tests (pep8, docs), count as one test.
    if [ "$status" -ne 0 ] && [ "$here" -eq 0 ]; then
        here=1
    fi
    good=$(($(count Passed "$log") + $(count 'Expected Fail' "$log")))
    if [ "$status" -eq 0 ] && [ "$good" -eq 0 ]; then
        good=1
    fi
    passed=$((passed + good))
    failed=$((failed + here))
    skipped=$((skipped + $(count Skipped "$log")))
    if [ "$status" -ne 0 ]; then
        printf -- '--- tox -e %s\n' "$environment"
        failed_tests "$log" || tail -n 40 "$log"
    fi >> "$failures"
    say "tox -e $environment ended with status $status after" \
        "$((SECONDS - started)) s"
done

if [ -s "$failures" ]; then
    # If only the end of the output is stored, it contains the failures.
    say 'What failed:'
    cat "$failures"
fi
printf '\n%d passed, %d failed' "$passed" "$failed"
[ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
printf '\n'
[ "$failed" -eq 0 ]
