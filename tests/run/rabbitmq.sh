#!/usr/bin/env bash
# Private RabbitMQ nodes for the tests: every port of them on loopback and free, in a folder of their own, never as root.
#   rabbitmq.sh start DIR      makes a node in DIR (or begins that of an earlier call again), prints its URL
#   rabbitmq.sh kill DIR       kills it at once, as a crash would; start begins it again with what it kept
#   rabbitmq.sh amqps DIR      prints the URL of its TLS listener; DIR/tls/ca.pem is to be trusted
#   rabbitmq.sh run DIR COMMAND…   runs a command of RabbitMQ on it, such as rabbitmq-diagnostics
#   rabbitmq.sh cluster DIR    makes three nodes of one cluster in DIR/1, DIR/2 and DIR/3, prints their URLs
#   rabbitmq.sh stop DIR       ends the node, or the cluster's, and removes DIR; no error if it is already gone
# RABBITMQ_SETTINGS=FILE adds what the file says to rabbitmq.conf.
source "$(dirname "$0")/common.sh"

user=telvisor-test
bin=/usr/lib/rabbitmq/bin

# Runs a command of RabbitMQ as an unprivileged user that knows nothing but this node.
unprivileged() {
  local env=(env -i "HOME=$dir" "PATH=/usr/sbin:/usr/bin:/sbin:/bin" "LANG=C.UTF-8")
  # shellcheck disable=SC1091 # written by prepare
  mapfile -t settings <"$dir/environment"
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid="$user" --regid="$user" --clear-groups -- "${env[@]}" "${settings[@]}" "$@"
  else
    "${env[@]}" "${settings[@]}" "$@"
  fi
}

# setting NAME: what the node was started with.
setting() {
  sed -n "s/^$1=//p" "$dir/environment" 2>/dev/null || true
}

# prepare EPMD_PORT COOKIE: nodes of one cluster share both.
prepare() {
  mkdir -p "$dir/log" "$dir/mnesia"
  cat >"$dir/environment" <<SETTINGS
ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_PORT=$1
RABBITMQ_NODENAME=telvisor-$$-$(basename "$dir")@localhost
RABBITMQ_NODE_PORT=$(free_port)
RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
RABBITMQ_DIST_PORT=$(free_port)
RABBITMQ_MNESIA_BASE=$dir/mnesia
RABBITMQ_LOG_BASE=$dir/log
RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
RABBITMQ_CONF_ENV_FILE=$dir/none
RABBITMQ_ENABLED_PLUGINS_FILE=$dir/plugins
RABBITMQ_PID_FILE=$dir/pid
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}
SETTINGS
  echo '[].' >"$dir/plugins"
  echo "$2" >"$dir/.erlang.cookie"
  chmod 400 "$dir/.erlang.cookie"
  tests/run/tls.sh "$dir/tls"
  cat >"$dir/rabbitmq.conf" <<SETTINGS
log.console = false
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 50MB
listeners.ssl.1 = 127.0.0.1:$(free_port)
ssl_options.cacertfile = $dir/tls/ca.pem
ssl_options.certfile = $dir/tls/server.pem
ssl_options.keyfile = $dir/tls/server.key
SETTINGS
  [ -z "${RABBITMQ_SETTINGS:-}" ] || cat "$RABBITMQ_SETTINGS" >>"$dir/rabbitmq.conf"
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
    chown -R "$user:$user" "$dir"
  fi
  chmod 700 "$dir"
}

cookie() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

start() {
  [ -e "$dir/environment" ] || prepare "$(free_port)" "$(cookie)"
  cd "$dir" # where the unprivileged user may be
  rm -f "$dir/pid"
  (unprivileged setsid "$bin/rabbitmq-server" >"$dir/log/out" 2>&1 </dev/null &)
  local second
  for second in $(seq 120); do
    if [ -s "$dir/pid" ] && unprivileged "$bin/rabbitmqctl" --quiet --timeout 10 await_startup >/dev/null 2>&1; then
      echo "amqp://guest:guest@127.0.0.1:$(setting RABBITMQ_NODE_PORT)/%2f"
      return
    fi
    sleep 0.5
  done
  die "RabbitMQ did not start in $((second / 2)) s: $(tail -5 "$dir/log/out" 2>/dev/null)"
}

ctl() {
  cd "$dir"
  unprivileged "$bin/rabbitmqctl" --quiet --timeout 30 "$@" </dev/null
}

cluster() {
  local all=$dir port secret first node urls=() waiting=()
  port=$(free_port)
  secret=$(cookie)
  for node in 1 2 3; do
    dir=$all/$node
    prepare "$port" "$secret"
    [ "$node" != 1 ] || first=$(setting RABBITMQ_NODENAME)
  done
  chmod 711 "$all"
  for node in 1 2 3; do
    dir=$all/$node
    (
      # By exec: nothing that is started here keeps the caller waiting for the end of its output.
      exec >"$dir/url"
      start
    ) &
    waiting+=($!)
  done
  for node in "${waiting[@]}"; do
    wait "$node"
  done
  for node in 1 2 3; do
    dir=$all/$node
    if [ "$node" != 1 ]; then
      ctl stop_app
      ctl join_cluster "$first"
      ctl start_app
    fi
    urls+=("$(cat "$dir/url")")
  done
  (IFS=,; echo "${urls[*]}")
}

# The node, its helpers, and the port mapper that it brought along.
end() {
  local port
  port=$(setting ERL_EPMD_PORT)
  if [ -s "$dir/pid" ]; then
    pkill -KILL -f -- "-mnesia dir \"$dir/mnesia" 2>/dev/null || true
    kill -KILL "$(cat "$dir/pid")" 2>/dev/null || true
  fi
  if [ "$1" = all ] && [ -n "$port" ]; then
    for pid in $(pgrep -x epmd || true); do
      if { tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null | grep -x "ERL_EPMD_PORT=$port" >/dev/null; then
        kill -KILL "$pid" 2>/dev/null || true
      fi
    done
  fi
}

stop() {
  local all=$dir made=
  for dir in "$all" "$all"/[123]; do
    if [ -e "$dir/environment" ]; then
      end all
      made=1
    fi
  done
  [ -z "$made" ] || rm -rf "$all"
}

[ $# -ge 2 ] || die "usage: rabbitmq.sh start|kill|amqps|run|cluster|stop DIR"
case $2 in
  /*) dir=$2 ;;
  *) die "DIR must be an absolute path" ;;
esac
[ -x "$bin/rabbitmq-server" ] || die "no RabbitMQ found: run tests/run/setup.sh"
case $1 in
  start) start ;;
  kill) end node ;;
  amqps) echo "amqps://guest:guest@localhost:$(sed -n 's/^listeners.ssl.1 = 127.0.0.1://p' "$dir/rabbitmq.conf")/%2f" ;;
  run)
    cd "$dir"
    unprivileged "$bin/$3" "${@:4}"
    ;;
  cluster) cluster ;;
  stop) stop ;;
  *) die "usage: rabbitmq.sh start|kill|amqps|run|cluster|stop DIR" ;;
esac
