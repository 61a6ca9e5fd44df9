#!/usr/bin/env bash
#
# Puts a newer QEMU than that of this machine into the cache, from Debian 13;
# run.sh takes it from there. It has an igb NIC with SR-IOV. Nothing is
# installed: it runs with the libraries that it came with.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

mkdir -p "$CACHE"
stage=$(mktemp -d "$CACHE/stage.XXXX")
trap 'rm -rf "$stage"' EXIT

# Downloads, and unpacks only what is needed for that.
debootstrap --foreign --variant=minbase \
    --include=qemu-system-x86,seabios,ipxe-qemu trixie "$stage/debian" \
    "$(mirror)"
mkdir "$stage/root" "$stage/qemu" "$stage/qemu/lib"
for package in "$stage"/debian/var/cache/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$stage/root"
done

root=$stage/root
loader=$(readlink -f "$root/usr/lib64/ld-linux-x86-64.so.2")
cp "$loader" "$stage/qemu/loader"
cp "$root/usr/bin/qemu-system-x86_64" "$stage/qemu"
"$loader" --library-path "$root/usr/lib/x86_64-linux-gnu" \
    --list "$root/usr/bin/qemu-system-x86_64" |
    awk '/=> \// { print $3 }' | xargs cp -L -t "$stage/qemu/lib"
# Some links in there are to what is not needed.
cp -rL "$root"/usr/share/{qemu,seabios} "$stage/qemu" 2> /dev/null || true
cat > "$stage/qemu/run" <<'END'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/loader" --library-path "$here/lib" "$here/qemu-system-x86_64" \
    -L "$here/qemu" -L "$here/seabios" "$@"
END
chmod +x "$stage/qemu/run"
"$stage/qemu/run" --version
rm -rf "$CACHE/qemu"
mv "$stage/qemu" "$CACHE/qemu"
