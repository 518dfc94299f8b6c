#!/usr/bin/env bash
# A private RabbitMQ node for the tests: every port of it on loopback and free, in a folder of its own, never as root.
#   rabbitmq.sh start DIR   makes a node in DIR (or begins that of an earlier call again), prints its URL
#   rabbitmq.sh kill DIR    kills it at once, as a crash would; start begins it again with what it kept
#   rabbitmq.sh run DIR COMMAND...   runs a command of RabbitMQ on it, such as rabbitmq-diagnostics
#   rabbitmq.sh stop DIR    ends it and removes DIR; no error if it is already gone
# RABBITMQ_SETTINGS=FILE adds what the file says to rabbitmq.conf.
source "$(dirname "$0")/common.sh"

user=telvisor-test
bin=/usr/lib/rabbitmq/bin

# Runs a command of RabbitMQ as an unprivileged user that knows nothing but this node.
unprivileged() {
  local env=(env -i "HOME=$dir" "PATH=/usr/sbin:/usr/bin:/sbin:/bin" "LANG=C.UTF-8")
  # shellcheck disable=SC1091 # written by ports
  mapfile -t settings <"$dir/environment"
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid="$user" --regid="$user" --clear-groups -- "${env[@]}" "${settings[@]}" "$@"
  else
    "${env[@]}" "${settings[@]}" "$@"
  fi
}

prepare() {
  mkdir -p "$dir/log" "$dir/mnesia"
  cat >"$dir/environment" <<SETTINGS
ERL_EPMD_ADDRESS=127.0.0.1
ERL_EPMD_PORT=$(free_port)
RABBITMQ_NODENAME=telvisor-$$@localhost
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
  printf 'log.console = false\nvm_memory_high_watermark.absolute = 512MiB\ndisk_free_limit.absolute = 50MB\n' >"$dir/rabbitmq.conf"
  [ -z "${RABBITMQ_SETTINGS:-}" ] || cat "$RABBITMQ_SETTINGS" >>"$dir/rabbitmq.conf"
  if [ "$(id -u)" = 0 ]; then
    id "$user" >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin "$user"
    chown -R "$user:$user" "$dir"
  fi
  chmod 700 "$dir"
}

start() {
  [ -e "$dir/environment" ] || prepare
  cd "$dir" # where the unprivileged user may be
  rm -f "$dir/pid"
  (unprivileged setsid "$bin/rabbitmq-server" >"$dir/log/out" 2>&1 </dev/null &)
  local second
  for second in $(seq 120); do
    if [ -s "$dir/pid" ] && unprivileged "$bin/rabbitmqctl" --quiet --timeout 10 await_startup >/dev/null 2>&1; then
      echo "amqp://guest:guest@127.0.0.1:$(sed -n 's/^RABBITMQ_NODE_PORT=//p' "$dir/environment")/%2f"
      return
    fi
    sleep 0.5
  done
  die "RabbitMQ did not start in $((second / 2)) s: $(tail -5 "$dir/log/out" 2>/dev/null)"
}

# The node, its helpers, and the port mapper that it brought along.
end() {
  local port
  port=$(sed -n 's/^ERL_EPMD_PORT=//p' "$dir/environment" 2>/dev/null || true)
  if [ -s "$dir/pid" ]; then
    pkill -KILL -f -- "-mnesia dir \"$dir/mnesia" 2>/dev/null || true
    kill -KILL "$(cat "$dir/pid")" 2>/dev/null || true
  fi
  if [ "$1" = all ] && [ -n "$port" ]; then
    for pid in $(pgrep -x epmd || true); do
      if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "ERL_EPMD_PORT=$port"; then
        kill -KILL "$pid" 2>/dev/null || true
      fi
    done
  fi
}

[ $# -ge 2 ] || die "usage: rabbitmq.sh start|kill|run|stop DIR"
case $2 in
  /*) dir=$2 ;;
  *) die "DIR must be an absolute path" ;;
esac
[ -x "$bin/rabbitmq-server" ] || die "no RabbitMQ found: run tests/run/setup.sh"
case $1 in
  start) start ;;
  kill) end node ;;
  run)
    cd "$dir"
    unprivileged "$bin/$3" "${@:4}"
    ;;
  stop)
    end all
    if [ -e "$dir/environment" ]; then
      rm -rf "$dir"
    fi
    ;;
  *) die "usage: rabbitmq.sh start|kill|run|stop DIR" ;;
esac
