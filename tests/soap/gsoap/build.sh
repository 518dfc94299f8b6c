#!/usr/bin/env bash
# Generates and compiles a gSOAP program from the WSDL.
#   build.sh client FOLDER WSDL-URL    a client, from the description that a running server gives
#   build.sh server FOLDER             a server, from the files
# Prints the path of the program. What was built is kept in FOLDER until the description, the program or this script
# changes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
wsdl=$(cd "$here/../../../wsdl" && pwd)
[ $# -ge 2 ] || { echo "usage: build.sh client FOLDER WSDL-URL | build.sh server FOLDER" >&2; exit 2; }
kind=$1 folder=$2 url=${3:-$wsdl/telvisor-orders.wsdl}

key=$(cat "$wsdl"/telvisor-orders.* "$here/$kind.c" "$0" | sha256sum | cut -c1-16)
built=$folder/$kind-$key
if [ ! -x "$built/$kind" ]; then
  rm -rf "$folder/$kind"-*
  mkdir -p "$built"
  (
    cd "$built"
    wsdl2h -c -I "$wsdl" -o orders.h "$url"
    case $kind in
      client) soapcpp2 -c -C -L -x orders.h; parts=(soapC.c soapClient.c) level=-O0 ;;
      server) soapcpp2 -c -S -L -x orders.h; parts=(soapC.c soapServer.c) level=-O2 ;;
    esac
    gcc -std=gnu11 "$level" -I. -o "$kind.new" "$here/$kind.c" "${parts[@]}" -lgsoap -lpthread
    mv "$kind.new" "$kind"
  ) >"$built/log" 2>&1 || { cat "$built/log" >&2; exit 1; }
fi
echo "$built/$kind"
