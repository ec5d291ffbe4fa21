# Everything one does with UmbraChat while working on it. `make` alone lists it.

# Queries are checked against the descriptions in .sqlx; `make sqlx` makes those anew.
export SQLX_OFFLINE := true

.DEFAULT_GOAL := help
.PHONY: fuzz help run dev test lint bench assets sqlx

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build a release and run it
	@exec scripts/run.sh

dev: ## Run a debug build, and build and start it again whenever a source changes
	@exec scripts/dev.sh

test: ## Install what is missing, then run every check and test, as CI does
	@exec scripts/test.sh

lint: ## Check formatting and run clippy
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

bench: ## Measure a release build under load; BENCH="--only A,B --seconds 5" chooses, --help lists
	@exec scripts/bench.sh $(BENCH)

assets: ## Build the style sheet and the script into assets/dist
	@scripts/need.sh npm
	node assets/build.mjs

sqlx: ## Make the descriptions of all queries in .sqlx anew
	@exec scripts/sqlx.sh

# The stable compiler will do: RUSTC_BOOTSTRAP lets it count what a run reaches. The copy makes cargo fuzz the program's
# own versions of its dependencies.
fuzz: export RUSTC_BOOTSTRAP := 1
fuzz: ## Fuzz what reads bytes from outside, a minute each (needs a C++ compiler and cargo-fuzz)
	@command -v cargo-fuzz >/dev/null || { echo 'make fuzz needs: cargo install cargo-fuzz' >&2; exit 1; }
	@cp Cargo.lock fuzz/Cargo.lock
	@for target in $$(cargo fuzz list); do \
	  cargo fuzz run --sanitizer none $$target -- -max_total_time=60 || exit 1; \
	done
