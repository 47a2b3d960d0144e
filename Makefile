# Every task a person runs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build bench bench-normalizer demo fuzz test fmt lint up down status docs clean

CARGO ?= cargo
KASSACTL = target/release/kassactl
# What `make demo` takes: RATE=1000|max  SECONDS=60  REGISTERS=300  SEED=1  HOLD=1
# A shell that exports its own SECONDS, a clock, is not asked.
RATE ?= 1000
SECONDS = 60
REGISTERS ?= 300
SEED ?= 1
HOLD ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: system packages, local servers, Python tools for the tests
	@crates/local-servers/setup

build: setup ## Build every program with optimisations, into target/release
	$(CARGO) build --release --locked --workspace --bins

demo: build ## The whole road on real servers, with kills and a check (RATE=1000|max SECONDS=60 REGISTERS=300 SEED=1 HOLD=1)
	@target/release/demo --rate $(RATE) --seconds $(SECONDS) --registers $(REGISTERS) --seed $(SEED) $(if $(HOLD),--hold)

bench: setup ## What each format costs: ns a receipt, and where they go
	$(CARGO) run --release --locked -q -p load-tests --bin bench

# What `make bench-normalizer` takes: PAIRS=5  RECORDS=500000
PAIRS ?= 5
RECORDS ?= 500000
bench-normalizer: setup ## The normalizer's CPU and rate beside a loop that only forwards bytes (PAIRS=5 RECORDS=500000)
	$(CARGO) build --release --locked -q -p load-tests -p normalizer --bins
	@target/release/bench-normalizer --pairs $(PAIRS) --records $(RECORDS)

TIME ?= 60
fuzz: ## Look for inputs that break a format, TIME seconds for each (needs a nightly compiler)
	@fuzz/run $(TIME)

up: build ## Start the local servers: Kafka, schema registry, MongoDB, PostgreSQL
	@$(KASSACTL) up

down: ## Stop the local servers
	@$(KASSACTL) down

status: ## Show the local servers
	@$(KASSACTL) status

test: setup fmt-check ## Format, clippy, unit tests, integration tests on real servers
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) build --locked --workspace --bins
	target/debug/kassactl with-servers -- $(CARGO) test --locked --workspace --no-fail-fast

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all --check

fmt: ## Format the code
	$(CARGO) fmt --all

lint: setup ## Check the Helm chart and the container files
	@helm/check

docs: setup ## Write the generated pages anew (docs/settings.md)
	UPDATE=1 $(CARGO) test --locked -p kassactl --test settings
