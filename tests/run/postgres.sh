#!/usr/bin/env bash
# A private PostgreSQL for the tests: on loopback, on a free port, in a folder of its own, never as root.
#   postgres.sh start DIR   makes a cluster in DIR (must not exist, or be empty), starts it, prints its URL
#   postgres.sh stop DIR    stops it and removes DIR; no error if it is already gone
# POSTGRES_DURABLE=1 keeps fsync on, as a benchmark needs; the tests kill the server's clients, not the database.
source "$(dirname "$0")/common.sh"

user=telvisor-test

# Runs a command as an unprivileged user: PostgreSQL refuses to run as root, and rightly so.
unprivileged() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid="$user" --regid="$user" --clear-groups -- env HOME="$dir" "$@"
  else
    "$@"
  fi
}

start() {
  local port attempt durable=off
  [ "${POSTGRES_DURABLE:-0}" = 1 ] && durable=on
  [ ! -e "$dir/data" ] || die "$dir holds a cluster already"
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
    chown "$user:$user" "$dir"
  fi
  chmod 700 "$dir"
  cd "$dir" # where the unprivileged user may be
  unprivileged "$bin/initdb" --pgdata="$dir/data" --username=telvisor --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >"$dir/initdb.log" 2>&1 ||
    die "initdb failed: $(cat "$dir/initdb.log")"
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    cat >"$dir/settings.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
fsync = $durable
full_page_writes = $durable
synchronous_commit = $durable
log_min_messages = warning
SETTINGS
    chmod 644 "$dir/settings.conf"
    grep -q settings.conf "$dir/data/postgresql.conf" ||
      echo "include '$dir/settings.conf'" >>"$dir/data/postgresql.conf"
    if unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/server.log" --timeout=60 --wait --silent start \
      >/dev/null 2>&1 </dev/null; then
      echo "postgres://telvisor@127.0.0.1:$port/postgres"
      return
    fi
    echo "PostgreSQL did not start on port $port (attempt $attempt)" >&2
  done
  die "PostgreSQL did not start: $(tail -5 "$dir/server.log" 2>/dev/null)"
}

stop() {
  if [ -f "$dir/data/postmaster.pid" ]; then
    cd "$dir"
    # Immediate is the last resort; the data is thrown away in any case.
    unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --mode=fast --timeout=60 --wait --silent stop >/dev/null 2>&1 ||
      unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --mode=immediate --timeout=30 --wait --silent stop >/dev/null 2>&1 ||
      echo "PostgreSQL in $dir could not be stopped" >&2
    cd /
  fi
  # Only a folder that holds a cluster of ours, or nothing, is removed.
  if [ -d "$dir/data/base" ] || [ -e "$dir/initdb.log" ]; then
    rm -rf "$dir"
  fi
}

[ $# = 2 ] || die "usage: postgres.sh start|stop DIR"
case $2 in
  /*) dir=$2 ;;
  *) die "DIR must be an absolute path" ;;
esac
bin=$(postgres_bin)
[ -n "$bin" ] || die "no PostgreSQL found: run tests/run/setup.sh"
case $1 in
  start) start ;;
  stop) stop ;;
  *) die "usage: postgres.sh start|stop DIR" ;;
esac
