#!/usr/bin/env bash
# Gathers the image's root, and runs the binary where nothing else is: rootfs.sh BINARY FOLDER
# Only root may change a process's root; others see that all is there.
source "$(dirname "$0")/common.sh"
docker/rootfs.sh "$1" "$2"
if [ "$(id -u)" = 0 ] && chroot "$2" /usr/local/bin/telvisor --version >/dev/null 2>&1; then
  chroot --userspec=10001:10001 "$2" /usr/local/bin/telvisor config check
fi
for file in usr/local/bin/telvisor etc/ssl/certs/ca-certificates.crt etc/passwd; do
  [ -s "$2/$file" ] || die "$file is missing"
done
[ ! -e "$2/bin/sh" ] || die "there is a shell"
[ "$(find "$2" -type f | wc -l)" -lt 20 ] || die "there is more than the binary needs: $(find "$2" -type f)"
