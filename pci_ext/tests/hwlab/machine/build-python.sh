#!/usr/bin/env bash
#
# Installs what pci_ext and its tests need into a folder, for the Python of
# the machine, and compiles it there.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

root=${1:?the root file system} target=${2:?the folder to install into}

python3 -m pip install --disable-pip-version-check --root-user-action ignore \
    --quiet --target "$target" --python-version 3.11 --only-binary :all: \
    --no-compile --requirement "$PROJECT/requirements.txt" \
    --requirement "$PROJECT/test-requirements.txt"
# In a namespace of its own a mount ends with the command.
mkdir -p "$root/opt/python"
unshare --mount sh -euc 'mount --bind "$1" "$2/opt/python"
    exec chroot "$2" python3 -m compileall -q -j 2 /opt/python' \
    sh "$target" "$root"
