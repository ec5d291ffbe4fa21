#!/usr/bin/env bash
# Describes every query against a fresh database with all migrations, into .sqlx; with --check it only compares.
# It does what `cargo sqlx prepare` does, without that tool: with SQLX_OFFLINE_DIR set, the macros write what they see.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cargo.sh
scripts/need.sh rust postgres
. scripts/services.sh
start_postgres

for migration in migrations/*.sql; do
  "$pg_bin/psql" "$DATABASE_URL" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction --file="$migration"
done
fresh="$services/sqlx"
mkdir "$fresh"
# Only what is compiled anew is described.
touch src/lib.rs src/main.rs tests/it/main.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$fresh" cargo check --locked --all-targets --quiet

if [ "${1:-}" = --check ]; then
  diff --recursive --brief .sqlx "$fresh" || { echo ".sqlx is not what the queries give: run make sqlx" >&2; exit 1; }
else
  rm -rf .sqlx
  cp -r "$fresh" .sqlx
fi
