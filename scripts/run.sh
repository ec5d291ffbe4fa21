#!/usr/bin/env bash
# Builds a release and becomes it. Settings come from the environment: README.md lists them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cargo.sh

scripts/need.sh rust
[ -n "${DATABASE_URL:-}" ] || scripts/need.sh postgres
cargo build --locked --release
exec "$target/release/umbrachat" "$@"
