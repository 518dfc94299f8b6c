#!/usr/bin/env bash
# Holds the systemd units against systemd's own checks: units.sh BINARY FOLDER
# A mistake in a unit, a directive that nobody knows, or more exposure than the threshold fails.
source "$(dirname "$0")/common.sh"
mkdir -p "$2"
failed=0 passed=0
for unit in systemd/telvisor@.service systemd/telvisor-simulator.service systemd/telvisor-migrate.service systemd/telvisor.target; do
  sed "s,/usr/bin/telvisor,$1," "$unit" >"$2/$(basename "$unit")"
done
check() {
  if output=$("${@:2}" 2>&1) && [ -z "$(grep -iE 'unknown|ignoring|failed to' <<<"$output" || true)" ]; then
    passed=$((passed + 1))
  else
    echo "$1: $output"
    failed=$((failed + 1))
  fi
}
cp "$2/telvisor@.service" "$2/telvisor@worker.service"
for unit in telvisor@worker.service telvisor-simulator.service telvisor-migrate.service; do
  check "$unit" env SYSTEMD_UNIT_PATH="$2:" systemd-analyze --man=no --recursive-errors=no verify "$2/$unit"
  check "$unit" systemd-analyze --no-pager security --offline=true --threshold=20 "$2/$unit"
done
echo "units: $passed passed, $failed failed"
[ "$failed" = 0 ]
