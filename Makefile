# Every target works from a fresh clone; as root it installs what is missing first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test test-quick test-workers perf fmt lint build clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## PNS in a lab of its own with a real client dialled in; Ctrl-C ends it, or RUN_SECONDS=N
	@tests/interop/lab/run

test: ## everything that CI checks
	@tests/suites all

test-quick: ## formatting, lints and all tests without a lab: under 3 minutes
	@tests/suites quick

test-workers: ## all cases of the lab again, with 2 workers and with 3: half an hour
	@tests/suites workers

perf: ## the benchmark harness: SCENARIO=name for one scenario, QUICK=1 for a short run
	@packaging/install-dependencies.sh build test reference
	@cargo build --release --quiet # `setup` dials the server itself
	@GLIBC_TUNABLES=glibc.malloc.hugetlb=1 cargo run --release --quiet -p pns-perf -- $(SCENARIO) $(if $(QUICK),--quick)

fmt: ## format the code
	@cargo fmt --all

lint: ## formatting and lints, as CI sees them
	@tests/suites lint

build: ## the release binary, target/release/pns
	@packaging/install-dependencies.sh build
	@cargo build --release

clean: ## remove what builds left, and labs whose owner is gone
	@cargo clean
	@[ "$$(id -u)" != 0 ] || tests/interop/lab/lab sweep
