#!/bin/sh
#
# Runs the tests of the deployment that tox has started, then the functional
# tests on it, even if a test of the deployment fails.
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
