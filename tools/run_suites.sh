#!/bin/sh
#
# Run the unit tests, then the component tests: those, too, if one of the
# former fails. Filters may choose tests of one suite only.
#
#   tools/run_suites.sh [OPTION...] [FILTER...]
#
# The results of both are one run in the repository of the tox environment.

set -f

with_stestr() {
    # No test needs another of its class.
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

# Without a repository stestr lists nothing.
[ -e "$TOX_ENV_DIR/.stestr" ] || stestr --repo-url "$TOX_ENV_DIR" init || exit

status=0
combine=
for suite in unit component; do
    # Where no test is chosen stestr fails.
    if [ -n "$filters" ] && [ -z "$(with_stestr list $filters)" ]; then
        continue
    fi
    with_stestr run $combine "$@" || status=$?
    combine=--combine
done

if [ -z "$combine" ]; then
    echo "No test is chosen by:$filters" >&2
    exit 1
fi
exit "$status"
