#!/usr/bin/env bash
#
# Builds the images of the machine unless the cache has them, and prints their
# folders: that of the system and that of the Python packages. Progress is
# written to the standard error. With --check nothing is built, and the status
# is 0 if all images exist.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

# Functions print the path of each part into command substitutions.
shopt -s inherit_errexit

check=${1:-}

# Prints a key of the content of files.
key_of() {
    cat -- "$@" | sha256sum | cut -c -16
}

# Builds a folder by a function unless it exists; an existing folder is
# complete. Folders with another key are removed.
cached() {
    local kind=$1 key=$2 folder="$CACHE/$1-$2" stage log="$CACHE/build.log"
    if [ ! -d "$folder" ]; then
        [ -z "$check" ] || exit 1
        say "building $kind: see $log" >&2
        stage=$(mktemp -d "$CACHE/stage.XXXX") ||
            die "nothing can be built in $CACHE"
        # shellcheck disable=SC2064 # of now
        trap "rm -rf '$stage'" EXIT
        if ! (set -x; "build_$kind" "$stage") > "$log" 2>&1; then
            tail -n 20 "$log" >&2
            die "building $kind failed"
        fi
        find "$CACHE" -maxdepth 1 -name "$kind-*" -exec rm -rf {} +
        mv "$stage" "$folder"
        chmod 755 "$folder"
        trap - EXIT
    fi
    printf '%s\n' "$folder"
}

# In a function whose status is tested, "set -e" has no effect.
build_system() {
    "$HERE/build-root.sh" "$1/root" &&
        "$HERE/build-image.sh" "$1/root" "$1"
}

build_python() {
    "$HERE/build-python.sh" "$system/root" "$1/python" &&
        "$HERE/make-disk.sh" "$1/python" "$1/python.img" &&
        rm -rf "$1/python"
}

system=$(cached system "$(key_of "$HERE"/{common,build-root,build-image}.sh \
    "$HERE"/{make-disk.sh,extract_kernel.py,initramfs-init})")
printf '%s\n' "$system"
cached python "$(key_of "$HERE"/{build-python,make-disk}.sh \
    "$PROJECT"/{requirements,test-requirements}.txt <(echo "$system"))"
