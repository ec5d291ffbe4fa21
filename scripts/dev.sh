#!/usr/bin/env bash
# A debug build that is built and started again whenever a source changes. Settings come from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cargo.sh
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"

scripts/need.sh rust npm
[ -n "${DATABASE_URL:-}" ] || scripts/need.sh postgres

server=
seen=$(mktemp)
stop() {
  [ -z "$server" ] || { kill -INT "$server" 2>/dev/null && wait "$server"; } || true
  server=
}
trap 'stop; rm -f "$seen"' EXIT
trap 'exit 130' INT TERM

while true; do
  touch "$seen"
  if node assets/build.mjs && cargo build --locked; then
    stop
    # In its own session, so that Ctrl-C comes from us once and not from the terminal too.
    setsid "$target/debug/umbrachat" "$@" &
    server=$!
  fi
  until [ -n "$(find src migrations assets Cargo.toml -newer "$seen" -not -path 'assets/dist*' -print -quit)" ]; do
    sleep 1
  done
done
