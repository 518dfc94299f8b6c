#!/usr/bin/env bash
# Runs groups of tests one after another and closes with one line: "N passed, N failed".
#   test.sh                 what every change must pass
#   test.sh unit it-sqlite  some groups
# A failed group does not stop the next, so that one run shows every failure. The log of each step is kept in
# target/test-logs. TELVISOR_TEST_FULL=1 asks the tests for their full counts (make test-long), TELVISOR_TEST_SEED=n
# draws the kills of an earlier run again.
source "$(dirname "$0")/common.sh"
source tests/run/groups.sh

usual=(lint build unit it-sqlite it-postgres it-rabbitmq sdr-decoders demo conformance openapi soap fuzz kit-runner cluster chaos)
extra=(official-kit bench)

wanted=("$@")
[ $# -gt 0 ] || wanted=("${usual[@]}")
for group in "${wanted[@]}"; do
  [[ " ${usual[*]} ${extra[*]} " == *" $group "* ]] || die "no group '$group'; there are: ${usual[*]} ${extra[*]}"
done

# Everything that a group starts lives under here and is stopped and removed by clean_up, whatever happens.
# Not in the project's folder: an unprivileged PostgreSQL must be able to reach it.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/telvisor-test.XXXXXXXX")
chmod 711 "$scratch"
server_pid=
step_pid=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Settings of the caller's own server must not reach the tests; nor must a database of his.
for name in $(compgen -e TELVISOR_ || true) TEST_DATABASE_URL TEST_AMQP_URL; do
  [[ $name == TELVISOR_TEST_FULL || $name == TELVISOR_TEST_SEED ]] || unset "$name"
done

rm -rf "$logs"
mkdir -p "$logs"
passed=0
failed=0
failures=()
summary=()

tests/run/setup.sh || exit $?

for group in "${wanted[@]}"; do
  echo
  echo "=== $group"
  began=$(date +%s)
  before_passed=$passed before_failed=$failed
  "group_${group//-/_}"
  seconds=$(($(date +%s) - began))
  line=$(printf '%-14s %4d.%d min  %5d passed %4d failed' "$group" $((seconds / 60)) $((seconds % 60 / 6)) \
    $((passed - before_passed)) $((failed - before_failed)))
  echo "--- $line"
  summary+=("$line")
done

echo
echo "=== summary"
printf '%s\n' "${summary[@]}"
for failure in "${failures[@]}"; do
  echo "failed: $failure"
done
clean_up
trap - EXIT
echo
echo "$passed passed, $failed failed" | tee "$logs/closing-line"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
