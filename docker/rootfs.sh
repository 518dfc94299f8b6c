#!/usr/bin/env bash
# Gathers everything that the binary needs to run where nothing else is: docker/rootfs.sh BINARY FOLDER
# The libraries it is linked with, their loader, certificates, and the names of its user. No shell, no tools.
set -euo pipefail
binary=$1 folder=$2
install -D --mode=755 "$binary" "$folder/usr/local/bin/telvisor"
ldd "$binary" | grep -o '/[^ ]*' | while read -r library; do
  # Where the loader looks for it; what a link names is copied under the link's name.
  install -D --mode=755 "$(readlink -f "$library")" "$folder$library"
done
install -D --mode=644 /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
echo 'telvisor:x:10001:10001::/data:/sbin/nologin' >"$folder/etc/passwd"
echo 'telvisor:x:10001:' >"$folder/etc/group"
