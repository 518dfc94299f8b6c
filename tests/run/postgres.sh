#!/usr/bin/env bash
# A private PostgreSQL for the tests: on loopback, on a free port, in a folder of its own, never as root.
#   postgres.sh start DIR           makes a cluster in DIR (or begins that of an earlier call again), prints its URL
#   postgres.sh standby DIR OTHER   makes OTHER a streaming standby of DIR, which waits for it at each commit; prints its URL
#   postgres.sh promote DIR         makes a standby the primary
#   postgres.sh kill DIR            ends it at once, as a crash would; start begins it again with what it kept
#   postgres.sh stop DIR            stops it and removes DIR; no error if it is already gone
# It takes TLS, too: DIR/tls/ca.pem is to be trusted. Nobody needs a password but those who come by TLS as with_password.
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

own() {
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
    chown -R "$user:$user" "$dir"
  fi
  chmod 700 "$dir"
}

run_server() {
  cd "$dir" # where the unprivileged user may be
  unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --log="$dir/server.log" --timeout=60 --wait --silent start \
    >/dev/null 2>&1 </dev/null
}

url() {
  echo "postgres://telvisor@127.0.0.1:$1/postgres"
}

# begin KIND: starts what lies in DIR for the first time, and prints its URL. `settings_of_KIND PORT` writes its settings.
begin() {
  local port attempt
  for attempt in 1 2 3 4 5; do
    port=$(free_port)
    "settings_of_$1" "$port"
    if run_server; then
      echo "$port" >"$dir/port"
      url "$port"
      return
    fi
    echo "PostgreSQL did not start on port $port (attempt $attempt)" >&2
  done
  die "PostgreSQL did not start: $(tail -5 "$dir/server.log" 2>/dev/null)"
}

settings_of_primary() {
  local durable=off setting
  [ "${POSTGRES_DURABLE:-0}" = 1 ] && durable=on
  cat >"$dir/settings.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
max_connections = 200
fsync = $durable
full_page_writes = $durable
synchronous_commit = $durable
log_min_messages = warning
ssl = on
ssl_cert_file = '$dir/tls/server.pem'
ssl_key_file = '$dir/tls/server.key'
SETTINGS
  for setting in ${POSTGRES_SETTINGS:-}; do
    echo "$setting" >>"$dir/settings.conf"
  done
  chmod 644 "$dir/settings.conf"
  grep -q settings.conf "$dir/data/postgresql.conf" ||
    echo "include '$dir/settings.conf'" >>"$dir/data/postgresql.conf"
}

# What comes last holds.
settings_of_standby() {
  echo "port = $1" >>"$dir/data/postgresql.auto.conf"
}

start() {
  local auth=(--auth=trust)
  if [ -e "$dir/port" ]; then
    run_server || die "PostgreSQL did not start again: $(tail -5 "$dir/server.log" 2>/dev/null)"
    url "$(cat "$dir/port")"
    return
  fi
  [ ! -e "$dir/data" ] || die "$dir holds a cluster that was never finished"
  mkdir -p "$dir"
  tests/run/tls.sh "$dir/tls"
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
    install --mode=644 "$POSTGRES_PASSWORD_FILE" "$dir/password" # in a folder that nobody else may enter
    auth=(--auth=scram-sha-256 --pwfile="$dir/password")
  fi
  own
  (
    cd "$dir"
    unprivileged "$bin/initdb" --pgdata="$dir/data" --username=telvisor "${auth[@]}" \
      --encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >"$dir/initdb.log" 2>&1 ||
      die "initdb failed: $(cat "$dir/initdb.log")"
  )
  sed -i '1i hostssl all with_password 127.0.0.1/32 scram-sha-256\nhostnossl all with_password 127.0.0.1/32 reject' \
    "$dir/data/pg_hba.conf"
  begin primary
}

standby() {
  local primary=$dir port
  port=$(cat "$primary/port")
  dir=$1
  [ ! -e "$dir/data" ] || die "$dir holds a cluster already"
  mkdir -p "$dir"
  own
  (
    cd "$dir"
    unprivileged "$bin/pg_basebackup" --pgdata="$dir/data" --write-recovery-conf --checkpoint=fast --no-sync \
      --dbname="host=127.0.0.1 port=$port user=telvisor application_name=standby" >"$dir/initdb.log" 2>&1 ||
      die "pg_basebackup failed: $(cat "$dir/initdb.log")"
  )
  begin standby
  local setting
  for setting in "synchronous_standby_names = '*'" "synchronous_commit = on"; do
    "$bin/psql" --quiet --no-psqlrc --dbname="postgres://telvisor@127.0.0.1:$port/postgres" \
      --command="ALTER SYSTEM SET $setting" --command="SELECT pg_reload_conf()" >/dev/null
  done
}

end() {
  cd "$dir"
  unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --mode="$1" --timeout=60 --wait --silent stop >/dev/null 2>&1
}

promote() {
  cd "$dir"
  unprivileged "$bin/pg_ctl" --pgdata="$dir/data" --timeout=60 --wait --silent promote >/dev/null
}

stop() {
  if [ -f "$dir/data/postmaster.pid" ]; then
    # Immediate is the last resort; the data is thrown away in any case.
    end fast || end immediate || echo "PostgreSQL in $dir could not be stopped" >&2
    cd /
  fi
  # Only a folder that holds a cluster of ours, or nothing, is removed.
  if [ -d "$dir/data/base" ] || [ -e "$dir/initdb.log" ]; then
    rm -rf "$dir"
  fi
}

usage="usage: postgres.sh start|promote|kill|stop DIR, or postgres.sh standby DIR OTHER"
[ $# -ge 2 ] || die "$usage"
for folder in "${@:2}"; do
  [[ $folder == /* ]] || die "$folder must be an absolute path"
done
dir=$2
bin=$(postgres_bin)
[ -n "$bin" ] || die "no PostgreSQL found: run tests/run/setup.sh"
case $1 in
  start) start ;;
  standby)
    [ $# = 3 ] || die "$usage"
    standby "$3"
    ;;
  promote) promote ;;
  kill) end immediate ;;
  stop) stop ;;
  *) die "$usage" ;;
esac
