#!/bin/sh
# Compiles our own crates with the coverage that libFuzzer follows. Cargo calls it in place of rustc for the members of
# the workspace only (RUSTC_WORKSPACE_WRAPPER), so that no dependency is compiled a second time; these are options of
# the stable compiler.
rustc=$1
shift
exec "$rustc" "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Copt-level=1 -Clink-arg=-Wl,-z,nostart-stop-gc
