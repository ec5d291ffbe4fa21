#!/usr/bin/env bash
# Every check and every test, on services of its own. What it starts it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cargo.sh

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step "what is needed"
scripts/need.sh rust postgres redis nginx chromium curl unzip python npm
. scripts/services.sh
start_postgres
start_redis
# Meanwhile: only the integration tests need them.
scripts/need.sh s3 schemathesis &
from_pypi=$!

step "formatting"
cargo fmt --check
step "built assets"
node assets/build.mjs --check
step "clippy"
cargo clippy --locked --all-targets --quiet -- -D warnings
step "descriptions of the queries"
scripts/sqlx.sh --check
step "unit and integration tests"
wait "$from_pypi"
# Many of them mostly wait: for something that is away, frozen or asleep.
RUST_TEST_THREADS=$((2 * $(nproc))) cargo test --locked --quiet
step "browser"
# The integration tests have built the program: building it alone would build every dependency again.
# Without DATABASE_URL, so that the specs run what a newcomer runs: the program with its private PostgreSQL.
env -u DATABASE_URL UMBRACHAT="$(realpath "$target")/debug/umbrachat" npx --no-install playwright test
step "done"
