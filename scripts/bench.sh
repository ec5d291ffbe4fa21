#!/usr/bin/env bash
# Measures a release build under load, on a durable PostgreSQL and a Redis of its own: bench.sh [options of the load
# generator, or --micro]. docs/performance.md tells how to read the result.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cargo.sh

if [ "${1:-}" = --micro ]; then
  shift
  scripts/need.sh rust
  exec cargo bench --locked --bench micro -- "$@"
fi

scripts/need.sh rust postgres redis
. scripts/services.sh
cargo bench --locked --quiet --no-run --bench load
start_postgres durable
start_redis
export REDIS_PID=$redis_pid
# Two sockets of an idle connection each need a file, one here and one in the server.
ulimit -S -n "$(ulimit -H -n)"
cargo bench --locked --quiet --bench load -- "$@"
