#!/usr/bin/env bash
# A private PostgreSQL for the tests: on loopback, on a free port, in a folder of its own, never as root.
#   postgres.sh start DIR   makes a cluster in DIR (or begins that of an earlier call again), prints its URL
#   postgres.sh kill DIR    ends it at once, as a crash would; start begins it again with what it kept
#   postgres.sh stop DIR    stops it and removes DIR; no error if it is already gone
# POSTGRES_DURABLE=1 keeps fsync on, as a benchmark needs, and whoever kills the database.
# POSTGRES_PASSWORD_FILE=FILE asks for the password in it (scram-sha-256); without it everybody on loopback is let in.
# POSTGRES_SETTINGS="a=1 b=2" adds settings.
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

run_server() {
  cd "$dir"
  unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/server.log" --timeout=60 --wait --silent start \
    >/dev/null 2>&1 </dev/null
}

url() {
  echo "postgres://telvisor@127.0.0.1:$1/postgres"
}

kill_server() {
  cd "$dir"
  unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --mode=immediate --timeout=30 --wait --silent stop >/dev/null
}

start() {
  local port attempt durable=off setting auth=(--auth=trust)
  [ "${POSTGRES_DURABLE:-0}" = 1 ] && durable=on
  if [ -e "$dir/port" ]; then
    run_server || die "PostgreSQL did not start again: $(tail -5 "$dir/server.log" 2>/dev/null)"
    url "$(cat "$dir/port")"
    return
  fi
  [ ! -e "$dir/data" ] || die "$dir holds a cluster that was never finished"
  mkdir -p "$dir"
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
    chown "$user:$user" "$dir"
  fi
  chmod 700 "$dir"
  cd "$dir" # where the unprivileged user may be
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    install --mode=644 "$POSTGRES_PASSWORD_FILE" "$dir/password" # in a folder that nobody else may enter
    auth=(--auth=scram-sha-256 --pwfile="$dir/password")
  fi
  unprivileged "$bin/initdb" --pgdata="$dir/data" --username=telvisor "${auth[@]}" \
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
    for setting in ${POSTGRES_SETTINGS:-}; do
      echo "$setting" >>"$dir/settings.conf"
    done
    chmod 644 "$dir/settings.conf"
    grep -q settings.conf "$dir/data/postgresql.conf" ||
      echo "include '$dir/settings.conf'" >>"$dir/data/postgresql.conf"
    if run_server; then
      echo "$port" >"$dir/port"
      url "$port"
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

[ $# = 2 ] || die "usage: postgres.sh start|kill|stop DIR"
case $2 in
  /*) dir=$2 ;;
  *) die "DIR must be an absolute path" ;;
esac
bin=$(postgres_bin)
[ -n "$bin" ] || die "no PostgreSQL found: run tests/run/setup.sh"
case $1 in
  start) start ;;
  kill) kill_server ;;
  stop) stop ;;
  *) die "usage: postgres.sh start|kill|stop DIR" ;;
esac
