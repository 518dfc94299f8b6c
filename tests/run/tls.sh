#!/usr/bin/env bash
# A certificate authority of its own for one test server, and that server's key and certificate.
#   tls.sh DIR   makes DIR with ca.pem (to trust), server.pem and server.key (for localhost and 127.0.0.1)
source "$(dirname "$0")/common.sh"

[ $# = 1 ] || die "usage: tls.sh DIR"
command -v openssl >/dev/null || die "no openssl found: run tests/run/setup.sh"
mkdir -p "$1"
cd "$1"
key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days 30 -subj "/CN=A test authority" \
  -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" 2>openssl.log || die "$(cat openssl.log)"
openssl req "${key[@]}" -keyout server.key -out server.csr -subj "/CN=localhost" 2>openssl.log || die "$(cat openssl.log)"
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.pem \
  2>openssl.log || die "$(cat openssl.log)"
rm -f ca.key ca.srl server.csr server.ext openssl.log
chmod 600 server.key
