# What one does with this project, by name. `make test` needs nothing beforehand but Debian 12, git, make, gcc and Rust.
.DEFAULT_GOAL := build
.PHONY: build test test-long fuzz bench fmt lint conformance cluster chaos clean-var

build:
	cargo build --workspace --locked

# Everything that a change must pass; `tests/run/test.sh unit it-sqlite` runs some groups of it.
test:
	@tests/run/test.sh

# The same with the full counts (kills, faults, cases); hours.
test-long:
	@TELVISOR_TEST_FULL=1 tests/run/test.sh

# Fuzzing, for an hour or as long as you say: make fuzz FOR=600 (seconds)
fuzz:
	@FUZZ_SECONDS="$(or $(FOR),3600)" tests/run/test.sh fuzz

bench:
	@tests/run/test.sh bench

fmt:
	cargo fmt --all

lint:
	@tests/run/test.sh lint

# An official TM Forum kit against a server of ours: make conformance KIT=path/of/the/kit
conformance:
	@KIT="$(KIT)" tests/run/test.sh official-kit

# docker-compose.yml as local processes, until Ctrl-C; with CHECK=1 it is tried out and stopped.
cluster:
	@$(if $(CHECK),tests/run/test.sh cluster,tests/run/cluster.sh)

# At least 100 deaths of everything under load: make chaos SEED=7 draws those of an earlier run again.
chaos:
	@TELVISOR_TEST_FULL=1 TELVISOR_TEST_SEED="$(SEED)" tests/run/test.sh chaos

# The data folder of `cargo run` without arguments.
clean-var:
	rm -rf var
