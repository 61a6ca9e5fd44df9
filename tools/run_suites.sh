#!/bin/sh
#
# Runs the unit tests, then the component tests, even if a unit test fails.
# Filters may select tests of one suite only.
#
#   tools/run_suites.sh [OPTION...] [FILTER...]
#
# The results of both are one run in the repository of the tox environment.

set -f

with_stestr() {
    # No test depends on another test of its class.
    stestr --repo-url "$TOX_ENV_DIR" --test-path "./pci_ext/tests/$suite" \
        --group-regex .+ "$@"
}

filters=
for argument; do
    case $argument in
    -*) ;;
    *) filters="$filters $argument" ;;
    esac
done

# Without a repository stestr lists no test.
[ -e "$TOX_ENV_DIR/.stestr" ] || stestr --repo-url "$TOX_ENV_DIR" init || exit

status=0
combine=
for suite in unit component; do
    # Without a selected test stestr fails.
    if [ -n "$filters" ] && [ -z "$(with_stestr list $filters)" ]; then
        continue
    fi
    with_stestr run $combine "$@" || status=$?
    combine=--combine
done

if [ -z "$combine" ]; then
    echo "No test is selected by:$filters" >&2
    exit 1
fi
exit "$status"
