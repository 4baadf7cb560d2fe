# The commands of this repository. The work is done in scripts/, which find or install the tools they need.

.DEFAULT_GOAL := help
.PHONY: help up web test lint fmt snapshots bench bench-web revocations clean

help: ## Lists these commands
	@grep -E '^[a-z-]+: *##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+): *## /\1\t/' | awk -F '\t' '{printf "make %-10s %s\n", $$1, $$2}'

up: ## Builds Flagstone and starts it with its own Postgres; PROFILE=release for an optimised build
	@scripts/up

web: ## Runs the web client with hot reload against a running server; FLAGSTONE_ADDRESS says where that is
	@scripts/web dev

test: ## Runs every check and every test, and ends with the counts
	@scripts/test

lint: ## Runs the checks that need no tests
	@scripts/test format clippy dependencies templates contract breaking

fmt: ## Formats Rust and Terraform
	@cargo fmt --all
	@cargo fmt --manifest-path oracles/Cargo.toml
	@if command -v terraform >/dev/null; then terraform fmt -recursive templates; fi

snapshots: ## Accepts the snapshots as they are now: review them with git diff
	@INSTA_UPDATE=always cargo nextest run --workspace --locked

bench: ## Runs the benchmarks of README.md in the release profile and writes benches/RESULTS.md
	@cargo build --release --locked -p flagstone-server -p flagstone-bench -p flagstone-verify
	@target/release/flagstone-bench --write benches/RESULTS.md
	@cargo run --release --locked --manifest-path oracles/Cargo.toml --target-dir target/oracles --bin peers -- benches/RESULTS.md

bench-web: ## Measures the web client: size, speed, frames, Lighthouse; writes benches/WEB.md
	@scripts/bench-web

revocations: ## Takes a right a thousand times and uses it at once, on two servers; prints how long it still held
	@FLAGSTONE_REVOCATIONS=1000 cargo nextest run --locked --test it --no-capture access_revoked::

clean: ## Removes what was built and the tools that were fetched; the data of `make up` stays
	@cargo clean
	@rm -rf .flagstone/tools tools/node_modules clients/web/dist clients/web/node_modules tests/web/node_modules benches/web/node_modules
