#!/usr/bin/env bash
# Runs docker-compose.yml as local processes until Ctrl-C (tests/py/cluster.py).
source "$(dirname "$0")/common.sh"
tests/run/setup.sh
cargo build --workspace --locked --bins
PATH=$(postgres_bin):$PATH exec "$venv/bin/python" tests/py/cluster.py "$cargo_target/debug/telvisor"
