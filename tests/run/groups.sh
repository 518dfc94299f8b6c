# shellcheck shell=bash disable=SC2154 # its variables are set by test.sh and common.sh
# The groups of test.sh, one function each, and how their results are counted. Sourced by it.

# step NAME MINUTES COMMAND...: runs one command with a time limit, shows and keeps its output, counts its results.
# Counted are cargo's "test result:" lines and our own "[name: ]N passed, N failed" lines; a command that prints
# none counts as one result. A command that fails without a counted failure (it did not compile, it timed out,
# it crashed) counts as one failure more. With none_is_fine=1 the command is no test itself, and need not hold any.
step() {
  local name=$1 minutes=$2 status=0 counts ok bad
  local log=$logs/$name.log
  shift 2
  echo ">>> $name: $*"
  : >"$log"
  # In the background, because bash acts on a signal only while it waits; tail shows the log as it grows.
  timeout --kill-after=20 "${minutes}m" "$@" </dev/null >"$log" 2>&1 &
  step_pid=$!
  tail --pid="$step_pid" --sleep-interval=0.2 --lines=+1 --follow "$log" &
  wait "$step_pid" || status=$?
  step_pid=
  wait $! || true
  counts=$(count_results <"$log")
  ok=${counts% *} bad=${counts#* }
  if [ "$counts" = "none" ]; then
    ok=0 bad=0
    [ "$status" != 0 ] || [ "${none_is_fine:-0}" = 1 ] || ok=1
  fi
  if [ "$status" != 0 ]; then
    [ "$bad" != 0 ] || bad=1
    failures+=("$name (exit status $status, log in target/test-logs/$name.log)")
  elif [ "$bad" != 0 ]; then
    failures+=("$name (reported failures, yet its exit status was 0)")
  elif [ "$ok" = 0 ] && [ "${none_is_fine:-0}" = 0 ]; then
    bad=1
    failures+=("$name (ran no test)")
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
  [ "$bad" = 0 ]
}

# A failure of the harness itself, where there is no command to run.
fail() {
  echo "FAILED: $1"
  failures+=("$1")
  failed=$((failed + 1))
}

count_results() {
  awk '
    match($0, /^test result: [a-zA-Z]+\. [0-9]+ passed; [0-9]+ failed;/) {
      split($0, word, " "); ok += word[4]; bad += word[6]; found = 1
    }
    /^([a-z0-9_.-]+: )?[0-9]+ passed, [0-9]+ failed$/ { ok += $(NF - 3); bad += $(NF - 1); found = 1 }
    END { if (found) print ok + 0, bad + 0; else print "none" }'
}

clean_up() {
  if [ -n "$step_pid" ]; then
    kill -TERM "$step_pid" 2>/dev/null || true # timeout passes it on to all it started
    wait "$step_pid" 2>/dev/null || true
    step_pid=
  fi
  stop_server || true
  for service in rabbitmq postgres; do
    [ ! -d "$scratch/$service" ] || "tests/run/$service.sh" stop "$scratch/$service" || true
  done
  cd "$root" || return
  rm -rf "$scratch"
}

# Every cargo call names the whole workspace: cargo unites features over what is selected, so that another selection
# would compile the dependencies a second time.

group_lint() {
  step fmt 5 cargo fmt --all --check || true
  step clippy 40 cargo clippy --workspace --all-targets --locked -- -D warnings || true
}

# Builds what the later groups run; once more in each of them costs nothing and lets each be called alone.
build() {
  none_is_fine=1 step "$1" 50 cargo build --workspace --locked --bins --tests --examples
}

group_build() {
  build build || true
}

group_unit() {
  local name selected=()
  for name in $(crate_tests); do
    selected+=(--test "$name")
  done
  step unit 40 cargo test --workspace --locked --no-fail-fast --lib --bins "${selected[@]}" || true
  none_is_fine=1 step doc 20 cargo test --workspace --locked --no-fail-fast --doc || true
}

# The integration tests of the crates, by name: "--test '*'" would take the root's long ones along.
crate_tests() {
  local path
  for path in crates/*/tests/*.rs crates/*/tests/*/main.rs; do
    [ -e "$path" ] || continue
    [ "$(basename "$path")" != main.rs ] || path=$(dirname "$path")
    basename "$path" .rs
  done | sort -u
}

group_it_sqlite() {
  step it-sqlite 60 cargo test --workspace --locked --no-fail-fast --test it || true
}

group_it_postgres() {
  local url
  if ! url=$(tests/run/postgres.sh start "$scratch/postgres"); then
    fail "it-postgres (PostgreSQL did not start)"
    return
  fi
  step it-postgres 60 env TEST_DATABASE_URL="$url" TEST_POSTGRES="$root/tests/run/postgres.sh" TEST_RABBITMQ="$root/tests/run/rabbitmq.sh" cargo test --workspace --locked --no-fail-fast --test it || true
  tests/run/postgres.sh stop "$scratch/postgres"
}

# The stories again, on PostgreSQL and with every hint over RabbitMQ: a job is begun when a message has told of it.
group_it_rabbitmq() {
  local url amqp modules=(stories:: matrix:: items:: cancel:: lines:: backups:: tmf622::)
  [ -z "${TELVISOR_TEST_FULL:-}" ] || modules+=(actions:: endings:: fallout:: held:: life:: states::)
  if ! url=$(tests/run/postgres.sh start "$scratch/postgres") || ! amqp=$(tests/run/rabbitmq.sh start "$scratch/rabbitmq"); then
    fail "it-rabbitmq (PostgreSQL or RabbitMQ did not start)"
  else
    step it-rabbitmq 30 env TEST_DATABASE_URL="$url" TEST_AMQP_URL="$amqp" cargo test --workspace --locked --no-fail-fast --test it -- "${modules[@]}" || true
  fi
  tests/run/rabbitmq.sh stop "$scratch/rabbitmq" || true
  tests/run/postgres.sh stop "$scratch/postgres"
}

# How it is run: docker-compose.yml by the schema of its format and as local processes, the root of the image, and the
# units of systemd.
group_cluster() {
  step cluster-schema 2 "$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec docker-compose.yml || true
  build cluster-build || return 0
  step cluster-rootfs 2 tests/run/rootfs.sh "$cargo_target/debug/telvisor" "$scratch/rootfs" || true
  step units 2 tests/run/units.sh "$cargo_target/debug/telvisor" "$scratch/units" || true
  step cluster 5 env PATH="$(postgres_bin):$PATH" "$venv/bin/python" tests/py/cluster.py --check "$cargo_target/debug/telvisor" || true
}

# All of our processes, PostgreSQL and RabbitMQ die and return, again and again; at least 100 deaths in the full run.
group_chaos() {
  step chaos 40 env TEST_CHAOS=1 TEST_POSTGRES="$root/tests/run/postgres.sh" TEST_RABBITMQ="$root/tests/run/rabbitmq.sh" \
    cargo test --workspace --locked --test it -- chaos:: --nocapture || true
}

# Readers that know nothing of our code read the files in a folder: Python's csv, asn1tools, a reader of the headers of
# TS 32.297, and asn1c as the strict one.
decode_sdr() {
  local name=$1 files=$2
  step "$name-asn1tools" 10 "$venv/bin/python" tests/py/check_sdr.py docs/SDR-DataTypes.asn1 "$files" || true
  step "$name-asn1c" 20 tests/py/asn1c_gate.sh docs/SDR-DataTypes.asn1 "$files" "$root/target/asn1c" || true
}

group_sdr_decoders() {
  local records=2000
  [ -z "${TELVISOR_TEST_FULL:-}" ] || records=100000
  build sdr-samples-build || return 0
  none_is_fine=1 step sdr-samples 5 "$cargo_target/debug/examples/sample_files" "$scratch/sdr-samples" "$records" || return 0
  decode_sdr sdr-samples "$scratch/sdr-samples"
  decode_sdr sdr-golden crates/sdr/tests/golden
  # And the readers are held to account: each changed octet of small files must be told.
  none_is_fine=1 step sdr-small-samples 5 "$cargo_target/debug/examples/sample_files" "$scratch/sdr-small" 8 || return 0
  step sdr-refuses 10 "$venv/bin/python" tests/py/check_sdr_refuses.py docs/SDR-DataTypes.asn1 "$scratch/sdr-small" || true
}

# The README's first command, as a newcomer runs it, on a fresh data folder.
group_demo() {
  build demo-build || return 0
  step demo 10 env TELVISOR_DATA="$scratch/demo" TELVISOR_LISTEN="127.0.0.1:$(free_port)" \
    "$cargo_target/debug/telvisor" demo --exit || return 0
  decode_sdr demo-sdr "$scratch/demo/sdr"
}

# Our own kit against every API and version that we serve.
group_conformance() {
  local api apis=("tmf641 4" "tmf641 5" "tmf622 4" "tmf622 5")
  apis+=("tmf620 4" "tmf629 4" "tmf633 4" "tmf635 4" "tmf637 4" "tmf638 4" "tmf639 4" "tmf639 5" "tmf642 4")
  build conformance-build || return 0
  if ! start_server "$scratch/conformance"; then
    fail "conformance (the server did not become ready, log in target/test-logs/server.log)"
    return
  fi
  none_is_fine=1 step conformance-seed 5 "$cargo_target/debug/telvisor" conformance seed --target "$server_url" || true
  for api in "${apis[@]}"; do
    step "conformance-${api/ /-v}" 15 "$cargo_target/debug/telvisor" conformance run --target "$server_url" \
      --api "${api% *}" --version "${api#* }" --junit "$logs/${api/ /_v}.xml" || true
  done
  stop_server || fail "conformance (the server did not end with status 0 on SIGTERM)"
}

# A server of ours held against its own OpenAPI documents; all of them, and more of it, in the full run.
group_openapi() {
  local examples=8 documents=(telvisor-v1 TMF641-v4 TMF641-v5 TMF622-v4 TMF622-v5)
  build openapi-build || return 0
  if [ -n "${TELVISOR_TEST_FULL:-}" ]; then
    examples=100
    mapfile -t documents < <("$cargo_target/debug/telvisor" openapi)
  fi
  if ! start_server "$scratch/openapi"; then
    fail "openapi (the server did not become ready, log in target/test-logs/server.log)"
    return
  fi
  step openapi 60 "$venv/bin/python" tests/py/openapi_gate.py --url "$server_url" --examples "$examples" \
    --seed "${TELVISOR_TEST_SEED:-1}" --strict "${documents[@]}" || true
  stop_server || fail "openapi (the server did not end with status 0 on SIGTERM)"
}

# SOAP as others see it: clients of other makes, libxml2 as the judge of what we send and of what we accept.
group_soap() {
  local count=1000 url program description
  [ -z "${TELVISOR_TEST_FULL:-}" ] || count=10000
  none_is_fine=1 step soap-setup 20 tests/run/setup.sh soap || return 0
  build soap-build || return 0
  mkdir -p "$scratch/soap-messages"
  none_is_fine=1 step soap-tests 20 env TELVISOR_TEST_SOAP_MESSAGES="$scratch/soap-messages" \
    cargo test --workspace --locked --test it -- soap:: || true
  step soap-messages 10 tests/soap/check_messages.sh "$scratch/soap-messages" || true
  step soap-oracle 60 "$venv/bin/python" tests/soap/oracle.py --count "$count" --seed "${TELVISOR_TEST_SEED:-1}" \
    --mutants "$cargo_target/debug/examples/soap_mutants" || true
  if ! start_server "$scratch/soap"; then
    fail "soap (the server did not become ready, log in target/test-logs/server.log)"
    return
  fi
  url=$server_url/soap/orders
  step soap-zeep-ne 5 "$venv/bin/python" tests/soap/zeep_ne_client.py zeep-ne "$server_url/soap/ne?wsdl" || true
  step soap-node-ne 5 "$(node_folder)/bin/node" tests/soap/node/ne_client.mjs node-ne "$server_url/soap/ne?wsdl" || true
  for description in wsdl wsdl12 singleWsdl; do
    step "soap-zeep-$description" 5 "$venv/bin/python" tests/soap/zeep_client.py zeep "$url?$description" || true
    step "soap-node-$description" 5 "$(node_folder)/bin/node" tests/soap/node/client.mjs node "$url?$description" || true
  done
  step soap-php-wsdl 5 php tests/soap/client.php php "$url?wsdl" || true
  step soap-php-wsdl12 5 php tests/soap/client.php php "$url?wsdl12" 1.2 || true
  if program=$(tests/soap/gsoap/build.sh client "$root/target/gsoap" "$url?wsdl"); then
    step soap-gsoap 5 "$program" gsoap "$url" || true
  else
    fail "soap-gsoap (the client was not generated)"
  fi
  stop_server || fail "soap (the server did not end with status 0 on SIGTERM)"

  # A server that asks who calls.
  TELVISOR_DATA=$scratch/soap-secured TELVISOR_LISTEN=127.0.0.1:$(free_port) \
    "$cargo_target/debug/telvisor" client add bss --digest --json >"$scratch/bss.json" || fail "soap-secured (no client was made)"
  if ! TELVISOR_ACCESS__MODE=required start_server "$scratch/soap-secured"; then
    fail "soap-secured (the server did not become ready, log in target/test-logs/server.log)"
    return
  fi
  step soap-zeep-secured 5 "$venv/bin/python" tests/soap/zeep_secured_client.py zeep-secured \
    "$server_url/soap/orders?wsdl" "$scratch/bss.json" || true
  stop_server || fail "soap-secured (the server did not end with status 0 on SIGTERM)"
}

# libFuzzer over what strangers send: half a minute here, as long as FUZZ_SECONDS says in `make fuzz`. What it
# finds lies in target/fuzz; what is worth keeping goes into fuzz/corpus.
group_fuzz() {
  local seconds=${FUZZ_SECONDS:-30}
  none_is_fine=1 step fuzz-build 50 env RUSTC_WORKSPACE_WRAPPER="$root/fuzz/rustc.sh" \
    cargo build --workspace --locked --features telvisor-fuzz/libfuzzer --bin fuzz_soap || return 0
  mkdir -p "$root/target/fuzz/soap"
  step fuzz-soap $((seconds / 60 + 5)) "$cargo_target/debug/fuzz_soap" -max_total_time="$seconds" -max_len=4096 -timeout=5 \
    -rss_limit_mb=512 -malloc_limit_mb=64 -print_final_stats=1 -verbosity=0 -dict=fuzz/soap.dict -artifact_prefix="$root/target/fuzz/" \
    "$root/target/fuzz/soap" fuzz/corpus/soap || true
}

# Our runner of the official kits, on a kit of our own making and a server that obeys or breaks it.
group_kit_runner() {
  none_is_fine=1 step kit-runner-setup 20 tests/run/setup.sh kit || return 0
  step kit-runner 5 env PATH="$(node_folder)/bin:$PATH" "$venv/bin/python" tests/py/check_kit_runner.py || true
}

# An official kit against our server: make conformance KIT=path.
group_official_kit() {
  local kit=${KIT:-} address
  [ -d "$kit/ctk" ] || die "KIT must name the folder of an official kit (the one with config.json and ctk/)"
  address=$(kit_address "$kit") || die "$kit is a kit of no API that we serve"
  none_is_fine=1 step official-kit-setup 20 tests/run/setup.sh kit || return 0
  build official-kit-build || return 0
  if ! start_server "$scratch/official-kit"; then
    fail "official-kit (the server did not become ready, log in target/test-logs/server.log)"
    return
  fi
  none_is_fine=1 step official-kit-seed 5 "$cargo_target/debug/telvisor" conformance seed --target "$server_url" || true
  step official-kit 10 "$(node_folder)/bin/node" conformance/run-kit.mjs "$kit" "$server_url/$address" \
    --json "$logs/official-kit.json" --junit "$logs/official-kit.xml" || true
  stop_server || fail "official-kit (the server did not end with status 0 on SIGTERM)"
}

# The path of the API that a kit tests, by the variable that its requests begin with.
kit_address() {
  local names
  names=$(grep -hoE '\{\{[A-Za-z_]+\}\}[a-z]' "$1"/ctk/*collection.json "$1"/ctk/*testkit.json 2>/dev/null | sort -u || true)
  case $names in
    *{Product_Catalog}*) echo tmf-api/productCatalogManagement/v4/ ;;
    *{Product_Ordering}*) echo tmf-api/productOrderingManagement/v4/ ;;
    *{Customer}*) echo tmf-api/customerManagement/v4/ ;;
    *{Service_Catalog}*) echo tmf-api/serviceCatalogManagement/v4/ ;;
    *{Usage}*) echo tmf-api/usageManagement/v4/ ;;
    *{Product_Inventory}*) echo tmf-api/productInventory/v4/ ;;
    *{Service_Inventory}*) echo tmf-api/serviceInventory/v4/ ;;
    *{Resource_Inventory}*) echo tmf-api/resourceInventoryManagement/v4/ ;;
    *{Service_Ordering}*) echo tmf-api/serviceOrdering/v4/ ;;
    *) return 1 ;;
  esac
}

# Durable on both sides: the benchmark compares the server with bare inserts into the same database.
group_bench() {
  local url amqp
  if ! url=$(POSTGRES_DURABLE=1 tests/run/postgres.sh start "$scratch/postgres"); then
    fail "bench (PostgreSQL did not start)"
    return
  fi
  if ! amqp=$(tests/run/rabbitmq.sh start "$scratch/rabbitmq"); then
    fail "bench (RabbitMQ did not start)"
    return
  fi
  step bench 60 env TEST_DATABASE_URL="$url" TEST_AMQP_URL="$amqp" cargo bench --workspace --locked --bench '*' || true
  tests/run/rabbitmq.sh stop "$scratch/rabbitmq"
  tests/run/postgres.sh stop "$scratch/postgres"
}

# start_server DATA: our server on the embedded default, on a free port; sets server_url when it is ready.
start_server() {
  local data=$1 port attempt deadline
  for attempt in 1 2 3; do
    port=$(free_port)
    server_url=http://127.0.0.1:$port
    TELVISOR_DATA=$data TELVISOR_LISTEN=127.0.0.1:$port "$cargo_target/debug/telvisor" serve \
      </dev/null >>"$logs/server.log" 2>&1 &
    server_pid=$!
    deadline=$((SECONDS + 60))
    while [ $SECONDS -lt $deadline ] && kill -0 "$server_pid" 2>/dev/null; do
      if curl --silent --fail --max-time 5 --output /dev/null "$server_url/health/ready"; then
        return 0
      fi
      sleep 0.2
    done
    # It ended (the port may have been taken meanwhile) or hangs: once more, on another port.
    echo "attempt $attempt: not ready at $server_url" >>"$logs/server.log"
    stop_server || true
  done
  return 1
}

# Asks the server to drain and waits for it; true if it ended by itself with status 0, or none was running.
stop_server() {
  local deadline=$((SECONDS + 60)) pid=$server_pid
  [ -n "$pid" ] || return 0
  server_pid=
  kill -TERM "$pid" 2>/dev/null || true
  while [ $SECONDS -lt $deadline ] && kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null
}
