#!/bin/sh
#
# Run the tests of the deployment that tox has brought up, then the functional
# tests on it: those, too, if one of the former fails.
#
#   pci_ext/tests/deployment/cloud/run_tests.sh [FILTER...]

run() {
    folder=$1
    shift
    stestr --repo-url "$TOX_ENV_DIR" --test-path "./pci_ext/tests/$folder" \
        run --concurrency 1 "$@"
}

status=0
run deployment "$@" || status=$?
run functional --combine "$@" || status=$?
exit "$status"
