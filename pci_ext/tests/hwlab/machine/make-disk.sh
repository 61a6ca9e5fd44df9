#!/usr/bin/env bash
#
# Makes a disk image of a folder.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

folder=${1:?the folder} image=${2:?the image to write}

truncate -s 2G "$image"
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,lazy_journal_init=1 \
    -d "$folder" "$image"
