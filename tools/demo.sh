#!/usr/bin/env bash
#
# Demonstrates PCI flavors: real Nova and Placement services, three simulated
# hosts, and the openstack command.
#
#   tools/demo.sh [--keep] [--json FILE]
#
#   --keep        leave the services running, and print how to use them
#   --json FILE   write the results
#
# Needs Python 3.11, git and the package registry. Ends with a non-zero status
# if a check fails.

set -uo pipefail

fail() {
    printf 'demo.sh: %s\n' "$*" >&2
    exit 1
}

arguments=()
while [ $# -gt 0 ]; do
    case $1 in
    --keep) arguments+=(--keep) ;;
    --json)
        [ $# -gt 1 ] || fail '--json needs the name of a file'
        arguments+=(--json "$(realpath -m -- "$2")")
        shift
        ;;
    -h | --help)
        sed -n '3,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *) fail "unknown option $1; there are --keep and --json FILE" ;;
    esac
    shift
done

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

python=${PYTHON:-python3.11}
venv=.venv-demo

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    2> /dev/null; then
    fail "$python is missing or older than Python 3.11. Install it (Debian 12:" \
        "apt-get install python3.11 python3.11-venv), or set PYTHON to the" \
        "interpreter to use."
fi
command -v git > /dev/null || fail 'git is missing: install it.'

printf '==> Installing pci_ext, Nova and the openstack command into %s\n' \
    "$venv"
started=$SECONDS
if [ ! -x "$venv/bin/python" ]; then
    printf '    the first time this takes a few minutes\n'
    "$python" -m venv --clear "$venv" ||
        fail 'cannot make a virtual environment (Debian: python3.11-venv).'
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    '.[allinone,client]' ||
    fail 'cannot install: is the package registry reached?'
printf '    done in %d s\n' "$((SECONDS - started))"

exec "$venv/bin/python" -W ignore tools/demo.py "${arguments[@]}"
